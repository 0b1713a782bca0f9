internal import DequeModule
internal import RPCCore

/// Calls of one connection whose handler has no place among the running ones yet, with the message that starts them.
/// Bounded by the number of streams, as long as a call that ends before its turn is removed.
struct StartQueue {
    private var entries = Deque<(call: ServerCall, message: ReceivedMessage?)>()
    /// Bytes of the messages.
    private(set) var byteCount = 0

    var isEmpty: Bool { self.entries.isEmpty }

    /// What starts the first call, which may be no message; nil when there is no call.
    var firstMessage: ReceivedMessage?? { self.entries.first.map(\.message) }

    mutating func append(_ call: ServerCall, _ message: ReceivedMessage?) {
        self.entries.append((call, message))
        self.byteCount += message?.count ?? 0
    }

    mutating func popFirst() -> (call: ServerCall, message: ReceivedMessage?)? {
        guard let first = self.entries.popFirst() else { return nil }
        self.byteCount -= first.message?.count ?? 0
        return first
    }

    /// Without effect when the call is not in the queue.
    mutating func remove(_ call: ServerCall) {
        guard let index = self.entries.firstIndex(where: { $0.call === call }) else { return }
        self.byteCount -= self.entries.remove(at: index).message?.count ?? 0
    }

    mutating func removeAll() { self = StartQueue() }
}
