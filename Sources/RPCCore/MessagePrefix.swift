/// The five bytes before each message: a flag (1 = compressed) and the length, big-endian
/// (grpc/grpc `doc/PROTOCOL-HTTP2.md`, "Length-Prefixed-Message").
@usableFromInline
package enum MessagePrefix {
    @inlinable
    package static var size: Int { 5 }

    /// The length that the prefix at `start` says.
    ///
    /// - Precondition: all of the prefix is there.
    @inlinable
    static func length(in bytes: [UInt8], at start: Int) -> Int { self.length(in: bytes.span, at: start) }

    @inlinable
    static func length(in bytes: Span<UInt8>, at start: Int) -> Int {
        Int(bytes[start + 1]) << 24 | Int(bytes[start + 2]) << 16 | Int(bytes[start + 3]) << 8 | Int(bytes[start + 4])
    }

    @usableFromInline
    static var tooLong: RPCError {
        RPCError(code: .resourceExhausted, message: "the message is longer than a length prefix can say")
    }

    /// Writes the prefix into the first five bytes of `framed`.
    @inlinable
    package static func fill(_ framed: inout MutableSpan<UInt8>, isCompressed: Bool = false) {
        let length = UInt32(truncatingIfNeeded: framed.count - self.size)
        framed[0] = isCompressed ? 1 : 0
        framed[1] = UInt8(truncatingIfNeeded: length >> 24)
        framed[2] = UInt8(truncatingIfNeeded: length >> 16)
        framed[3] = UInt8(truncatingIfNeeded: length >> 8)
        framed[4] = UInt8(truncatingIfNeeded: length)
    }

    /// `framed` with its prefix filled in.
    ///
    /// - Throws: RESOURCE_EXHAUSTED beyond the four bytes that the length has.
    @inlinable
    package static func completed(_ framed: consuming [UInt8], isCompressed: Bool = false) throws(RPCError) -> [UInt8] {
        guard framed.count - self.size <= UInt32.max else { throw self.tooLong }
        var bytes = framed
        var span = bytes.mutableSpan
        self.fill(&span, isCompressed: isCompressed)
        return bytes
    }
}

extension RPCMessage {
    /// The encoding with its prefix filled in: in the coding of `codec`, unless the message is empty or would grow by it.
    ///
    /// - Throws: what the encoding throws; RESOURCE_EXHAUSTED beyond the four bytes that the length has.
    @inlinable
    package func framed(by codec: MessageCodec? = nil) throws(RPCError) -> [UInt8] {
        let bytes = try self.encoded(reserving: MessagePrefix.size)
        guard bytes.count - MessagePrefix.size <= UInt32.max else { throw MessagePrefix.tooLong }
        if let codec, let smaller = try Self.compressed(bytes, by: codec) { return smaller }
        return try MessagePrefix.completed(bytes)
    }

    @usableFromInline
    static func compressed(_ framed: [UInt8], by codec: MessageCodec) throws(RPCError) -> [UInt8]? {
        guard framed.count > MessagePrefix.size else { return nil }
        let smaller = try withRawBytes(of: framed, in: MessagePrefix.size..<framed.count) { (bytes) throws(RPCError) in
            try codec.compress(bytes, MessagePrefix.size)
        }
        guard smaller.count < framed.count else { return nil }
        return try MessagePrefix.completed(smaller, isCompressed: true)
    }
}
