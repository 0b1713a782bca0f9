internal import NIOCore
internal import NIOPosix
package import RPCCore

/// A client's way to one service: one connection at a time, made with the first call, made anew when it is lost.
///
/// Calls fail at once with UNAVAILABLE while the server cannot be reached, unless they ask to wait. A call that the server surely has not
/// processed is made anew once, and as the service config says. Usable from any task.
package final class HTTP2Channel: RPCChannel {
    private let loop: any EventLoop
    private let transport: NIOLoopBoundBox<ClientTransport>

    package init(configuration: HTTP2ChannelConfiguration) {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        self.transport = .makeBoxSendingValue(ClientTransport(loop: loop, configuration: configuration), eventLoop: loop)
    }

    package convenience init(address: RPCAddress) {
        self.init(configuration: HTTP2ChannelConfiguration(address: address))
    }

    /// Takes no further call and returns when the running ones have ended. Idempotent.
    package func shutDown() async {
        let waiter = Waiter()
        self.loop.execute { self.transport.value.shutDown(waiter) }
        // Fails only when this task is cancelled, and then the channel ends by itself.
        _ = try? await waiter.wait()
    }

    // MARK: RPCChannel

    package nonisolated(nonsending) func unary<Q: RPCMessage, R: RPCMessage>(
        _ request: Q, method: MethodDescriptor, options: CallOptions
    ) async throws(RPCError) -> R {
        let message = try request.framed(by: options.codec)
        let reader = Waiter()
        let box = NIOLoopBoundBox<ClientCall?>.makeEmptyBox(eventLoop: self.loop)
        self.loop.execute {
            let call = self.begin(method, options, message)
            box.value = call
            call.takeMessages(into: reader)
        }
        do throws(RPCError) {
            return try Self.single(await reader.wait())
        } catch {
            self.loop.execute { box.value?.cancel(Self.abandoned) }
            throw error
        }
    }

    package nonisolated(nonsending) func serverStreaming<Q: RPCMessage, R: RPCMessage, Result>(
        _ request: Q, method: MethodDescriptor, options: CallOptions, _ body: (ResponseStream<R>) async throws -> Result
    ) async throws -> Result {
        let open = await self.open(method, options, request: try request.framed(by: options.codec))
        defer { open.abandon() }
        return try await body(ResponseStream(open.port))
    }

    package nonisolated(nonsending) func clientStreaming<Q: RPCMessage, R: RPCMessage>(
        method: MethodDescriptor, options: CallOptions, _ body: (RequestWriter<Q>) async throws -> Void
    ) async throws -> R {
        let open = await self.open(method, options, request: nil)
        defer { open.abandon() }
        try await body(RequestWriter(open.port, codec: options.codec))
        try await open.port.finish()
        return try Self.single(await open.port.next())
    }

    package nonisolated(nonsending) func bidirectionalStreaming<Q: RPCMessage, R: RPCMessage, Result>(
        method: MethodDescriptor, options: CallOptions, _ body: (RequestWriter<Q>, ResponseStream<R>) async throws -> Result
    ) async throws -> Result {
        let open = await self.open(method, options, request: nil)
        defer { open.abandon() }
        return try await body(RequestWriter(open.port, codec: options.codec), ResponseStream(open.port))
    }

    // MARK: Parts

    private static let abandoned = RPCError(code: .cancelled, message: "the caller has left")

    /// A call in its caller's scope.
    private struct OpenCall: Sendable {
        let call: NIOLoopBound<ClientCall>
        let port: CallPort

        /// Ends what is left of it when the scope is left. Without effect on a call that is over.
        func abandon() {
            let call = self.call
            call.eventLoop.execute { call.value.cancel(HTTP2Channel.abandoned) }
        }
    }

    private nonisolated(nonsending) func open(_ method: MethodDescriptor, _ options: CallOptions, request: [UInt8]?) async -> OpenCall {
        await withCheckedContinuation { continuation in
            self.loop.execute {
                let call = self.begin(method, options, request)
                let open = OpenCall(call: NIOLoopBound(call, eventLoop: self.loop), port: CallPort(call, loop: self.loop))
                continuation.resume(returning: open)
            }
        }
    }

    /// On the loop.
    private func begin(_ method: MethodDescriptor, _ options: CallOptions, _ request: [UInt8]?) -> ClientCall {
        let call = ClientCall(self.transport.value, method: method, options: options, request: request)
        call.begin()
        return call
    }

    private static func single<R: RPCMessage>(_ batch: MessageBatch?) throws(RPCError) -> R {
        var batch = batch
        guard let message = batch?.popFirst() else { throw RPCError(code: .unimplemented, message: "no response message") }
        return try message.decoded()
    }
}

extension HTTP2Channel: ChannelDiagnostics {
    package func facts() async -> ChannelFacts? { try? await self.loop.submit { self.transport.value.facts }.get() }

    package func connection(_ number: UInt64) async -> ConnectionFacts? {
        try? await self.loop.submit { self.transport.value.connection(number)?.facts }.get()
    }
}
