import RPCCore
import Testing

@testable import RPCTransport

@Suite("Messages that wait for their reader")
struct MessageInboxTests {
    /// Messages of these sizes, out of one frame.
    private static func batch(_ sizes: Int...) throws -> MessageBatch {
        var reassembler = MessageReassembler(limit: 1000)
        let bytes = try sizes.flatMap { try BytesMessage([UInt8](repeating: 7, count: $0)).framed() }
        var offset = 0
        return try #require(try reassembler.next(atMost: .max, from: bytes.span, at: &offset))
    }

    @Test("bytes of messages taken together count as waiting, but for the first, until their reader asks for more")
    func lending() throws {
        var inbox = MessageInbox()
        inbox.deliver(try Self.batch(10, 20, 30))
        inbox.deliver(try Self.batch(40))
        #expect(inbox.queuedBytes == 60 + 15 + 45)
        #expect(try inbox.takeNow()?.get()?.count == 3)
        #expect(inbox.queuedBytes == 50 + 10 + 45)
        #expect(try inbox.takeNow()?.get()?.count == 1)
        #expect(inbox.queuedBytes == 0)
        #expect(inbox.takeNow() == nil)
    }

    @Test("a reader that waits is lent what comes, and its asking for more gives it back")
    func waitingReader() async throws {
        var inbox = MessageInbox()
        let reader = Waiter()
        inbox.take(into: reader)
        #expect(inbox.isAwaited)
        inbox.deliver(try Self.batch(10, 20))
        #expect(try await reader.wait()?.count == 2)
        #expect(!inbox.isAwaited && inbox.queuedBytes == 25)
        inbox.take(into: Waiter())
        #expect(inbox.isAwaited && inbox.queuedBytes == 0)
    }

    @Test("what a reader gave up is there for the next one, and all is dropped when the call is over")
    func abandonedReader() async throws {
        var inbox = MessageInbox()
        let abandoned = Waiter()
        inbox.take(into: abandoned)
        abandoned.answer(.failure(.taskCancelled))
        inbox.deliver(try Self.batch(10, 20))
        #expect(inbox.queuedBytes == 40)
        #expect(try inbox.takeNow()?.get()?.count == 2)
        inbox.deliver(try Self.batch(5))
        inbox.fail(RPCError(code: .cancelled, message: "the call was cancelled"))
        #expect(inbox.queuedBytes == 0)
        #expect(throws: RPCError.self) { try inbox.takeNow()?.get() }
    }
}
