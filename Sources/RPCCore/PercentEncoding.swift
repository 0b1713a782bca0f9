/// How `grpc-message` travels: every byte outside 0x20–0x7E, and `%`, as `%XX` (grpc/grpc `doc/PROTOCOL-HTTP2.md`, "Percent-Encoded").
package enum PercentEncoding {
    package static func encode(_ text: String) -> String {
        guard !text.utf8.allSatisfy(self.isPlain) else { return text }
        var encoded: [UInt8] = []
        for byte in text.utf8 { self.append(byte, to: &encoded) }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// The encoding of the longest beginning of `text` that takes no more than `limit` bytes and ends between two characters.
    package static func encode(_ text: String, limit: Int) -> String {
        var encoded: [UInt8] = []
        for character in text {
            let before = encoded.count
            for byte in character.utf8 { self.append(byte, to: &encoded) }
            if encoded.count > limit {
                encoded.removeSubrange(before...)
                break
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Never fails: a `%` without two hexadecimal digits stays, and bytes that are no UTF-8 become U+FFFD.
    package static func decode(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = self.digit(bytes[index + 1]),
                let low = self.digit(bytes[index + 2])
            {
                decoded.append(16 * high + low)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "%") }

    private static func append(_ byte: UInt8, to encoded: inout [UInt8]) {
        guard !self.isPlain(byte) else { return encoded.append(byte) }
        encoded += [UInt8(ascii: "%"), self.digits[Int(byte >> 4)], self.digits[Int(byte & 15)]]
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
