import Testing

@testable import RPCTransport

@Suite("The first message of a TLS client")
struct ClientHelloTests {
    private static func vector(_ bytes: [UInt8], lengthBytes: Int) -> [UInt8] {
        (0..<lengthBytes).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
    }

    private static func alpn(_ names: [String]) -> [UInt8] {
        let list = names.flatMap { self.vector(Array($0.utf8), lengthBytes: 1) }
        return [0, 16] + self.vector(self.vector(list, lengthBytes: 2), lengthBytes: 2)
    }

    private static let someExtension: [UInt8] = [0, 10, 0, 2, 0, 0]

    /// nil: a hello without extensions.
    private static func hello(_ extensions: [UInt8]?) -> [UInt8] {
        var body = [UInt8](repeating: 3, count: 34)
        body += self.vector([], lengthBytes: 1) + self.vector([0x13, 0x01], lengthBytes: 2) + self.vector([0], lengthBytes: 1)
        if let extensions { body += self.vector(extensions, lengthBytes: 2) }
        return [1] + self.vector(body, lengthBytes: 3)
    }

    private static func records(_ message: [UInt8], of size: Int = .max) -> [UInt8] {
        var records: [UInt8] = []
        var rest = message[...]
        while !rest.isEmpty {
            records += [22, 3, 1]
            records += self.vector(Array(rest.prefix(size)), lengthBytes: 2)
            rest = rest.dropFirst(size)
        }
        return records
    }

    private static let good = records(hello(someExtension + alpn(["http/1.1", "h2"])))

    static let cases: [(String, [UInt8], ClientHello.Verdict)] = [
        ("nothing", [], .needsMore), ("an offer of HTTP/2", good, .passOn), ("without its end", good.dropLast(), .needsMore),
        ("in records of one byte", records(hello(alpn(["h2"])), of: 1), .passOn),
        ("only HTTP/1.1", records(hello(alpn(["http/1.1"]))), .noHTTP2), ("a longer name", records(hello(alpn(["h2c"]))), .noHTTP2),
        ("no ALPN", records(hello(someExtension)), .noHTTP2), ("no extensions", records(hello(nil)), .noHTTP2),
        ("HTTP/1.1 in the clear", Array("GET / HTTP/1.1\r\n".utf8), .notTLS),
        ("HTTP/2 in the clear", Array("PRI * HTTP/2.0".utf8), .notTLS),
        ("one byte that is no record", [0x50], .notTLS), ("one byte that may be a record", [22], .needsMore),
        ("another handshake message", records([2] + vector([1, 2], lengthBytes: 3)), .passOn),
        ("a length beyond its end", records([1] + vector([UInt8](repeating: 3, count: 34) + [9], lengthBytes: 3)), .passOn),
        ("an empty record", [22, 3, 1, 0, 0], .passOn), ("a huge record", [22, 3, 1, 0xff, 0xff], .passOn),
        ("a record of another kind behind the first", records([1, 0, 1, 0]) + [23, 3, 3, 0, 1, 0], .passOn),
        (
            "a message that is never complete",
            records([1, 0xff, 0xff, 0xff] + [UInt8](repeating: 0, count: ClientHello.sizeMax), of: 16384), .passOn
        ),
    ]

    @Test("is judged by what it offers", arguments: cases)
    func verdict(_ name: String, _ bytes: [UInt8], _ wanted: ClientHello.Verdict) { #expect(ClientHello.verdict(on: bytes) == wanted) }

    @Test("no prefix of a good one is refused")
    func prefixes() {
        for count in 0..<Self.good.count { #expect(ClientHello.verdict(on: Array(Self.good.prefix(count))) == .needsMore) }
    }
}
