import CurlClient
import Testing

@Suite("Address rules")
struct AddressRulesTests {
    /// Dotted decimal, or eight groups in hexadecimal.
    private static func bytes(_ text: String) -> [UInt8] {
        if text.contains(".") { return text.split(separator: ".").compactMap { UInt8($0) } }
        return text.split(separator: ":").flatMap { group in
            let value = UInt16(group, radix: 16) ?? 0
            return [UInt8(value >> 8), UInt8(value & 0xFF)]
        }
    }

    @Test(
        "Private, local and reserved addresses are refused, also those that hide in another family",
        arguments: [
            "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1",
            "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
            "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "0:0:0:0:0:0:0:0", "0:0:0:0:0:0:0:1", "fc00:0:0:0:0:0:0:1",
            "fdff:0:0:0:0:0:0:1", "fe80:0:0:0:0:0:0:1", "febf:0:0:0:0:0:0:1", "fec0:0:0:0:0:0:0:1", "ff02:0:0:0:0:0:0:1",
            "2001:db8:0:0:0:0:0:1", "0:0:0:0:0:ffff:7f00:1", "0:0:0:0:0:ffff:a00:1", "64:ff9b:0:0:0:0:a00:1", "2002:a00:1:0:0:0:0:0",
            "2001:0:0:0:0:0:f5ff:fffe", "0:0:0:0:ffff:0:a00:1", "0:0:0:0:ffff:0:a9fe:a9fe", "64:ff9b:1:0:0:0:a00:1",
            "64:ff9b:1:ffff:ffff:ffff:101:101", "2002:101:101:0:0:0:0:0", "0:0:0:0:ffff:0:101:101", "64:ff9b:2:0:0:0:0:1",
            "0:0:0:0:0:0:a00:1", "0:0:0:0:0:0:101:101", "100:0:0:0:0:0:0:1", "2001:0:101:101:0:0:fefe:fefe", "2001:2:0:0:0:0:0:1",
            "2001:10:0:0:0:0:0:1", "2001:1ff:ffff:0:0:0:0:1", "3fff:0:0:0:0:0:0:1", "3fff:fff:0:0:0:0:0:1", "5f00:0:0:0:0:0:0:1",
            "4000:0:0:0:0:0:0:1", "1fff:0:0:0:0:0:0:1", "192.88.99.1", "168.63.129.16",
        ])
    func refused(_ address: String) {
        #expect(!AddressRules.global().allow(Self.bytes(address)))
        #expect(AddressRules.any.allow(Self.bytes(address)))
    }

    @Test(
        "Public addresses are allowed, up to the edges of the reserved blocks",
        arguments: [
            "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.1.1.1", "128.0.0.1", "169.253.1.1", "172.15.0.1",
            "172.32.0.1", "192.0.1.1", "192.167.1.1", "198.17.1.1", "198.20.0.1", "223.255.255.255", "2606:4700:0:0:0:0:0:1111",
            "2001:db9:0:0:0:0:0:1", "0:0:0:0:0:ffff:101:101", "64:ff9b:0:0:0:0:101:101", "2000:0:0:0:0:0:0:1", "2001:200:0:0:0:0:0:1",
            "2003:0:0:0:0:0:0:1", "3ffe:0:0:0:0:0:0:1", "3fff:1000:0:0:0:0:0:1", "192.88.98.1", "168.63.129.17",
        ])
    func allowed(_ address: String) {
        #expect(AddressRules.global().allow(Self.bytes(address)))
        #expect(AddressRules.global(except: [.loopback, .privateNetworks]).allow(Self.bytes(address)))
    }

    private static let exceptions: [(String, AddressRules.Exception?)] = [
        ("127.0.0.1", .loopback), ("0:0:0:0:0:0:0:1", .loopback), ("0:0:0:0:0:0:0:0", nil), ("10.0.0.1", .privateNetworks),
        ("172.16.0.1", .privateNetworks), ("172.31.255.255", .privateNetworks), ("192.168.1.1", .privateNetworks),
        ("fdff:0:0:0:0:0:0:1", .privateNetworks), ("100.64.0.1", nil), ("169.254.169.254", nil), ("fe80:0:0:0:0:0:0:1", nil),
        ("fd00:ec2:0:0:0:0:0:254", nil), ("fd20:ce:0:0:0:0:0:254", nil), ("fd00:c1:0:0:0:0:a9fe:a9fe", nil), ("fd00:42:0:0:0:0:0:42", nil),
        ("0:0:0:0:0:ffff:7f00:1", nil), ("0:0:0:0:0:ffff:a00:1", nil),
    ]

    @Test("This machine and private networks are allowed only by the exception that says so", arguments: exceptions)
    func excepted(_ address: String, _ exception: AddressRules.Exception?) {
        for candidate in [AddressRules.Exception.loopback, .privateNetworks] {
            #expect(AddressRules.global(except: [candidate]).allow(Self.bytes(address)) == (candidate == exception))
        }
    }

    @Test("What is no address is not allowed")
    func other() {
        #expect(!AddressRules.global().allow([]) && !AddressRules.global(except: [.loopback, .privateNetworks]).allow([1, 2, 3]))
    }
}
