/// Reads the first message of a TLS client as far as a server must know before it answers: is it TLS at all, and does the client offer
/// HTTP/2? Everything else in it is for the TLS library to judge.
///
/// A value without I/O. It takes bytes as they come and keeps none of them.
struct ClientHello {
    enum Verdict: Equatable {
        case needsMore
        /// Not the beginning of a TLS connection.
        case notTLS
        /// A good beginning that offers HTTP/2, or one with faults that the TLS library finds as well.
        case passOn
        /// TLS without an offer of HTTP/2.
        case noHTTP2
    }

    /// Bytes before which the message must be complete. Hellos with post-quantum keys have 2 KB; BoringSSL takes 16 KB.
    static let sizeMax = 16 << 10

    /// What RFC 7301, section 3.2 asks for when no protocol is shared: the fatal alert `no_application_protocol`. Sent before the server has
    /// answered, so it is in the clear in every version of TLS.
    static let noApplicationProtocolAlert: [UInt8] = [21, 3, 3, 0, 2, 2, 120]

    static func verdict(on bytes: [UInt8]) -> Verdict {
        var message: [UInt8] = []
        var rest = bytes[...]
        // The message may be spread over several records: type 22, version 3.x, length, fragment (RFC 8446, section 5.1).
        while !self.isComplete(message) {
            guard rest.starts(with: [22, 3].prefix(rest.count)) else { return message.isEmpty ? .notTLS : .passOn }
            guard rest.count >= 5 else { return bytes.count < self.sizeMax ? .needsMore : .passOn }
            let length = Int(rest[rest.startIndex + 3]) << 8 | Int(rest[rest.startIndex + 4])
            guard (1...self.sizeMax).contains(length) else { return .passOn }
            message += rest.dropFirst(5).prefix(length)
            rest = rest.dropFirst(5 + length)
            guard (message.first ?? self.clientHello) == self.clientHello else { return .passOn }
        }
        return self.verdict(onMessage: message[...])
    }

    private static let clientHello: UInt8 = 1

    /// Type and length stand before the body.
    private static func isComplete(_ message: [UInt8]) -> Bool {
        message.count >= 4 && message.count >= 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
    }

    private static func verdict(onMessage handshake: ArraySlice<UInt8>) -> Verdict {
        var reader = Reader(handshake.dropFirst(4))
        // legacy_version, random; session id; cipher suites; compression methods (RFC 8446, section 4.1.2).
        guard reader.skip(34), reader.skipVector(lengthBytes: 1), reader.skipVector(lengthBytes: 2), reader.skipVector(lengthBytes: 1)
        else {
            return .passOn
        }
        guard !reader.isAtEnd else { return .noHTTP2 }
        guard var extensions = reader.vector(lengthBytes: 2) else { return .passOn }
        while let type = extensions.integer(2), let body = extensions.vector(lengthBytes: 2) {
            if type == self.alpnExtension { return self.offersHTTP2(body) ? .passOn : .noHTTP2 }
        }
        return .noHTTP2
    }

    /// `application_layer_protocol_negotiation` (RFC 7301).
    private static let alpnExtension = 16

    private static func offersHTTP2(_ body: Reader) -> Bool {
        var body = body
        guard var names = body.vector(lengthBytes: 2) else { return false }
        while let name = names.vector(lengthBytes: 1) {
            if name.bytes.elementsEqual("h2".utf8) { return true }
        }
        return false
    }
}

/// Takes integers and vectors with a length before them off the front.
private struct Reader {
    private(set) var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { self.bytes.isEmpty }

    mutating func skip(_ count: Int) -> Bool {
        guard self.bytes.count >= count else { return false }
        self.bytes = self.bytes.dropFirst(count)
        return true
    }

    mutating func integer(_ count: Int) -> Int? {
        guard self.bytes.count >= count else { return nil }
        let value = self.bytes.prefix(count).reduce(0) { $0 << 8 | Int($1) }
        self.bytes = self.bytes.dropFirst(count)
        return value
    }

    mutating func vector(lengthBytes: Int) -> Reader? {
        guard let length = self.integer(lengthBytes), self.bytes.count >= length else { return nil }
        defer { self.bytes = self.bytes.dropFirst(length) }
        return Reader(self.bytes.prefix(length))
    }

    mutating func skipVector(lengthBytes: Int) -> Bool { self.vector(lengthBytes: lengthBytes) != nil }
}
