import RPCCore
import Synchronization
import Testing

@Suite("Messages that are taken together")
struct MessageStreamTests {
    /// Gives one batch of messages, 1 and so on, then the end.
    private final class Source: MessageSource {
        private let count: UInt8
        private let isGiven = Atomic(false)
        let reason = Mutex<RPCError?>(nil)
        let asked = Atomic(0)

        init(_ count: UInt8 = 3) { self.count = count }

        func next() async throws(RPCError) -> MessageBatch? {
            self.asked.wrappingAdd(1, ordering: .relaxed)
            guard !self.isGiven.exchange(true, ordering: .relaxed) else { return nil }
            var reassembler = MessageReassembler(limit: 100)
            var bytes: [UInt8] = []
            for number in 1...self.count { bytes += try BytesMessage([number]).framed() }
            var offset = 0
            return try reassembler.next(atMost: .max, from: bytes.span, at: &offset)
        }

        func checkOpen() async throws(RPCError) {
            if let reason = self.reason.withLock({ $0 }) { throw reason }
        }
    }

    @Test("they are read one by one, and their source is asked once for all of them")
    func order() async throws {
        let source = Source()
        var read: [[UInt8]] = []
        for try await message in MessageStream<BytesMessage>(source) { read.append(message.bytes) }
        #expect(read == [[1], [2], [3]])
        #expect(source.asked.load(ordering: .relaxed) == 2)
    }

    @Test("a cancelled reader of a call that is over learns why, instead of working through the rest")
    func overWhileReading() async throws {
        let source = Source()
        let reader = Task {
            var messages = MessageStream<BytesMessage>(source).makeAsyncIterator()
            _ = try await messages.next()
            source.reason.withLock { $0 = RPCError(code: .deadlineExceeded, message: "the deadline is over") }
            #expect(try await messages.next()?.bytes == [2], "its task is not cancelled")
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            return try await messages.next()
        }
        let error = await #expect(throws: RPCError.self) { try await reader.value }
        #expect(error?.code == .deadlineExceeded)
    }

    @Test("a cancelled reader works on seven more at most", arguments: 2...20 as ClosedRange<UInt8>)
    func lookedAtWhileReading(_ count: UInt8) async throws {
        let source = Source(count)
        source.reason.withLock { $0 = .taskCancelled }
        let reader = Task {
            var messages = MessageStream<BytesMessage>(source).makeAsyncIterator()
            _ = try await messages.next()
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            var read = 0
            while (try? await messages.next()) != nil { read += 1 }
            return read
        }
        #expect(try await reader.value <= min(7, Int(count) - 2))
    }

    @Test("a cancelled reader of a call that goes on loses nothing")
    func cancelledReader() async throws {
        let reader = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            var read: [[UInt8]] = []
            for try await message in MessageStream<BytesMessage>(Source()) { read.append(message.bytes) }
            return read
        }
        #expect(try await reader.value == [[1], [2], [3]])
    }
}
