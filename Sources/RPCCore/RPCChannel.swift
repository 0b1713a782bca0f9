/// What a caller asks of one call.
package struct CallOptions: Sendable {
    /// From the start of the call to its end, retries and waiting included; nil waits without an end.
    package var timeout: Duration?
    package var metadata: Metadata
    /// Waits for a connection instead of failing with UNAVAILABLE when there is none (grpc/grpc `doc/wait-for-ready.md`). nil leaves it to
    /// the service config, and does not wait without one.
    package var waitsForReady: Bool?
    /// What request messages are compressed with; nil sends them as they are. Mind what a message's length tells about its text.
    package var codec: MessageCodec?
    /// Told the response's headers and trailers when the call ends.
    package var onResponseMetadata: (@Sendable (_ initial: Metadata, _ trailing: Metadata) -> Void)?

    package init(
        timeout: Duration? = nil, metadata: Metadata = Metadata(), waitsForReady: Bool? = nil, codec: MessageCodec? = nil,
        onResponseMetadata: (@Sendable (_ initial: Metadata, _ trailing: Metadata) -> Void)? = nil
    ) {
        self.timeout = timeout
        self.metadata = metadata
        self.waitsForReady = waitsForReady
        self.codec = codec
        self.onResponseMetadata = onResponseMetadata
    }
}

/// Makes calls: what generated clients stand on.
///
/// Cancelling the calling task cancels the call. The streaming forms are scoped: when `body` returns, what is left of the call is cancelled,
/// and when the server ended it with an error, that error is thrown by the stream that `body` reads.
package protocol RPCChannel: Sendable {
    nonisolated(nonsending) func unary<Q: RPCMessage, R: RPCMessage>(
        _ request: Q, method: MethodDescriptor, options: CallOptions
    ) async throws(RPCError) -> R

    nonisolated(nonsending) func serverStreaming<Q: RPCMessage, R: RPCMessage, Result>(
        _ request: Q, method: MethodDescriptor, options: CallOptions, _ body: (ResponseStream<R>) async throws -> Result
    ) async throws -> Result

    /// `body` writes the requests; when it returns, the requests are finished and the response is awaited.
    nonisolated(nonsending) func clientStreaming<Q: RPCMessage, R: RPCMessage>(
        method: MethodDescriptor, options: CallOptions, _ body: (RequestWriter<Q>) async throws -> Void
    ) async throws -> R

    nonisolated(nonsending) func bidirectionalStreaming<Q: RPCMessage, R: RPCMessage, Result>(
        method: MethodDescriptor, options: CallOptions, _ body: (RequestWriter<Q>, ResponseStream<R>) async throws -> Result
    ) async throws -> Result
}
