internal import DequeModule
internal import RPCCore

/// The messages of one call that have arrived and have not been taken. Bounded by the stream's window: credit goes back as they are taken.
struct MessageInbox {
    private var messages = Deque<ReceivedMessage>()
    private var reader: Waiter<ReceivedMessage?>?
    /// What comes after the last message.
    private var end: Result<Void, RPCError>?

    /// Bytes of the messages, prefixes included.
    private(set) var queuedBytes = 0
    var isAwaited: Bool { self.reader != nil }

    mutating func deliver(_ message: ReceivedMessage) {
        if let reader = self.reader {
            self.reader = nil
            if reader.answer(.success(message)) { return }
        }
        self.messages.append(message)
        self.queuedBytes += MessagePrefix.size + message.count
    }

    /// No message will follow; those that are here can still be taken.
    mutating func finish(_ end: Result<Void, RPCError> = .success(())) {
        guard self.end == nil else { return }
        self.end = end
        self.answerEnd()
    }

    /// The call is over: what is here is dropped.
    mutating func fail(_ error: RPCError) {
        self.messages.removeAll()
        self.queuedBytes = 0
        self.end = .failure(error)
        self.answerEnd()
    }

    /// The next message, or the end; nil when neither is here.
    mutating func takeNow() -> Result<ReceivedMessage?, RPCError>? {
        if let message = self.messages.popFirst() {
            self.queuedBytes -= MessagePrefix.size + message.count
            return .success(message)
        }
        return self.end.map { end in end.map { nil } }
    }

    /// Answers `reader` now or when something comes.
    mutating func take(into reader: Waiter<ReceivedMessage?>) {
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
