import Fleet
import RPCCore
import Synchronization

/// What a handler has written, for a test that waits for it.
final class TestSink: MessageSink, Sendable {
    /// Runs what is brought to it at once: whoever commits tells the watches itself.
    private final class Home: CallHome {
        func execute(_ body: @escaping @Sendable () -> Void) { body() }
    }

    private let written = Mutex<[[UInt8]]>([])
    private let waiters = Waiters<Same>(limit: 10)
    /// The message after which there is no room: its sender waits until it is cancelled.
    private let lastWithRoom: Int?
    private let blocked = Waiters<Same>(limit: 10)

    let home: (any CallHome)?

    /// - Parameter hasHome: whether the call can be written to without its task.
    init(fullAfter lastWithRoom: Int? = nil, hasHome: Bool = true) {
        self.lastWithRoom = lastWithRoom
        self.home = hasHome ? Home() : nil
    }

    var hasRoomNow: Bool { self.lastWithRoom.map { self.count <= $0 } ?? true }

    func sendNow(_ message: [UInt8]) -> SentNow {
        let index = self.written.withLock { written in
            written.append(Array(message.dropFirst(5)))
            return written.count - 1
        }
        self.waiters.wakeAll()
        return index == self.lastWithRoom ? .takenAndFull : .taken
    }

    func send(_ message: [UInt8]) async throws(RPCError) {
        if self.sendNow(message) == .takenAndFull { try await self.untilRoom() }
    }

    func untilRoom() async throws(RPCError) {
        _ = await self.blocked.wait(unless: { false })
        throw RPCError(code: .cancelled, message: "the task was cancelled")
    }

    func sendHeaders() async throws(RPCError) {}
    func finish() async throws(RPCError) {}

    var count: Int { self.written.withLock { $0.count } }

    /// The message at `index`, once it has been written.
    func message<Message: RPCMessage>(_ index: Int, as type: Message.Type = Message.self) async throws -> Message {
        while self.count <= index {
            _ = await self.waiters.wait(unless: { self.count > index })
            try Task.checkCancellation()
        }
        return try Message(decoding: self.written.withLock { $0[index] })
    }
}
