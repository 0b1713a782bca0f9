import RPCCore
import RPCTransport
import Synchronization
import Testing

@Suite("Calls that are made again")
struct RetryTests {
    /// Fails the first so many calls, and notes what came.
    private final class Flaky: Sendable {
        static let unary = TestService.method("Flaky", .unary)
        static let server = TestService.method("FlakyServer", .serverStreaming)
        static let client = TestService.method("FlakyClient", .clientStreaming)

        private struct State {
            var failures: [RPCError]
            var attempts: [String] = []
        }
        private let state: Mutex<State>
        let attempted = Counter()

        init(_ failures: [RPCError]) { self.state = Mutex(State(failures: failures)) }

        /// `grpc-previous-rpc-attempts` of each call and what it sent.
        var attempts: [String] { self.state.withLock { $0.attempts } }

        func register(in router: inout Router) {
            router.register(unary: Self.unary) { (request: BytesMessage, context) in
                try self.attempt(context, request.text)
                return request
            }
            router.register(serverStreaming: Self.server) { (request: BytesMessage, responses: ResponseWriter<BytesMessage>, context) in
                try await responses.write(request)
                try self.attempt(context, request.text)
            }
            router.register(clientStreaming: Self.client) { (requests: RequestStream<BytesMessage>, context) in
                var text = ""
                for try await request in requests { text += request.text }
                try self.attempt(context, text)
                return BytesMessage(text)
            }
        }

        private func attempt(_ context: ServerContext, _ text: String) throws {
            let previous = context.requestMetadata["grpc-previous-rpc-attempts"] ?? "-"
            let failure = self.state.withLock { state in
                state.attempts.append("\(previous) \(text)")
                return state.failures.isEmpty ? nil : state.failures.removeFirst()
            }
            self.attempted.add()
            if let failure { throw failure }
        }
    }

    private static let unavailable = RPCError(code: .unavailable, message: "not now")

    private static func pushedBack(_ milliseconds: String) -> RPCError {
        var metadata = Metadata()
        try? metadata.append(milliseconds, for: "grpc-retry-pushback-ms")
        return RPCError(code: .unavailable, message: "not now", metadata: metadata)
    }

    /// Runs `body` with a channel that retries UNAVAILABLE, against a server that fails as told.
    private static func run(
        _ failures: [RPCError], pause: Duration = .milliseconds(1),
        _ configure: @Sendable @escaping (inout HTTP2ChannelConfiguration) -> Void = { _ in },
        _ body: @Sendable @escaping (HTTP2Channel, Flaky) async throws -> Void
    ) async throws {
        let flaky = Flaky(failures)
        try await Rig.run(router: { flaky.register(in: &$0) }) { rig in
            var configuration = HTTP2ChannelConfiguration(address: rig.address)
            var method = MethodConfig()
            let backoff = Backoff(initial: pause, multiplier: 1, maximum: pause)
            method.retryPolicy = RetryPolicy(attemptsMax: 3, backoff: backoff, retryableCodes: [.unavailable])
            configuration.serviceConfig.add(method, for: .everything)
            configure(&configuration)
            let channel = HTTP2Channel(configuration: configuration)
            let result: Result<Void, any Error>
            do { result = .success(try await body(channel, flaky)) } catch { result = .failure(error) }
            await channel.shutDown()
            try result.get()
        }
    }

    private static func unary(_ channel: HTTP2Channel, _ options: CallOptions = CallOptions()) async throws {
        let reply: BytesMessage = try await channel.unary(BytesMessage("x"), method: Flaky.unary, options: options)
        #expect(reply.text == "x")
    }

    @Test("a call that failed is made again, and says how often it was")
    func again() async throws {
        try await Self.run([Self.unavailable, Self.unavailable]) { channel, flaky in
            try await Self.unary(channel)
            #expect(flaky.attempts == ["- x", "1 x", "2 x"])
        }
    }

    @Test("the last attempt's failure is the call's")
    func exhausted() async throws {
        let last = RPCError(code: .unavailable, message: "the last")
        try await Self.run([Self.unavailable, Self.unavailable, last]) { channel, flaky in
            #expect(await failure { try await Self.unary(channel) }?.message == "the last")
            #expect(flaky.attempts.count == 3)
        }
    }

    @Test(
        "other codes, and a server that asks for it, end the call at once",
        arguments: [
            RPCError(code: .notFound, message: ""), Self.pushedBack("-1"),
        ])
    func notAgain(_ error: RPCError) async throws {
        try await Self.run([error]) { channel, flaky in
            #expect(await code { try await Self.unary(channel) } == error.code)
            #expect(flaky.attempts.count == 1)
        }
    }

