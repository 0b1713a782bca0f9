internal import NIOCore
internal import RPCCore

extension SocketPlace {
    /// Nil for an address of neither kind.
    init?(_ address: SocketAddress) {
        switch address {
        case .unixDomainSocket: self = .path(address.pathname ?? "")
        case .v4, .v6:
            guard let text = address.ipAddress, let bytes = Self.bytes(ofIP: text) else { return nil }
            self = .ip(bytes, port: address.port ?? 0)
        }
    }

    /// - Parameter text: as inet_ntop(3) writes addresses.
    static func bytes(ofIP text: String) -> [UInt8]? {
        guard text.contains(":") else { return self.bytes(ofDotted: text) }
        let halves = text.split(separator: "::", omittingEmptySubsequences: false).map { self.bytes(ofGroups: $0) }
        guard halves.count <= 2, let head = halves[0], let tail = halves.count == 2 ? halves[1] : [] else { return nil }
        let missing = 16 - head.count - tail.count
        guard halves.count == 2 ? missing >= 2 : missing == 0 else { return nil }
        return head + [UInt8](repeating: 0, count: missing) + tail
    }

    private static func bytes(ofDotted text: some StringProtocol) -> [UInt8]? {
        let bytes = text.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt8($0) }
        return bytes.count == 4 ? bytes : nil
    }

    /// Groups of four hexadecimal digits, the last of which may be an IPv4 address. A zone behind `%` names an interface, and is no part of it.
    private static func bytes(ofGroups text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        for group in text.prefix(while: { $0 != "%" }).split(separator: ":") {
            if group.contains(".") {
                guard let dotted = self.bytes(ofDotted: group) else { return nil }
                bytes += dotted
            } else {
                guard let value = UInt16(group, radix: 16) else { return nil }
                bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
            }
        }
        return bytes
    }
}
