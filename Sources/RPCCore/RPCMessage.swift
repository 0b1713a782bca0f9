/// A message that gRPC can carry. Generated types conform; hand-written ones may.
@usableFromInline
package protocol RPCMessage: Sendable {
    /// Decodes untrusted bytes.
    ///
    /// - Throws: INTERNAL for bytes that are not the type's encoding, INVALID_ARGUMENT for invalid UTF-8,
    ///   RESOURCE_EXHAUSTED beyond a limit.
    init(decoding bytes: RawSpan) throws(RPCError)

    /// The encoding, preceded by `prefix` bytes left for the caller to fill (gRPC's five-byte message prefix).
    func encoded(reserving prefix: Int) throws(RPCError) -> [UInt8]

    /// Lends the encoding with its prefix to `body`, when it is so small that to copy it is cheaper than to have memory of its own for it.
    ///
    /// `body` is to copy it, and neither encodes nor decodes a message.
    func lend(to body: (RawSpan) throws(RPCError) -> SentNow) throws(RPCError) -> LentMessage
}

/// What became of a message that was to be lent.
@usableFromInline
package enum LentMessage: Sendable {
    /// It was lent, and this was done with it.
    case sent(SentNow)
    /// It was not lent: this is its encoding, with its prefix.
    case large([UInt8])
}

extension RPCMessage {
    package func lend(to body: (RawSpan) throws(RPCError) -> SentNow) throws(RPCError) -> LentMessage { .large(try self.framed()) }
}

extension RPCMessage {
    /// Decodes a message that is at hand as an array: a detail of an error, a message inside another.
    package init(decoding bytes: [UInt8]) throws(RPCError) {
        self = try withRawBytes(of: bytes, in: bytes.indices) { (bytes) throws(RPCError) in try Self(decoding: bytes) }
    }
}
