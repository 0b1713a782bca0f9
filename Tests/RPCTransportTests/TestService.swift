import RPCCore
import RPCTransport
import Synchronization
import Testing

struct BytesMessage: RPCMessage, Equatable {
    var bytes: [UInt8] = []
    init(_ bytes: [UInt8] = []) { self.bytes = bytes }
    init(_ text: String) { self.bytes = Array(text.utf8) }
    init(decoding bytes: RawSpan) throws(RPCError) { self.bytes = Array(copying: bytes) }
    func encoded(reserving prefix: Int) throws(RPCError) -> [UInt8] { [UInt8](repeating: 0, count: prefix) + self.bytes }
    var text: String { String(decoding: self.bytes, as: UTF8.self) }
}

/// Opens once; whoever waits before that, waits, or is cancelled.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var nextTicket = 0
        var waiting: [Int: AsyncStream<Never>.Continuation] = [:]
    }
    private let state = Mutex(State())

    func open() {
        let waiting = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.finish() }
    }

    func wait() async throws {
        // A stream of its own for each: cancelling one reader of a stream ends it for all.
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        let isOpen = self.state.withLock { state in
            state.nextTicket += 1
            if !state.isOpen { state.waiting[state.nextTicket] = continuation }
            return state.isOpen
        }
        if isOpen { return }
        for await _ in stream {}
        try Task.checkCancellation()
    }
}

/// A count that tests can wait on.
final class Counter: Sendable {
    private struct State {
        var value = 0
        var waiters: [(Int, CheckedContinuation<Void, Never>)] = []
    }
    private let state = Mutex(State())

    var value: Int { self.state.withLock { $0.value } }

    func add(_ change: Int = 1) {
        let ready = self.state.withLock { state in
            state.value += change
            let ready = state.waiters.filter { $0.0 <= state.value }
            state.waiters.removeAll { $0.0 <= state.value }
            return ready
        }
        for (_, continuation) in ready { continuation.resume() }
    }

