/// The five bytes before each message: a flag (1 = compressed) and the length, big-endian
/// (grpc/grpc `doc/PROTOCOL-HTTP2.md`, "Length-Prefixed-Message").
package enum MessagePrefix {
    package static let size = 5

    /// Writes the prefix of an uncompressed message into the first five bytes of `framed`.
    package static func fill(_ framed: inout [UInt8]) {
        let length = UInt32(truncatingIfNeeded: framed.count - self.size)
        framed[0] = 0
        framed[1] = UInt8(truncatingIfNeeded: length >> 24)
        framed[2] = UInt8(truncatingIfNeeded: length >> 16)
        framed[3] = UInt8(truncatingIfNeeded: length >> 8)
        framed[4] = UInt8(truncatingIfNeeded: length)
    }
}

extension RPCMessage {
    /// The encoding with its prefix filled in.
    ///
    /// - Throws: what the encoding throws; RESOURCE_EXHAUSTED beyond the four bytes that the length has.
    package func framed() throws(RPCError) -> [UInt8] {
        var bytes = try self.encoded(reserving: MessagePrefix.size)
        guard bytes.count - MessagePrefix.size <= UInt32.max else {
            throw RPCError(code: .resourceExhausted, message: "the message is longer than a length prefix can say")
        }
        MessagePrefix.fill(&bytes)
        return bytes
    }
}
