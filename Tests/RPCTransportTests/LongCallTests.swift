import HTTP2Frames
import RPCCore
import RPCTransport
import Synchronization
import TestSupport
import Testing

/// Calls that go on for as long as somebody listens: how the server gets rid of them without losing them.
@Suite("Calls without an end of their own")
struct LongCallTests {
    private static let watch = TestService.method("Watch", .serverStreaming)

    /// Sends one message, waits to be asked to end, says where to go on, and that it may be repeated elsewhere.
    private static func addWatch(to router: inout Router) {
        router.register(serverStreaming: Self.watch) { (_: BytesMessage, responses: ResponseWriter<BytesMessage>, context) in
            try await responses.write(BytesMessage("first"))
            try await context.unlessAskedToEnd { try await Gate().wait() }
            try await responses.write(BytesMessage("bookmark"))
            throw RPCError(code: .unavailable, message: "go on elsewhere")
        }
    }

    /// All that a watch is sent, and its status.
    private static func heard(
        _ rig: Rig, options: CallOptions = CallOptions(), onFirst: @escaping @Sendable () async throws -> Void = {}
    ) async throws -> ([String], RPCError?) {
        let heard = Mutex<[String]>([])
        let error = await failure {
            try await rig.channel.serverStreaming(BytesMessage(), method: Self.watch, options: options) {
                (responses: ResponseStream<BytesMessage>) in
                for try await response in responses {
                    heard.withLock { $0.append(response.text) }
                    if response.text == "first" { try await onFirst() }
                }
            }
        }
        return (heard.withLock { $0 }, error)
    }

    @Test("a watch on a connection that is sent away for its age gets its last word, long before the grace is over")
    func age() async throws {
        try await Rig.run(
            {
                $0.connections.ageMax = .milliseconds(500)
                $0.connections.ageGrace = .seconds(3600)
            }, router: Self.addWatch
        ) { rig in
            var (heard, error) = try await Self.heard(rig)
            // On a slow machine a connection may be old before its call begins.
            while heard.isEmpty { (heard, error) = try await Self.heard(rig) }
            #expect(heard == ["first", "bookmark"])
            #expect(error?.message == "go on elsewhere")
            try await eventually("the connection ends") { rig.server.statistics.connectionsNow == 0 }
        }
    }

    @Test("a watch on a server that goes away gets its last word")
    func shutdown() async throws {
        try await Rig.run({ $0.shutdownGrace = .seconds(3600) }, router: Self.addWatch) { rig in
            let (heard, error) = try await Self.heard(rig) { rig.server.beginGracefulShutdown() }
            #expect(heard == ["first", "bookmark"])
            #expect(error?.message == "go on elsewhere")
        }
    }

    @Test("a watch that begins while its connection is sent away is asked to end at once")
    func late() async throws {
        try await Rig.run({ $0.goAwayDelay = .seconds(3600) }, router: Self.addWatch) { rig in
            let peer = try await RawPeer.connected(to: rig.address)
            try await peer.send(Frame.headers(1, Frame.request("/test.v1.Test/Hang")) + Frame.data(1, [0, 0, 0, 0, 0]))
            await rig.service.started.reaches(1)
            rig.server.beginGracefulShutdown()
            _ = try await peer.frames { $0.contains { $0.type == 7 } }
            try await peer.send(Frame.headers(3, Frame.request("/test.v1.Test/Watch")) + Frame.data(3, [0, 0, 0, 0, 0], end: true))
            let frames = try await peer.frames { $0.contains { $0.stream == 3 && $0.flags & 1 != 0 } }
            #expect(frames.filter { $0.stream == 3 }.map(\.summary).last == "HEADERS END")
            rig.service.gate.open()
            try await peer.close()
        }
    }

    @Test("what does not heed it when the grace is over ends with a status, not with the connection's loss")
    func deaf() async throws {
        try await Rig.run({
            $0.connections.ageMax = .milliseconds(500)
            $0.connections.ageGrace = .milliseconds(100)
        }) { rig in
            var error = await failure { try await rig.hang() }
            while rig.service.started.value == 0 { error = await failure { try await rig.hang() } }
            #expect(error?.message == "the connection is being closed; call again")
            await rig.service.cancelled.reaches(1)
        }
    }

    @Test("a call that goes on is ended when what let it in holds no more")
    func access() async throws {
        final class Door: ServerInterceptor {
            let isOpen = Mutex(true)
            func recheck(_ context: ServerContext) throws(RPCError) {
                guard self.isOpen.withLock({ $0 }) else { throw RPCError(code: .unauthenticated, message: "withdrawn") }
            }
        }
        let door = Door()
        try await Rig.run(
            { $0.accessRecheckInterval = .milliseconds(20) },
            router: {
                Self.addWatch(to: &$0)
                $0.add(door)
            }
        ) { rig in
            let (heard, error) = try await Self.heard(rig) { door.isOpen.withLock { $0 = false } }
            #expect(heard == ["first"])
            #expect(error == RPCError(code: .unauthenticated, message: "withdrawn"))
            try await rig.expectEcho("on the same connection")
            #expect(rig.server.statistics.connections == 1)
        }
    }

    @Test("being asked to end wakes whoever waits, before or after, and a cancelled wait ends")
    func endRequest() async throws {
        let context = ServerContext(method: Self.watch)
        async let waiting: Void? = context.unlessAskedToEnd { try await Gate().wait() }
        context.askToEnd()
        #expect(try await waiting == nil)
        #expect(try await context.unlessAskedToEnd { try await Gate().wait() } == nil)
        let other = ServerContext(method: Self.watch)
        #expect(try await other.unlessAskedToEnd { 7 } == 7)
        let task = Task { try await other.unlessAskedToEnd { try await Gate().wait() } }
        task.cancel()
        #expect(await task.result.error is CancellationError)
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
