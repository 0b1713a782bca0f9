internal import NIOCore
internal import RPCCore

// The bodies of the calls' tasks. They run on the connection's loop, up to the handler's first suspension even within the turn that starts
// them; `NIOLoopBound` checks that they are back on it afterwards.
extension ServerCall {
    typealias UnaryHandler = @Sendable (ReceivedMessage, ServerContext) async throws -> [UInt8]

    /// Apart from the others, so that the memory that its task needs is small.
    static func runUnary(_ handler: UnaryHandler, _ message: ReceivedMessage, _ context: ServerContext, _ bound: NIOLoopBound<ServerCall>)
        async
    {
        do {
            let reply = try await handler(message, context)
            bound.value.returned(reply)
        } catch {
            bound.value.failed(error)
        }
    }

    /// Replies without a task, when the handler has its reply at hand.
    ///
    /// - Returns: what is left to do; nil when the call has its reply or its error.
    func replyPromptly(
        _ handler: (ReceivedMessage, ServerContext) throws -> RegisteredMethod.UnaryReply, _ message: ReceivedMessage
    ) -> (@Sendable () async throws -> [UInt8])? {
        do {
            switch try handler(message, self.context) {
            case .now(let reply): self.returned(reply)
            case .later(let work): return work
            }
        } catch {
            self.failed(error)
        }
        return nil
    }

    static func runStreaming(_ message: ReceivedMessage?, _ bound: NIOLoopBound<ServerCall>) async {
        let context = bound.value.context
        let port = CallPort(bound.value, loop: bound.eventLoop, home: bound.value.connection.executor)
        do {
            switch (bound.value.method.handler, message) {
            case (.unary(let handler), let message?):
                let reply = try await handler(message, context)
                bound.value.returned(reply)
            case (.serverStreaming(let handler), let message?):
                try await handler(message, port, context)
                bound.value.returned(nil)
            case (.clientStreaming(let handler), _):
                let reply = try await handler(port, context)
                bound.value.returned(reply)
            case (.bidirectionalStreaming(let handler), _):
                try await handler(port, port, context)
                bound.value.returned(nil)
            case (.unary, nil), (.promptUnary, _), (.serverStreaming, nil):
                bound.value.failed(RPCError(code: .internal, message: "the handler was started without its message"))
            }
        } catch {
            bound.value.failed(error)
        }
    }

    /// The handler has returned: with the one response, or after the last of several.
    private func returned(_ reply: [UInt8]?) {
        if let reply { self.succeed(with: reply) } else { self.end(nil) }
        self.connection.handlerReturned(self)
    }

    private func failed(_ error: any Error) {
        self.end(RPCError(describing: error))
        self.connection.handlerReturned(self)
    }
}
