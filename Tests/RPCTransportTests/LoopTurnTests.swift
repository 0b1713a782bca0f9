import Compression
import HTTP2Frames
import NIOCore
import NIOEmbedded
import NIOPosix
import RPCCore
import TestSupport
import Testing

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

    @Test("a turn of the loop that has lasted long already counts before it ends, when the one before it was long too")
    func delayOfTheRunningTurn() {
        let loop = EmbeddedEventLoop()
        let delay = LoopDelay(loop: loop)
        let now = ContinuousClock.now
        #expect(delay.sample(at: now) == .zero)
        #expect(delay.sample(at: now + .seconds(9)) == .zero, "one alone may be a pause")
        loop.run()
        _ = delay.sample(at: .now - .milliseconds(300))
        loop.run()
        let begin = ContinuousClock.now
        #expect(delay.sample(at: begin) < .milliseconds(300))
        #expect(delay.sample(at: begin + .milliseconds(150)) >= .milliseconds(150))
        #expect(delay.sample(at: begin + .seconds(30)) >= .milliseconds(300))
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
