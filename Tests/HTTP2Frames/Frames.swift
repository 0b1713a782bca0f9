/// Frames as bytes, for what no session of ours would send (RFC 9113, section 4).
package enum Frame {
    package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    package static func raw(type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        [UInt8(payload.count >> 16), UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255), type, flags] + big(stream) + payload
    }

    package static func data(_ stream: UInt32, _ bytes: [UInt8], end: Bool = false) -> [UInt8] {
        raw(type: 0, flags: end ? 1 : 0, stream: stream, bytes)
    }
    package static func headers(_ stream: UInt32, _ fields: [(String, String)], end: Bool = false, endHeaders: Bool = true) -> [UInt8] {
        raw(type: 1, flags: (end ? 1 : 0) | (endHeaders ? 4 : 0), stream: stream, block(fields))
    }
    package static func continuation(_ stream: UInt32, _ fields: [(String, String)] = [], endHeaders: Bool) -> [UInt8] {
        raw(type: 9, flags: endHeaders ? 4 : 0, stream: stream, block(fields))
    }
    package static func reset(_ stream: UInt32, _ code: UInt32) -> [UInt8] { raw(type: 3, stream: stream, big(code)) }
    package static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
        raw(type: 4, entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + big($0.1) })
    }
    package static let settingsAcknowledgement = raw(type: 4, flags: 1)
    package static func ping(acknowledges: Bool = false) -> [UInt8] { raw(type: 6, flags: acknowledges ? 1 : 0, [1, 2, 3, 4, 5, 6, 7, 8]) }
    package static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> [UInt8] { raw(type: 8, stream: stream, big(increment)) }

    /// HPACK: literals without indexing and without Huffman codes (RFC 7541, 6.2.2).
    package static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { [0] + string($0.0) + string($0.1) }
    }

    private static func string(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var length: [UInt8] = [127]
        var rest = bytes.count - 127
        while rest >= 128 {
            length.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return length + [UInt8(rest)] + bytes
    }

    package static func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

    package static func request(_ path: String = "/a.B/C") -> [(String, String)] {
        [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "h"), ("content-type", "application/grpc")]
    }
}

/// A frame that a session sent.
package struct SentFrame: Equatable {
    package var type: UInt8
    package var flags: UInt8
    package var stream: UInt32
    package var payload: [UInt8]

    package static func parse(_ bytes: [UInt8]) -> [SentFrame] {
        var frames: [SentFrame] = []
        var rest = bytes[...]
        if rest.starts(with: Frame.preface) { rest = rest.dropFirst(Frame.preface.count) }
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard rest.count >= 9 + length else { break }
            let stream = head[5...8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            frames.append(SentFrame(type: head[3], flags: head[4], stream: stream, payload: Array(rest.dropFirst(9).prefix(length))))
            rest = rest.dropFirst(9 + length)
        }
        return frames
    }

    /// As the frame's name and what matters in it.
    package var summary: String {
        switch self.type {
        case 0: "DATA(\(self.payload.count))\(self.flags & 1 != 0 ? " END" : "")"
        case 1: "HEADERS\(self.flags & 1 != 0 ? " END" : "")"
        case 3: "RST_STREAM(\(self.payload[3]))"
        case 4: self.flags & 1 != 0 ? "SETTINGS ACK" : "SETTINGS"
        case 6: self.flags & 1 != 0 ? "PING ACK" : "PING"
        case 7: "GOAWAY(\(self.payload[7])\(self.payload.count > 8 ? " " + String(decoding: self.payload[8...], as: UTF8.self) : ""))"
        case 8: "WINDOW_UPDATE"
        default: "type \(self.type)"
        }
    }
}
