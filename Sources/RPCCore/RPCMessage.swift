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

    /// Writes the encoding with its prefix to `place`, when it is so small that it needs no memory of its own.
    func place(at place: MessagePlace) throws(RPCError) -> PlacedMessage
}

/// Where a small message is written: finds room for so many bytes, has them written, and says what becomes of them. It neither encodes nor decodes
/// a message.
@usableFromInline
package typealias MessagePlace = (_ size: Int, _ write: (inout OutputSpan<UInt8>) -> Void) throws(RPCError) -> SentNow

/// What became of a message that was to be placed.
@usableFromInline
package enum PlacedMessage: Sendable {
    /// It was, and this was done with it.
    case sent(SentNow)
    /// It was not: this is its encoding, with its prefix.
    case large([UInt8])
}

extension RPCMessage {
    package func place(at place: MessagePlace) throws(RPCError) -> PlacedMessage { .large(try self.framed()) }
}

extension RPCMessage {
    /// Decodes a message that is at hand as an array: a detail of an error, a message inside another.
    package init(decoding bytes: [UInt8]) throws(RPCError) {
        self = try withRawBytes(of: bytes, in: bytes.indices) { (bytes) throws(RPCError) in try Self(decoding: bytes) }
    }
}