    @Test("a server names the pause")
    func pushback() async throws {
        // The policy's own pause would outlast the test.
        try await Self.run([Self.pushedBack("0"), Self.pushedBack("1")], pause: .seconds(3600)) { channel, flaky in
            try await Self.unary(channel)
            #expect(flaky.attempts.count == 3)
        }
    }

    @Test("a pause that outlasts the deadline is not begun: the failure tells more")
    func deadline() async throws {
        try await Self.run([Self.unavailable], pause: .seconds(3600)) { channel, _ in
            #expect(await code { try await Self.unary(channel, CallOptions(timeout: .seconds(60))) } == .unavailable)
        }
    }

    @Test("a call that is cancelled in its pause is over")
    func cancelled() async throws {
        try await Self.run([Self.unavailable], pause: .seconds(3600)) { channel, flaky in
            let call = Task { try await Self.unary(channel) }
            await flaky.attempted.reaches(1)
            call.cancel()
            #expect(await code { try await call.value } == .cancelled)
        }
    }

    @Test("once a response has begun it is the caller's, and nothing is repeated")
    func committed() async throws {
        try await Self.run([Self.unavailable]) { channel, flaky in
            var received: [String] = []
            let error = await failure {
                try await channel.serverStreaming(BytesMessage("x"), method: Flaky.server, options: CallOptions()) {
                    (responses: ResponseStream<BytesMessage>) in
                    for try await response in responses { received.append(response.text) }
                }
            }
            #expect(error?.code == .unavailable && received == ["x"] && flaky.attempts.count == 1)
        }
    }

    private static func stream(_ channel: HTTP2Channel, _ parts: [String]) async throws -> String {
        let reply: BytesMessage = try await channel.clientStreaming(method: Flaky.client, options: CallOptions()) {
            (requests: RequestWriter<BytesMessage>) in
            for part in parts { try await requests.write(BytesMessage(part)) }
        }
        return reply.text
    }

    @Test("a stream of requests is written again")
    func streamed() async throws {
        try await Self.run([Self.unavailable]) { channel, flaky in
            let reply = try await Self.stream(channel, ["a", "b", "c"])
            #expect(reply == "abc")
            #expect(flaky.attempts == ["- abc", "1 abc"])
        }
    }

    @Test("requests beyond what is kept are written once")
    func outgrown() async throws {
        let parts = ["a", String(repeating: "b", count: 200)]
        try await Self.run([Self.unavailable], { $0.retryBufferMax = 100 }) { channel, flaky in
            #expect(await code { _ = try await Self.stream(channel, parts) } == .unavailable)
            #expect(flaky.attempts.count == 1)
        }
    }

    @Test("while too many calls fail none is made again")
    func throttled() async throws {
        let failures = Array(repeating: Self.unavailable, count: 10)
        try await Self.run(failures, { $0.serviceConfig.retryThrottle = RetryThrottle(tokensMax: 4, tokenRatio: 0.1) }) { channel, flaky in
            #expect(await code { try await Self.unary(channel) } == .unavailable)
            #expect(await code { try await Self.unary(channel) } == .unavailable)
            #expect(flaky.attempts == ["- x", "1 x", "- x"])
        }
    }

    @Test("a config's limits hold: time, and bytes both ways")
    func limits() async throws {
        try await Rig.run { rig in
            var configuration = HTTP2ChannelConfiguration(address: rig.address)
            var method = MethodConfig()
            method.timeout = .milliseconds(20)
            method.requestSizeMax = 10
            method.responseSizeMax = 5
            configuration.serviceConfig.add(method, for: .service(TestService.echo.service))
            let channel = HTTP2Channel(configuration: configuration)
            func call(_ method: MethodDescriptor, _ text: String) async -> RPCError.Code {
                await code {
                    let _: BytesMessage = try await channel.unary(
                        BytesMessage(text), method: method, options: CallOptions(timeout: .seconds(60)))
                }
            }
            #expect(await call(TestService.hang, "") == .deadlineExceeded)
            #expect(await call(TestService.echo, String(repeating: "x", count: 11)) == .resourceExhausted)
            await channel.shutDown()
            method.timeout = nil
            var slow = HTTP2ChannelConfiguration(address: rig.address)
            slow.serviceConfig.add(method, for: .everything)
            let other = HTTP2Channel(configuration: slow)
            #expect(
                await code {
                    let _: BytesMessage = try await other.unary(BytesMessage("123456"), method: TestService.echo, options: CallOptions())
                } == .resourceExhausted)
            await other.shutDown()
        }
    }
}
