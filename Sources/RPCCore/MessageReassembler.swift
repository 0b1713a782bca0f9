/// Cuts the bytes of a stream's DATA frames into messages. Frame borders mean nothing: a prefix may be cut anywhere, one frame may hold many.
///
/// A message beyond the limit is refused on its prefix, and memory grows as bytes arrive: what a prefix announces is believed once a part of it
/// has come.
package struct MessageReassembler: Sendable {
    /// A message of which more than this part has come is given the memory for all of it. Of one with 64 KiB the first DATA frame is enough, with
    /// the 16 KiB that most senders put into one.
    private static let believedShare = 5

    /// Bytes of a message, its prefix not counted.
    private let limit: Int
    /// Of the coding that the sender's headers name; nil when they name none.
    package var decoder: MessageDecoder?
    private var chunk: [UInt8] = []
    /// How much of `chunk` has been used.
    private var offset = 0
    /// The beginning of a message whose rest has not come.
    private var partial: [UInt8] = []

    package init(limit: Int, decoder: MessageDecoder? = nil) {
        self.limit = limit
        self.decoder = decoder
    }

    /// Bytes of a message that is not complete. Not zero at the end of the stream means that the message was cut.
    // Stored: to ask a computed property of a value within an object copies the value, and it is asked thrice for each message.
    package private(set) var partialCount = 0

    /// Adds bytes. `next` is to be called until it returns nil before more are added.
    package mutating func append(_ bytes: [UInt8]) {
        self.chunk = bytes
        self.offset = 0
        self.partialCount = self.partial.count + bytes.count
    }

    /// The next complete messages: no more than `limit`, and those before one that is refused apart from it.
    ///
    /// - Throws: RESOURCE_EXHAUSTED for a prefix that announces too much, INTERNAL for one whose flag means nothing here.
    package mutating func next(atMost limit: Int) throws(RPCError) -> MessageBatch? {
        defer { self.partialCount = self.partial.count + (self.chunk.count - self.offset) }
        if self.partial.isEmpty, let batch = try self.nextWithinChunk(atMost: limit) { return batch }
        try self.growPartial()
        guard let length = try self.announcedLength(self.partial, at: 0), self.partial.count == MessagePrefix.size + length else {
            return nil
        }
        let message = MessageBatch(storage: self.partial, range: self.partial.indices, count: 1, decoder: self.decoder)
        self.partial = []
        return message
    }

    /// The next complete message.
    package mutating func next() throws(RPCError) -> ReceivedMessage? {
        var batch = try self.next(atMost: 1)
        return batch?.popFirst()
    }

    /// The common case: the messages lie within one frame, and are handed over without copying.
    private mutating func nextWithinChunk(atMost limit: Int) throws(RPCError) -> MessageBatch? {
        let start = self.offset
        var count = 0
        do throws(RPCError) {
            while count < limit, let length = try self.announcedLength(self.chunk, at: self.offset),
                self.chunk.count - self.offset - MessagePrefix.size >= length
            {
                self.offset += MessagePrefix.size + length
                count += 1
            }
        } catch {
            // Those before it are fine: the next look finds it again.
            if count == 0 { throw error }
        }
        return count == 0 ? nil : MessageBatch(storage: self.chunk, range: start..<self.offset, count: count, decoder: self.decoder)
    }

    /// Moves to `partial` what belongs to its message.
    private mutating func growPartial() throws(RPCError) {
        self.move(upTo: MessagePrefix.size)
        if let length = try self.announcedLength(self.partial, at: 0) {
            let size = MessagePrefix.size + length
            // Once a good part has come the rest is believed in: an array that doubles would take twice the message for its last step.
            if self.partialCount > size / Self.believedShare { self.partial.reserveCapacity(size) }
            self.move(upTo: size)
        }
        if self.offset == self.chunk.count {
            self.chunk = []
            self.offset = 0
        }
    }

    private mutating func move(upTo size: Int) {
        let count = min(size - self.partial.count, self.chunk.count - self.offset)
        guard count > 0 else { return }
        self.partial.append(contentsOf: self.chunk[self.offset..<(self.offset + count)])
        self.offset += count
    }

    private func announcedLength(_ bytes: [UInt8], at start: Int) throws(RPCError) -> Int? {
        guard bytes.count - start >= MessagePrefix.size else { return nil }
        guard bytes[start] == 0 || (bytes[start] == 1 && self.decoder != nil) else { throw Self.refusal(ofFlag: bytes[start]) }
        let length = MessagePrefix.length(in: bytes, at: start)
        guard length <= self.limit else {
            throw RPCError(
                code: .resourceExhausted, message: "the message has \(length) bytes, more than the limit of \(self.limit)")
        }
        return length
    }

    private static func refusal(ofFlag flag: UInt8) -> RPCError {
        flag == 1
            ? RPCError(code: .internal, message: "a message is compressed, but no grpc-encoding was given")
            : RPCError(code: .internal, message: "a message has the flag \(flag), which means nothing")
    }
}
