/// Complete messages that lie one behind the other in the same bytes, each with its prefix: what one DATA frame has brought.
///
/// They are given to their reader together, so that a message costs no wake-up, and are cut apart as they are asked for, without copying.
@usableFromInline
package struct MessageBatch: Sendable {
    @usableFromInline let storage: [UInt8]
    /// Where the messages begin that have not been taken.
    @usableFromInline var offset: Int
    /// Where they end.
    @usableFromInline let end: Int
    /// What takes those out of their coding whose prefixes say so.
    @usableFromInline let decoder: MessageDecoder?
    /// Messages that have not been taken.
    @usableFromInline package var count: Int

    /// - Precondition: `range` holds exactly `count` messages, none of which is compressed when there is no decoder.
    init(storage: [UInt8], range: Range<Int>, count: Int, decoder: MessageDecoder?) {
        self.storage = storage
        self.offset = range.lowerBound
        self.end = range.upperBound
        self.count = count
        self.decoder = decoder
    }

    @usableFromInline
    package init() { self.init(storage: [], range: 0..<0, count: 0, decoder: nil) }

    /// One message with its prefix, as ``RPCMessage/framed()`` makes it.
    package init(framed: [UInt8]) { self.init(storage: framed, range: framed.indices, count: 1, decoder: nil) }

    @inlinable
    package var isEmpty: Bool { self.offset == self.end }

    /// Whether the next message is compressed.
    @inlinable
    var isFirstCompressed: Bool { !self.isEmpty && self.storage[self.offset] != 0 }

    /// Bytes that have not been taken, prefixes included.
    package var byteCount: Int { self.end - self.offset }

    /// Those of the next message.
    package var firstByteCount: Int { self.isEmpty ? 0 : MessagePrefix.size + MessagePrefix.length(in: self.storage, at: self.offset) }

    package mutating func popFirst() -> ReceivedMessage? {
        guard !self.isEmpty else { return nil }
        let isCompressed = self.storage[self.offset] != 0
        return ReceivedMessage(storage: self.storage, range: self.takeRange(), decoder: isCompressed ? self.decoder : nil)
    }

    /// The next message, decoded where it lies.
    ///
    /// - Precondition: there is one, and it is not compressed.
    @inlinable
    mutating func decodeFirst<Message: RPCMessage>() throws(RPCError) -> Message {
        let range = self.takeRange()
        return try withRawBytes(of: self.storage, in: range) { (bytes) throws(RPCError) in try Message(decoding: bytes) }
    }

    @inlinable
    mutating func takeRange() -> Range<Int> {
        let start = self.offset + MessagePrefix.size
        let end = start + MessagePrefix.length(in: self.storage, at: self.offset)
        self.offset = end
        self.count -= 1
        return start..<end
    }
}
