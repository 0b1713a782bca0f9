internal import DequeModule
internal import RPCCore

/// The messages of one call that have arrived and that its reader has not come to. Bounded by the stream's window: credit goes back as they are
/// taken, and for those that are taken together with another when their reader asks for more.
struct MessageInbox {
    private var batches = Deque<MessageBatch>()
    private var reader: Waiter?
    /// What comes after the last message.
    private var end: Result<Void, RPCError>?

    /// Bytes of the messages, prefixes included.
    private(set) var queuedBytes = 0
    /// Of these, the ones that the reader has been given behind the message that it works on.
    private var lentBytes = 0
    var isAwaited: Bool { self.reader != nil }

    mutating func deliver(_ batch: MessageBatch) {
        self.queuedBytes += batch.byteCount
        if let reader = self.reader {
            self.reader = nil
            if reader.answer(.success(batch)) { return self.lend(batch) }
        }
        self.batches.append(batch)
    }

    private mutating func lend(_ batch: MessageBatch) {
        self.queuedBytes -= batch.firstByteCount
        self.lentBytes = batch.byteCount - batch.firstByteCount
    }

    /// No message will follow; those that are here can still be taken.
    mutating func finish(_ end: Result<Void, RPCError> = .success(())) {
        guard self.end == nil else { return }
        self.end = end
        self.answerEnd()
    }

    /// The call is over: what is here is dropped.
    mutating func fail(_ error: RPCError) {
        self.batches.removeAll()
        self.queuedBytes = 0
        self.lentBytes = 0
        self.end = .failure(error)
        self.answerEnd()
    }

    /// The next messages, or the end; nil when neither is here.
    mutating func takeNow() -> Result<MessageBatch?, RPCError>? {
        self.queuedBytes -= self.lentBytes
        self.lentBytes = 0
        if let batch = self.batches.popFirst() {
            self.lend(batch)
            return .success(batch)
        }
        return self.end.map { end in end.map { nil } }
    }

    /// Answers `reader` now or when something comes.
    mutating func take(into reader: Waiter) {
        if let now = self.takeNow() {
            reader.answer(now)
        } else if self.reader?.answer(.failure(Self.twoReaders)) == true {
            // The one who came first is told as well: neither knows whose the next message would have been.
            self.reader = nil
            reader.answer(.failure(Self.twoReaders))
        } else {
            self.reader = reader
        }
    }

    private static let twoReaders = RPCError(code: .internal, message: "two tasks read the same stream")

    private mutating func answerEnd() {
        guard let reader = self.reader, let end = self.takeNow() else { return }
        self.reader = nil
        reader.answer(end)
    }
}
