/// A method with its handler, its types erased.
package final class RegisteredMethod: Sendable {
    package enum Handler: Sendable {
        case unary(@Sendable (ReceivedMessage, ServerContext) async throws -> [UInt8])
        /// Mostly has its reply at hand, and needs no task then.
        case promptUnary(@Sendable (ReceivedMessage, ServerContext) throws -> UnaryReply)
        case serverStreaming(@Sendable (ReceivedMessage, any MessageSink, ServerContext) async throws -> Void)
        case clientStreaming(@Sendable (any MessageSource, ServerContext) async throws -> [UInt8])
        case bidirectionalStreaming(@Sendable (any MessageSource, any MessageSink, ServerContext) async throws -> Void)
    }

    /// What a prompt handler gives: the reply with its prefix, or the work that makes it.
    package enum UnaryReply {
        case now([UInt8])
        case later(@Sendable () async throws -> [UInt8])
    }

    package let descriptor: MethodDescriptor
    package let handler: Handler
    /// Whether the call mostly waits for something to happen. Such calls may hold only half of a connection's streams.
    package let waits: Bool

    init(_ descriptor: MethodDescriptor, waits: Bool, _ handler: Handler) {
        self.descriptor = descriptor
        self.handler = handler
        self.waits = waits
    }
}

/// The methods that a server offers and what stands before their handlers: what generated code registers with.
///
/// A value: it is complete before the server starts, and read without locks afterwards.
package struct Router: Sendable {
    private var methods: [String: RegisteredMethod] = [:]
    private var waiting: Set<MethodDescriptor> = []
    package private(set) var interceptors: [any ServerInterceptor] = []

    package init() {}

    package mutating func register<Q: RPCMessage, R: RPCMessage>(
        unary method: MethodDescriptor, handler: @escaping @Sendable (Q, ServerContext) async throws -> R
    ) {
        self.add(
            method,
            .unary { message, context in
                try await handler(context.request(in: message), context).framed(by: context.responseCodec)
            })
    }

    /// For a handler that encodes its replies itself, with their prefix and in the coding of ``ServerContext/responseCodec``: large ones, on a
    /// thread that has time for that.
    package mutating func register<Q: RPCMessage>(
        framing method: MethodDescriptor, handler: @escaping @Sendable (Q, ServerContext) async throws -> [UInt8]
    ) {
        self.add(method, .unary { message, context in try await handler(context.request(in: message), context) })
    }

    /// For a handler that keeps its replies encoded, each with its prefix as ``RPCMessage/framed()`` makes it.
    ///
    /// - Parameters:
    ///   - prompt: the reply when it is at hand; nil when `handler` has to make it. Runs on the connection's event loop, so it must be short.
    package mutating func register<Q: RPCMessage & Sendable>(
        unary method: MethodDescriptor, prompt: @escaping @Sendable (Q, ServerContext) throws -> [UInt8]?,
        otherwise handler: @escaping @Sendable (Q, ServerContext) async throws -> [UInt8]
    ) {
        self.add(
            method,
            .promptUnary { message, context in
                if message.isLongToUnfold { return .later { try await handler(context.request(in: message), context) } }
                let request: Q = try context.decoded(message)
                if let reply = try prompt(request, context) { return .now(reply) }
                return .later { try await handler(request, context) }
            })
    }

    package mutating func register<Q: RPCMessage, R: RPCMessage>(
        serverStreaming method: MethodDescriptor,
        handler: @escaping @Sendable (Q, ResponseWriter<R>, ServerContext) async throws -> Void
    ) {
        self.add(
            method,
            .serverStreaming { message, sink, context in
                try await handler(context.request(in: message), ResponseWriter(sink, context), context)
            })
    }

    package mutating func register<Q: RPCMessage, R: RPCMessage>(
        clientStreaming method: MethodDescriptor, handler: @escaping @Sendable (RequestStream<Q>, ServerContext) async throws -> R
    ) {
        self.add(
            method,
            .clientStreaming { source, context in
                try await handler(RequestStream(source), context).framed(by: context.responseCodec)
            })
    }

    package mutating func register<Q: RPCMessage, R: RPCMessage>(
        bidirectionalStreaming method: MethodDescriptor,
        handler: @escaping @Sendable (RequestStream<Q>, ResponseWriter<R>, ServerContext) async throws -> Void
    ) {
        self.add(
            method,
            .bidirectionalStreaming { source, sink, context in
                try await handler(RequestStream(source), ResponseWriter(sink, context), context)
            })
    }

    /// Interceptors run in the order of their adding.
    package mutating func add(_ interceptor: some ServerInterceptor) {
        self.interceptors.append(interceptor)
    }

    /// Says that calls of `method` mostly wait, like those of `WaitJob`: of streaming responses that is assumed.
    package mutating func markWaiting(_ method: MethodDescriptor) {
        self.waiting.insert(method)
        if let registered = self.methods[method.path] { self.add(method, registered.handler) }
    }

    /// The full names of all services, sorted, for reflection.
    package var services: [String] { Set(self.methods.values.map(\.descriptor.service)).sorted() }

    package var registeredMethods: [RegisteredMethod] { self.methods.keys.sorted().compactMap { self.methods[$0] } }

    private mutating func add(_ method: MethodDescriptor, _ handler: RegisteredMethod.Handler) {
        self.methods[method.path] = RegisteredMethod(
            method, waits: !method.kind.hasSingleResponse || self.waiting.contains(method), handler)
    }
}
