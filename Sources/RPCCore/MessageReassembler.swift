/// Cuts the bytes of a stream's DATA frames into messages. Frame borders mean nothing: a prefix may be cut anywhere, one frame may hold many.
///
/// Bytes are copied once, from where they were read to where their message is decoded. A message beyond the limit is refused on its prefix, and
/// memory grows as bytes arrive: what a prefix announces is believed once a part of it has come.
package struct MessageReassembler: Sendable {
    /// A message of which more than this part has come is given the memory for all of it. Of one with 64 KiB the first DATA frame is enough, with
    /// the 16 KiB that most senders put into one.
    private static let believedShare = 5
    /// Bytes of a message whose first part is given memory for itself alone: mostly the next frame completes it, together with others.
    private static let smallSize = 16_384

    /// Bytes of a message, its prefix not counted.
    private let limit: Int
    /// Of the coding that the sender's headers name; nil when they name none.
    package var decoder: MessageDecoder?
    /// The beginning of a message whose rest has not come.
    private var partial: [UInt8] = []

    package init(limit: Int, decoder: MessageDecoder? = nil) {
        self.limit = limit
        self.decoder = decoder
    }

    /// Bytes of a message that is not complete. Not zero at the end of the stream means that the message was cut.
    // Stored: to ask a computed property of a value within an object copies the value, and it is asked thrice for each message.
    package private(set) var partialCount = 0

    /// The next messages that are complete with the bytes of `input` from `offset` on, which is moved behind what was taken. To be called until it
    /// returns nil, when all has been.
    ///
    /// - Returns: no more than `limit` messages, and those before one that is refused apart from it.
    /// - Throws: RESOURCE_EXHAUSTED for a prefix that announces too much, INTERNAL for one whose flag means nothing here.
    package mutating func next(atMost limit: Int, from input: Span<UInt8>, at offset: inout Int) throws(RPCError) -> MessageBatch? {
        defer { self.partialCount = self.partial.count }
        if !self.partial.isEmpty { return try self.completePartial(atMost: limit, from: input, at: &offset) }
        let whole = self.wholeMessages(in: input, from: offset, atMost: limit)
        guard whole.count == 0 else {
            defer { offset = whole.end }
            return self.batch([UInt8](copying: input.extracting(offset..<whole.end)), whole.count)
        }
        let size = try self.announcedSize(input, at: offset)
        self.keepRest(of: input, at: &offset, size: size)
        return nil
    }

    /// The message whose beginning is here, if its rest has come, and those behind it.
    private mutating func completePartial(atMost limit: Int, from input: Span<UInt8>, at offset: inout Int) throws(RPCError)
        -> MessageBatch?
    {
        self.keep(min(MessagePrefix.size - self.partial.count, input.count - offset), of: input, at: &offset)
        let announced = try self.announcedSize(self.partial.span, at: 0)
        guard let size = announced, size - self.partial.count <= input.count - offset else {
            self.keepRest(of: input, at: &offset, size: announced)
            return nil
        }
        var whole = (count: 1, end: offset + size - self.partial.count)
        let others = self.wholeMessages(in: input, from: whole.end, atMost: limit - 1)
        // Memory for all of them may mean to move what is here, which is not to be more than what comes.
        if others.end - offset >= self.partial.count { whole = (1 + others.count, others.end) }
        self.partial.reserveCapacity(self.partial.count + whole.end - offset)
        self.keep(whole.end - offset, of: input, at: &offset)
        defer { self.partial = [] }
        return self.batch(self.partial, whole.count)
    }

    private func batch(_ storage: [UInt8], _ count: Int) -> MessageBatch {
        MessageBatch(storage: storage, range: storage.indices, count: count, decoder: self.decoder)
    }

    /// How many messages, up to `limit`, lie one behind the other from `start` on, and where they end. None is counted from one that is refused on.
    private func wholeMessages(in input: Span<UInt8>, from start: Int, atMost limit: Int) -> (count: Int, end: Int) {
        var whole = (count: 0, end: start)
        while whole.count < limit, let size = try? self.announcedSize(input, at: whole.end), input.count - whole.end >= size {
            whole = (whole.count + 1, whole.end + size)
        }
        return whole
    }

    /// Keeps all that there is of a message which has `size` bytes with its prefix; nil when that is not known.
    private mutating func keepRest(of input: Span<UInt8>, at offset: inout Int, size: Int?) {
        let count = input.count - offset
        // Once a good part has come the rest is believed in: an array that doubles would take twice the message for its last step.
        let isFirstOfSmall = self.partial.isEmpty && (size ?? 0) <= Self.smallSize
        if let size, !isFirstOfSmall, self.partial.count + count > size / Self.believedShare { self.partial.reserveCapacity(size) }
        self.keep(count, of: input, at: &offset)
    }

    private mutating func keep(_ count: Int, of input: Span<UInt8>, at offset: inout Int) {
        guard count > 0 else { return }
        self.partial.append(copying: input.extracting(offset..<offset + count))
        offset += count
    }

    /// The bytes of the message that begins at `start`, its prefix included; nil when that has not come.
    private func announcedSize(_ bytes: Span<UInt8>, at start: Int) throws(RPCError) -> Int? {
        guard bytes.count - start >= MessagePrefix.size else { return nil }
        guard bytes[start] == 0 || (bytes[start] == 1 && self.decoder != nil) else { throw Self.refusal(ofFlag: bytes[start]) }
        let length = MessagePrefix.length(in: bytes, at: start)
        guard length <= self.limit else {
            throw RPCError(
                code: .resourceExhausted, message: "the message has \(length) bytes, more than the limit of \(self.limit)")
        }
        return MessagePrefix.size + length
    }

    private static func refusal(ofFlag flag: UInt8) -> RPCError {
        flag == 1
            ? RPCError(code: .internal, message: "a message is compressed, but no grpc-encoding was given")
            : RPCError(code: .internal, message: "a message has the flag \(flag), which means nothing")
    }
}
