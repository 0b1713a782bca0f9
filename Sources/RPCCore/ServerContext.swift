internal import Synchronization

/// What a handler and the interceptors before it know about the call, and what they add to its answer.
///
/// Safe from any task. Whether the call was cancelled is the task's own `Task.isCancelled`.
@usableFromInline
package final class ServerContext: Sendable {
    package let method: MethodDescriptor
    package let requestMetadata: Metadata
    /// When its headers were read.
    package let beganAt: ContinuousClock.Instant
    /// When the caller stops waiting; nil without a deadline.
    package let deadline: ContinuousClock.Instant?
    /// Who called, as text: `ipv4:127.0.0.1:4711`, `ipv6:[::1]:4711` or `unix:uid=1000,gid=1000,pid=4711`.
    package let peer: String
    /// What the connection proves about who called; nil when it proves nothing.
    package let identity: PeerIdentity?
    /// What interceptors remember about the connection; nil when they are not to.
    package let memo: CallerMemo?
    /// How long calls wait at present before they are begun.
    package let queueDelay: Duration
    /// The connection's number in this process and the stream's number in it; together they name the call.
    private let connection: UInt64
    private let stream: Int32
    /// The coding of ours that the client takes; nil when there is none.
    private let offeredCodec: MessageCodec?

    private struct State {
        var initialMetadata = Metadata()
        var trailingMetadata = Metadata()
        var principal: (any AnyObject & Sendable)?
        var trace: (any AnyObject & Sendable)?
    }
    private let state = Mutex(State())
    let endRequest = Mutex(EndRequest())
    let responseCompression = Atomic(ResponseCompression.undecided)
    let requestCompression = Atomic(false)

    package init(
        method: MethodDescriptor, requestMetadata: Metadata = Metadata(), beganAt: ContinuousClock.Instant = .now,
        deadline: ContinuousClock.Instant? = nil, peer: String = "unix:", identity: PeerIdentity? = nil, memo: CallerMemo? = nil,
        queueDelay: Duration = .zero, connection: UInt64 = 0, stream: Int32 = 0,
        offeredCodec: MessageCodec? = nil
    ) {
        self.method = method
        self.requestMetadata = requestMetadata
        self.beganAt = beganAt
        self.deadline = deadline
        self.peer = peer
        self.identity = identity
        self.memo = memo
        self.queueDelay = queueDelay
        self.connection = connection
        self.stream = stream
        self.offeredCodec = offeredCodec
    }

    /// Names the call within this process, for logs.
    package var requestID: String { "\(self.connection)-\(self.stream)" }

    /// Who the caller is: set by the interceptor that found out, read by whoever has to decide. nil before that.
    package var principal: (any AnyObject & Sendable)? {
        get { self.state.withLock { $0.principal } }
        set { self.state.withLock { $0.principal = newValue } }
    }

    /// Where the call stands in a trace: set by the interceptor that traces calls. nil when none does.
    package var trace: (any AnyObject & Sendable)? {
        get { self.state.withLock { $0.trace } }
        set { self.state.withLock { $0.trace = newValue } }
    }

    /// The metadata sent before the first message. Without effect once the headers are out.
    package func setInitialMetadata(_ metadata: Metadata) {
        self.state.withLock { $0.initialMetadata = metadata }
    }

    /// Adds to the metadata sent with the status.
    package func addTrailingMetadata(_ metadata: Metadata) {
        self.state.withLock { $0.trailingMetadata.append(contentsOf: metadata) }
    }

    /// Both kinds of metadata; nil in the common case that the handler has set none.
    package var responseMetadata: (initial: Metadata, trailing: Metadata)? {
        self.state.withLock { state in
            state.initialMetadata.isEmpty && state.trailingMetadata.isEmpty ? nil : (state.initialMetadata, state.trailingMetadata)
        }
    }

    package var initialMetadata: Metadata { self.state.withLock { $0.initialMetadata } }
    package var trailingMetadata: Metadata { self.state.withLock { $0.trailingMetadata } }
}

// MARK: - Compression

extension ServerContext {
    /// Whether responses are compressed. Settled when the headers go out, which name the coding.
    enum ResponseCompression: UInt8, AtomicRepresentable {
        case undecided
        case on
        case off
    }

    /// Lets responses be compressed, in a coding that the client takes. To be said before the first one; without effect afterwards.
    ///
    /// Off unless a handler asks: whoever can choose a part of a compressed message and see its length learns about the rest of it.
    package func compressResponses() {
        guard self.offeredCodec != nil else { return }
        _ = self.responseCompression.compareExchange(expected: .undecided, desired: .on, ordering: .relaxed)
    }

    /// What messages are to be compressed with; nil when they are not.
    @usableFromInline package var responseCodec: MessageCodec? {
        self.responseCompression.load(ordering: .relaxed) == .on ? self.offeredCodec : nil
    }

    /// The coding that the response's headers have to name; from here on it does not change.
    package func settleResponseCodec() -> MessageCodec? {
        _ = self.responseCompression.compareExchange(expected: .undecided, desired: .off, ordering: .relaxed)
        return self.responseCodec
    }

    /// Whether the one request message of the call came compressed.
    package var isRequestCompressed: Bool { self.requestCompression.load(ordering: .relaxed) }

    func decoded<M: RPCMessage>(_ message: ReceivedMessage) throws(RPCError) -> M {
        if message.isCompressed { self.requestCompression.store(true, ordering: .relaxed) }
        return try message.decoded()
    }

    /// As `decoded`, and beside the call's thread where that may be long.
    @inline(__always)
    nonisolated(nonsending) func request<M: RPCMessage>(in message: ReceivedMessage) async throws(RPCError) -> M {
        guard message.isLongToUnfold else { return try self.decoded(message) }
        self.requestCompression.store(true, ordering: .relaxed)
        return try await message.decodedBeside()
    }
}
