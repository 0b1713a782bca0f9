import Compression
import HTTP2Frames
import NIOCore
import NIOEmbedded
import NIOPosix
import TestSupport
import Testing

@testable import RPCCore
@testable import RPCTransport

@Suite("Who has the event loop's time")
struct LoopTurnTests {
    private static let restless = TestService.method("Restless", .unary)
    private static let prompt = TestService.method("Answered", .unary)

    @Test("a handler that never lets go of the loop for long leaves the sockets their turn", .timeLimit(.minutes(1)))
    func restlessHandler() async throws {
        let gate = Counter()
        try await Rig.run {
            $0.threadCount = 1
        } router: { router in
            router.register(unary: Self.restless) { (request: BytesMessage, _) in
                gate.add()
                // Until the other call has come through the same loop.
                while gate.value < 2 { await Task.yield() }
                return request
            }
        } _: { rig in
            try await withThrowingTaskGroup { group in
                group.addTask {
                    let _: BytesMessage = try await rig.channel.unary(BytesMessage(), method: Self.restless, options: CallOptions())
                }
                await gate.reaches(1)
                let _: BytesMessage = try await HTTP2Channel(address: rig.address).unary(
                    BytesMessage(), method: Self.restless, options: CallOptions())
                try await group.waitForAll()
            }
        }
    }

    @Test(
        "handlers that come back from other threads, one after another without a pause, leave the sockets their turn",
        .timeLimit(.minutes(1)))
    func restlessThreads() async throws {
        let calls = 8
        let (rounds, held, sent, answeredAfter) = (Counter(), Counter(), Counter(), Counter())
        try await Rig.run {
            $0.threadCount = 1
        } router: { router in
            router.register(unary: Self.restless) { (request: BytesMessage, _) in
                while answeredAfter.value == 0 {
                    await withTaskExecutorPreference(globalConcurrentExecutor) { await Task.yield() }
                    // On the loop, for longer than the others take to come back to it.
                    let end = ContinuousClock.now + .microseconds(200)
                    while ContinuousClock.now < end {}
                    rounds.add()
                    if rounds.value == 100 {
                        held.add()
                        while sent.value == 0 {}
                    }
                }
                return request
            }
            router.register(unary: Self.prompt) { (request: BytesMessage, _) in
                answeredAfter.add(rounds.value)
                return try request.framed()
            } otherwise: { _, _ in
                []
            }
        } _: { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            try await peer.send(Frame.ping())
            _ = try await peer.frames { $0.contains { $0.type == 6 } }
            try await withThrowingTaskGroup { group in
                for _ in 0..<calls {
                    group.addTask {
                        let _: BytesMessage = try await rig.channel.unary(BytesMessage(), method: Self.restless, options: CallOptions())
                    }
                }
                // With it in the socket, handlers may go on.
                await held.reaches(1)
                try await peer.send(
                    Frame.headers(1, Frame.request(Self.prompt.path)) + Frame.data(1, FrameCase.message, end: true))
                sent.add()
                try await group.waitForAll()
            }
            #expect(answeredAfter.value - 100 < 50, "a turn has five")
            try await peer.close()
        }
    }

    /// Counts a loop's looks at its sockets.
    private final class CountedTicks: NIOEventLoopMetricsDelegate {
        let ticks = LoopTicks()
        private let ended = Counter()

        var count: Int { self.ended.value }

        func processedTick(info: NIOEventLoopTickInfo) {
            self.ended.add()
            self.ticks.processedTick(info: info)
        }
    }

