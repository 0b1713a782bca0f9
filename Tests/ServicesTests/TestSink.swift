import Fleet
import RPCCore
import Synchronization

/// What a handler has written, for a test that waits for it.
final class TestSink: MessageSink, Sendable {
    private let written = Mutex<[[UInt8]]>([])
    private let waiters = Waiters<Void>(limit: 10)

    func send(_ message: [UInt8]) async throws(RPCError) {
        self.written.withLock { $0.append(Array(message.dropFirst(5))) }
        self.waiters.wake { true }
    }

    func sendHeaders() async throws(RPCError) {}
    func finish() async throws(RPCError) {}

    var count: Int { self.written.withLock { $0.count } }

    /// The message at `index`, once it has been written.
    func message<Message: RPCMessage>(_ index: Int, as type: Message.Type = Message.self) async throws -> Message {
        while self.count <= index {
            _ = await self.waiters.wait(for: (), unless: { self.count > index })
            try Task.checkCancellation()
        }
        return try Message(decoding: self.written.withLock { $0[index] })
    }
}