    func reaches(_ value: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = self.state.withLock { state in
                if state.value >= value { return true }
                state.waiters.append((value, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

/// What the tests call.
final class TestService: Sendable {
    static func method(_ name: String, _ kind: MethodDescriptor.Kind) -> MethodDescriptor {
        MethodDescriptor(service: "test.v1.Test", method: name, kind: kind)
    }
    static let echo = method("Echo", .unary)
    static let fail = method("Fail", .unary)
    static let hang = method("Hang", .unary)
    static let repeated = method("Repeat", .serverStreaming)
    static let flood = method("Flood", .serverStreaming)
    static let sum = method("Sum", .clientStreaming)
    static let deaf = method("Deaf", .clientStreaming)
    static let chat = method("Chat", .bidirectionalStreaming)
    static let leave = method("Leave", .bidirectionalStreaming)
    static let squeeze = method("Squeeze", .unary)
    static let squeezeEach = method("SqueezeEach", .bidirectionalStreaming)
    static let flags = method("Flags", .clientStreaming)
    static let prompt = method("Prompt", .unary)

    /// What `Hang` and `Deaf` wait for.
    let gate = Gate()
    let started = Counter()
    let cancelled = Counter()
    let floodedBytes = Counter()

    var router: Router {
        var router = Router()
        router.register(unary: Self.echo) { (request: BytesMessage, context) in
            try Self.echoMetadata(context)
            return request
        }
        router.register(unary: Self.fail) { (request: BytesMessage, _) -> BytesMessage in throw try Self.error(request) }
        router.register(unary: Self.hang) { (request: BytesMessage, _) in
            try await self.hang()
            return request
        }
        router.register(unary: Self.prompt) { (request: BytesMessage, context) in
            try Self.echoMetadata(context)
            if request.text == "refused" { throw RPCError(code: .notFound, message: "refused at once") }
            return request.text == "later" ? nil : try request.framed()
        } otherwise: { request, _ in
            try await self.hang()
            return try request.framed()
        }
        router.register(serverStreaming: Self.repeated) { (request: BytesMessage, responses: ResponseWriter<BytesMessage>, _) in
            for index in 0..<(Int(request.text) ?? 0) { try await responses.write(BytesMessage("\(index)")) }
        }
        router.register(serverStreaming: Self.flood) { (_: BytesMessage, responses: ResponseWriter<BytesMessage>, _) in
            try await self.flood(responses)
        }
        router.register(clientStreaming: Self.sum) { (requests: RequestStream<BytesMessage>, _) in
            var sum = 0
            for try await request in requests { sum += request.bytes.count }
            return BytesMessage("\(sum)")
        }
        router.register(clientStreaming: Self.deaf) { (_: RequestStream<BytesMessage>, _) in
            try await self.hang()
            return BytesMessage("heard nothing")
        }
        router.register(bidirectionalStreaming: Self.chat) {
            (requests: RequestStream<BytesMessage>, responses: ResponseWriter<BytesMessage>, context) in
            try Self.echoMetadata(context)
            for try await request in requests { try await responses.write(request) }
        }
        router.register(bidirectionalStreaming: Self.leave) {
            (_: RequestStream<BytesMessage>, responses: ResponseWriter<BytesMessage>, _) in
            try await responses.write(BytesMessage("bye"))
        }
        Self.addCompression(to: &router)
        return router
    }

    /// What tells, and asks for, compression.
    private static func addCompression(to router: inout Router) {
        router.register(unary: Self.squeeze) { (request: BytesMessage, context) in
            context.compressResponses()
            return request
        }
        router.register(bidirectionalStreaming: Self.squeezeEach) {
            (requests: RequestStream<BytesMessage>, responses: ResponseWriter<BytesMessage>, context) in
            context.compressResponses()
            for try await request in requests { try await responses.write(request, compressed: !request.text.hasPrefix("plain")) }
        }
        router.register(clientStreaming: Self.flags) { (requests: RequestStream<BytesMessage>, _) in
            var flags = ""
            var iterator = requests.makeAsyncIterator()
            while try await iterator.next() != nil { flags += iterator.isCompressed ? "1" : "0" }
            return BytesMessage(flags)
        }
    }

    private func hang() async throws {
        self.started.add()
        do { try await self.gate.wait() } catch {
            self.cancelled.add()
            throw error
        }
    }

    private func flood(_ responses: ResponseWriter<BytesMessage>) async throws {
        self.started.add()
        let message = BytesMessage([UInt8](repeating: 1, count: 10_000))
        do {
            while true {
                try await responses.write(message)
                self.floodedBytes.add(10_000)
            }
        } catch {
            self.cancelled.add()
            throw error
        }
    }

    private static func echoMetadata(_ context: ServerContext) throws {
        var initial = Metadata()
        var trailing = Metadata()
        for case .ascii(let text) in context.requestMetadata.values(of: "x-initial") { try initial.append(text, for: "x-initial") }
        for case .binary(let bytes) in context.requestMetadata.values(of: "x-trailing-bin") {
            try trailing.append(binary: bytes, for: "x-trailing-bin")
        }
        context.setInitialMetadata(initial)
        context.addTrailingMetadata(trailing)
    }

    /// `code message`, `details N` for that many bytes of details, `stray` for an error that is no status.
    private static func error(_ request: BytesMessage) throws -> RPCError {
        struct Stray: Error {}
        let text = request.text
        if text == "stray" { throw Stray() }
        if text.hasPrefix("details "), let count = Int(text.dropFirst(8)) {
            return RPCError(code: .aborted, message: "with details", details: [UInt8](repeating: 7, count: count))
        }
        let code = text.prefix { $0.isNumber }
        return RPCError(code: RPCError.Code(rawValue: UInt8(code) ?? 2) ?? .unknown, message: String(text.dropFirst(code.count + 1)))
    }
}

/// A running server and a channel to it.
struct Rig: Sendable {
    let service: TestService
    let server: RPCServer
    let channel: HTTP2Channel
    let address: RPCAddress

    /// Runs `body` against a server of its own, then drains the server, which must come to its end by itself.
    static func run(
        _ configure: (inout RPCServerConfiguration) -> Void = { _ in }, router adjust: (inout Router) -> Void = { _ in },
        _ body: @Sendable @escaping (Rig) async throws -> Void
    ) async throws {
        var configuration = RPCServerConfiguration(address: .host("127.0.0.1", port: 0))
        // On a busy machine the default can be over before a test has said hello. Tests of this limit set their own.
        configuration.handshakeTimeout = .seconds(120)
        configure(&configuration)
        let service = TestService()
        var router = service.router
        adjust(&router)
        let server = RPCServer(router: router, configuration: configuration)
        try await server.start()
        let address = try #require(server.boundAddress)
        let rig = Rig(service: service, server: server, channel: HTTP2Channel(address: address), address: address)
        try await withThrowingTaskGroup { group in
            group.addTask { try await server.run() }
            let result: Result<Void, any Error>
            do { result = .success(try await body(rig)) } catch { result = .failure(error) }
            service.gate.open()
            server.beginGracefulShutdown()
            await rig.channel.shutDown()
            try await group.waitForAll()
            try result.get()
        }
    }

    func echo(_ text: String, options: CallOptions = CallOptions()) async throws -> String {
        let reply: BytesMessage = try await self.channel.unary(BytesMessage(text), method: TestService.echo, options: options)
        return reply.text
    }

    func expectEcho(_ text: String, options: CallOptions = CallOptions(), at location: SourceLocation = #_sourceLocation) async throws {
        let reply = try await self.echo(text, options: options)
        #expect(reply == text, sourceLocation: location)
    }

    func hang(options: CallOptions = CallOptions()) async throws {
        let _: BytesMessage = try await self.channel.unary(BytesMessage(), method: TestService.hang, options: options)
    }
}

/// The status that `body` throws; nil when it throws none.
func failure(_ body: () async throws -> Void) async -> RPCError? {
    do {
        try await body()
        return nil
    } catch let error as RPCError {
        return error
    } catch {
        Issue.record("not a status: \(error)")
        return nil
    }
}

/// The code of the status that `body` throws; OK when it throws none.
func code(_ body: () async throws -> Void) async -> RPCError.Code { await failure(body)?.code ?? .ok }