    private static func withExecutor(_ body: (LoopExecutor, CountedTicks) async throws -> Void) async throws {
        let ticks = CountedTicks()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1, metricsDelegate: ticks)
        try await body(LoopExecutor(group.next(), ticks: ticks.ticks), ticks)
        try await group.shutdownGracefully()
    }

    /// Twenty jobs that come in the same moment. To be called on the loop.
    private static func begin(on executor: LoopExecutor, _ ticks: CountedTicks) -> [Task<Int, Never>] {
        (0..<20).map { _ in
            Task(executorPreference: executor) {
                let end = ContinuousClock.now + .milliseconds(1)
                while ContinuousClock.now < end {}
                return ticks.count
            }
        }
    }

    /// Of sockets' time before there are jobs, and while they wait. A job has a millisecond at least, which is a turn.
    @Test(
        "jobs have a millisecond of each turn, or as long as the sockets had while they waited", .timeLimit(.minutes(1)),
        arguments: [(0, 0, false), (60_000_000_000, 0, false), (0, 60_000_000_000, true)])
    func shareOfJobs(before: UInt64, meanwhile: UInt64, isShared: Bool) async throws {
        try await Self.withExecutor { executor, ticks in
            var seen: [Int] = []
            // On a busy machine the first may take all of the turn.
            repeat {
                let jobs = try await executor.loop.submit {
                    executor.socketsWorked(before)
                    defer { executor.socketsWorked(meanwhile) }
                    return Self.begin(on: executor, ticks)
                }.get()
                seen = []
                for job in jobs { seen.append(await job.value) }
                #expect(seen == seen.sorted(), "in their order")
            } while isShared && seen[0] != seen[1]
            #expect(isShared || Set(seen).count == seen.count, "\(seen)")
        }
    }

    @Test("a loop is as late as the jobs that wait for it", .timeLimit(.minutes(1)))
    func delayOfJobs() async throws {
        try await Self.withExecutor { executor, ticks in
            // Two measurements in a row within a second show it, which a busy machine may not grant at once.
            while try await executor.loop.submit({ executor.sampleDelay(at: .now) < .milliseconds(20) }).get() {
                for _ in 1...2 {
                    let jobs = try await executor.loop.submit {
                        let jobs = Self.begin(on: executor, ticks)
                        _ = executor.sampleDelay(at: .now)
                        return jobs
                    }.get()
                    for job in jobs { _ = await job.value }
                }
            }
        }
    }

    @Test("a message that may be long to unfold is unfolded beside the loop", arguments: [(1024, true), (1025, false), (5000, false)])
    func unfoldingBeside(size: Int, isOnLoop: Bool) async throws {
        try await Self.withExecutor { executor, _ in
            let (onLoop, beside) = (Counter(), Counter())
            let codec = MessageCodec(name: "counted") { message, _ in
                [UInt8](copying: message)
            } decompress: { _, _ in
                (executor.loop.inEventLoop ? onLoop : beside).add()
                return Array("unfolded".utf8)
            }
            let source = OneBatch(
                try MessagePrefix.completed([UInt8](repeating: 1, count: MessagePrefix.size + size), isCompressed: true),
                MessageDecoder(codec, limit: 1 << 20))
            let task = Task(executorPreference: executor) {
                var messages = MessageStream<BytesMessage>(source).makeAsyncIterator()
                let message = try await messages.next()
                return (message, executor.loop.inEventLoop)
            }
            let (message, isBack) = try await task.value
            #expect(message == BytesMessage("unfolded") && isBack)
            #expect((onLoop.value, beside.value) == (isOnLoop ? 1 : 0, isOnLoop ? 0 : 1))
            guard !isOnLoop else { return }
            // Of a call that has ended, none is unfolded, and its handler does not begin.
            let ended = Task(executorPreference: executor) {
                // The task is its own, within the closure that lends it.
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                var messages = MessageStream<BytesMessage>(source).makeAsyncIterator()
                return try await messages.next()
            }
            await #expect(throws: RPCError.taskCancelled) { try await ended.value }
            #expect((onLoop.value, beside.value) == (0, 1))
        }
    }

    /// A compressed message, and no more.
    private struct OneBatch: MessageSource {
        private let batch: MessageBatch

        init(_ framed: [UInt8], _ decoder: MessageDecoder) {
            self.batch = MessageBatch(storage: framed, range: framed.indices, count: 1, decoder: decoder)
        }

        nonisolated(nonsending) func next() async throws(RPCError) -> MessageBatch? { self.batch }
    }

    @Test("long work rests as long as it took, short work not at all")
    func rest() {
        var share = LoopShare()
        #expect(share.rest(at: 1_000_000_000) == nil)
        share.worked(from: 1_000_000_000, until: 1_000_400_000)
        #expect(share.rest(at: 1_000_400_000) == nil, "less than half a millisecond")
        share.worked(from: 1_001_000_000, until: 1_006_000_000)
        #expect(share.rest(at: 1_006_000_000) == 1_011_000_000)
        #expect(share.rest(at: 1_010_999_999) == 1_011_000_000)
        #expect(share.rest(at: 1_011_000_000) == nil)
    }

    @Test("messages that are long to unfold take turns with other calls, and all are answered")
    func unfolding() async throws {
        try await Rig.run {
            $0.threadCount = 1
            $0.unfoldedBytesMax = 64 << 20
        } _: { rig in
            // Each within the limit of a message and within zlib's honest ratio, milliseconds to unfold.
            let large = BytesMessage((0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 >> 7) })
            try await withThrowingTaskGroup { group in
                for _ in 0..<6 {
                    group.addTask {
                        let reply: BytesMessage = try await rig.channel.unary(
                            large, method: TestService.echo, options: CallOptions(codec: .deflate))
                        #expect(reply == large)
                    }
                }
                for index in 0..<20 { group.addTask { try await rig.expectEcho("\(index)") } }
                try await group.waitForAll()
            }
        }
    }
}
