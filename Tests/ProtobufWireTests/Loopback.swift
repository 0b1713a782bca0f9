import RPCCore
import Synchronization

/// Calls the handlers of a router in the same process: what a transport does, without one.
struct Loopback: RPCChannel {
    private let methods: RouteTable

    init(_ router: Router) { self.methods = RouteTable(router) }

    private func handler(of method: MethodDescriptor) throws(RPCError) -> RegisteredMethod.Handler {
        guard let registered = self.methods.method(at: Array(method.path.utf8).span) else {
            throw self.methods.refusal(ofPath: method.path)
        }
        return registered.handler
    }

    nonisolated(nonsending) func unary<Q: RPCMessage, R: RPCMessage>(
        _ request: Q, method: MethodDescriptor, options: CallOptions
    ) async throws(RPCError) -> R {
        guard case .unary(let call) = try self.handler(of: method) else {
            throw RPCError(code: .internal, message: "another kind of method")
        }
        do {
            return try await Self.received(call(Self.received(request.framed()), ServerContext(method: method))).decoded()
        } catch {
            throw RPCError(describing: error)
        }
    }

    nonisolated(nonsending) func serverStreaming<Q: RPCMessage, R: RPCMessage, Result>(
        _ request: Q, method: MethodDescriptor, options: CallOptions, _ body: (ResponseStream<R>) async throws -> Result
    ) async throws -> Result {
        guard case .serverStreaming(let call) = try self.handler(of: method) else {
            throw RPCError(code: .internal, message: "another kind of method")
        }
        let responses = MessageQueue()
        try await call(Self.received(request.framed()), responses, ServerContext(method: method))
        return try await body(ResponseStream(responses))
    }

    nonisolated(nonsending) func clientStreaming<Q: RPCMessage, R: RPCMessage>(
        method: MethodDescriptor, options: CallOptions, _ body: (RequestWriter<Q>) async throws -> Void
    ) async throws -> R {
        guard case .clientStreaming(let call) = try self.handler(of: method) else {
            throw RPCError(code: .internal, message: "another kind of method")
        }
        let requests = MessageQueue()
        try await body(RequestWriter(requests))
        return try await Self.received(call(requests, ServerContext(method: method))).decoded()
    }

    nonisolated(nonsending) func bidirectionalStreaming<Q: RPCMessage, R: RPCMessage, Result>(
        method: MethodDescriptor, options: CallOptions, _ body: (RequestWriter<Q>, ResponseStream<R>) async throws -> Result
    ) async throws -> Result {
        guard case .bidirectionalStreaming(let call) = try self.handler(of: method) else {
            throw RPCError(code: .internal, message: "another kind of method")
        }
        let (requests, responses) = (MessageQueue(), MessageQueue())
        // The responses are made when they are first asked for, from the requests written until then.
        let lazy = LazyResponses(queue: responses) { try await call(requests, responses, ServerContext(method: method)) }
        return try await body(RequestWriter(requests), ResponseStream(lazy))
    }

    private static func received(_ framed: [UInt8]) -> ReceivedMessage {
        ReceivedMessage(storage: framed, range: MessagePrefix.size..<framed.count)
    }
}

/// Messages in the order of their writing.
final class MessageQueue: MessageSink, MessageSource {
    private let messages = Mutex<[[UInt8]]>([])

    func send(_ message: [UInt8]) async throws(RPCError) { self.messages.withLock { $0.append(message) } }
    func sendHeaders() async throws(RPCError) {}
    func finish() async throws(RPCError) {}

    func next() async throws(RPCError) -> MessageBatch? {
        let framed = self.messages.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        return framed.map { MessageBatch(framed: $0) }
    }
}

private final class LazyResponses: MessageSource {
    private let queue: MessageQueue
    private let answer: @Sendable () async throws -> Void
    private let isAnswered = Atomic(false)

    init(queue: MessageQueue, answer: @escaping @Sendable () async throws -> Void) {
        self.queue = queue
        self.answer = answer
    }

    func next() async throws(RPCError) -> MessageBatch? {
        if !self.isAnswered.exchange(true, ordering: .relaxed) {
            do { try await self.answer() } catch { throw RPCError(describing: error) }
        }
        return try await self.queue.next()
    }
}
