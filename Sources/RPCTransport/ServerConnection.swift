internal import Compression
internal import HTTP2Session
internal import NIOCore
internal import RPCCore

/// The server's side of one connection: takes requests, starts handlers, and sends the client away when it is time.
///
/// Not responsible for: bytes (``HTTP2Driver``), one call's rules (``ServerCall``). Bound to the connection's loop.
final class ServerConnection: HTTP2DriverDelegate {
    let loop: any EventLoop
    let server: ServerShared
    let session: HTTP2Session
    let number: UInt64
    private let peer: String
    private let identity: PeerIdentity?
    private let executor: LoopExecutor
    /// nil before and after.
    private var driver: HTTP2Driver?
    /// nil before the connection is open, and after it is closed.
    var openDriver: HTTP2Driver? { self.isOpened && !self.isClosed ? self.driver : nil }
    var clocks: ConnectionClocks
    /// When the last call ended, in nanoseconds of uptime.
    private(set) var lastCallAt: UInt64

    private enum Drain {
        case none
        /// The first GOAWAY is out; the second follows the answer to our PING, or the timer.
        case announced(Scheduled<Void>)
        case final
    }

    private var drain = Drain.none
    private var drainReason = ""
    private var handshakeTimer: Scheduled<Void>?
    /// Handlers that have been started and have not returned: those that work, and those that wait.
    private var runningCount = 0
    private var waitingCount = 0
    private var startQueue = StartQueue()
    /// Calls with a writer that waits for room.
    private var blockedCalls: [ServerCall] = []
    /// The last headers that began a call, and what became of them: mostly the next ones are the same, and need not be read again.
    private var lastHead: AcceptedHead?
    /// What happened since the server's counters were last told.
    private var tally = RPCServerStatistics()
    private var countedBytes = (received: 0, sent: 0, buffered: 0, queued: 0)
    private var isOpened = false
    private var isClosed = false
    /// Told once the connection is closed and no handler of it runs.
    private let onEnd: @Sendable (UInt64) -> Void

    init(
        number: UInt64, peer: String, identity: PeerIdentity?, executor: LoopExecutor, server: ServerShared,
        onEnd: @escaping @Sendable (UInt64) -> Void
    ) throws(HTTP2SessionError) {
        self.number = number
        self.peer = peer
        self.identity = identity
        self.executor = executor
        self.loop = executor.loop
        self.server = server
        self.onEnd = onEnd
        self.lastCallAt = NIODeadline.now().uptimeNanoseconds
        self.clocks = ConnectionClocks(server.configuration.connections, now: self.lastCallAt)
        self.session = try HTTP2Session(role: .server, configuration: server.configuration.session)
    }

    /// The handler for the channel's pipeline.
    func makeDriver() -> HTTP2Driver {
        let configuration = self.server.configuration
        let limits = HTTP2Driver.Limits(
            unreadFramesMax: configuration.unreadFramesMax, unreadBytesMax: configuration.unreadBytesMax,
            lingerTimeout: configuration.lingerTimeout)
        let driver = HTTP2Driver(session: self.session, limits: limits, delegate: self)
        self.driver = driver
        return driver
    }

    // MARK: HTTP2DriverDelegate

    func connectionOpened() {
        self.isOpened = true
        self.tally.connections += 1
        self.tally.connectionsNow += 1
        self.handshakeTimer = self.loop.assumeIsolated().scheduleTask(in: TimeAmount(self.server.configuration.handshakeTimeout)) {
            self.driver?.fail(HTTP2SessionError(reason: "handshake_timeout"))
        }
    }

    func handle(_ event: consuming HTTP2Event) {
        switch event {
        case .headers(let stream, let block, let endStream):
            if stream.owner == nil { self.begin(stream, block) }
            if endStream { (stream.owner as? ServerCall)?.requestsEnded() }
        case .data(let stream, let bytes, let endStream):
            (stream.owner as? ServerCall)?.receive(bytes, endStream: endStream)
        case .closed(let stream, let code):
            if code != .noError { self.tally.resets += 1 }
            (stream.owner as? ServerCall)?.closed()
            stream.owner = nil
            if let driver { self.lastCallAt = driver.lastReceivedAt }
        case .settings:
            guard self.handshakeTimer != nil else { break }
            self.handshakeTimer?.cancel()
            self.handshakeTimer = nil
            // Until here the handshake's own limit holds.
            if let driver { self.lastCallAt = driver.lastReceivedAt }
            self.lookAtLife()
        case .pingAcknowledged(let payload):
            if payload == Self.drainPing { self.finishDrain() }
        case .goAway:
            // The client opens no more streams; when its last one ends, so does the session.
            break
        }
    }

    func outputDrained() {
        if !self.blockedCalls.isEmpty { self.wakeWriters() }
        if self.session.bufferedBytes > 0 || self.session.openHeaderBlock != nil { self.watchStalls() }
        self.report()
    }

    func connectionClosed(reason: HTTP2SessionError?) {
        self.isClosed = true
        self.clocks.stop()
        self.handshakeTimer?.cancel()
        self.handshakeTimer = nil
        if case .announced(let timer) = self.drain { timer.cancel() }
        if reason != nil { self.tally.refusedPeers += 1 }
        if self.isOpened { self.tally.connectionsNow -= 1 }
        self.startQueue.removeAll()
        for stream in self.session.abandonStreams() {
            (stream.owner as? ServerCall)?.closed()
            stream.owner = nil
        }
        self.blockedCalls.removeAll()
        self.report()
        self.driver = nil
        self.endIfDone()
    }

    // MARK: Calls

    private func begin(_ stream: HTTP2Stream, _ block: HeaderBlock) {
        if let head = self.lastHead, self.session.isEqual(block, to: head.block) { return self.begin(stream, head) }
        var head = RequestHead(routes: self.server.routes, codecs: .standard)
        self.session.forEachField(of: block) { name, value in head.add(name: name, value: value) }
        if head.httpMethod == .get, head.unknownPath == LivenessProbe.path { return self.answerProbe(stream) }
        do throws(RequestHead.Refusal) {
            let method = try head.judged(isTruncated: block.isTruncated)
            let accepted = AcceptedHead(self.session.save(block), head, method, self.server)
            self.lastHead = accepted
            self.begin(stream, accepted)
        } catch {
            let limit = Int(self.session.remoteHeaderListLimit)
            self.session.submitResponse(
                stream, headers: ResponseFields.refusal(error, subtype: head.contentSubtype, limit: limit), endStream: true)
        }
    }

    /// Headers that began a call.
    private final class AcceptedHead {
        let block: SavedBlock
        let method: RegisteredMethod
        let timeout: Timeout?
        let metadata: Metadata
        let headers: OutgoingHeaders
        let decoder: MessageDecoder?
        let responseCodec: MessageCodec?

        init(_ block: SavedBlock, _ head: RequestHead, _ method: RegisteredMethod, _ server: ServerShared) {
            self.block = block
            self.method = method
            self.timeout = head.timeout
            self.metadata = head.metadata
            self.headers = ResponseFields.headers(subtype: head.contentSubtype, listsEncodings: head.asksForCodings)
            self.decoder = server.decoder(for: head.requestCodec)
            self.responseCodec = head.responseCodec
        }
    }

    private func begin(_ stream: HTTP2Stream, _ head: AcceptedHead) {
        let method = head.method
        let now = ContinuousClock.now
        let deadline = head.timeout.map { now + .nanoseconds(Int64($0.nanoseconds)) }
        let context = ServerContext(
            method: method.descriptor, requestMetadata: head.metadata, deadline: deadline, peer: self.peer,
            identity: self.identity, queueDelay: self.executor.queueDelay.sample(at: now), connection: self.number, stream: stream.id,
            offeredCodec: head.responseCodec)
        let interceptors = self.server.routes.interceptors
        let call = ServerCall(
            self, stream, method, context, headers: head.headers, decoder: head.decoder, startedAt: interceptors.isEmpty ? nil : now)
        stream.owner = call
        if let timeout = head.timeout { stream.timeout = timeout.nanoseconds }
        self.tally.calls += 1
        self.tally.callsNow += 1
        do throws(RPCError) {
            for interceptor in interceptors { try interceptor.admit(context) }
            if method.waits, self.waitingCount >= self.server.waitingCallsMax {
                throw RPCError(code: .resourceExhausted, message: "too many calls of this connection wait already")
            }
        } catch {
            return call.end(error)
        }
        if !method.descriptor.kind.hasSingleRequest { self.start(call, with: nil) }
    }

    private func answerProbe(_ stream: HTTP2Stream) {
        self.session.submitResponse(stream, headers: LivenessProbe.headers, endStream: false)
        self.session.enqueue(LivenessProbe.body, on: stream)
        self.session.finish(stream)
    }

    /// Runs the call's handler, now or when another one has returned.
    func start(_ call: ServerCall, with message: ReceivedMessage?) {
        if !call.method.waits, self.runningCount >= self.server.configuration.runningHandlersMax {
            self.startQueue.append(call, message)
            call.armDeadline()
        } else {
            self.launch(call, message)
        }
    }

    private func launch(_ call: ServerCall, _ message: ReceivedMessage?) {
        self.loop.assertInEventLoop()
        call.isHandlerRunning = true
        if call.method.waits { self.waitingCount += 1 } else { self.runningCount += 1 }
        switch (call.method.handler, message) {
        case (.unary(let handler), let message?): self.startTask(of: call, unary: handler, message)
        case (.promptUnary(let handler), let message?):
            guard let work = call.replyPromptly(handler, message) else { return }
            self.startTask(of: call, unary: { _, _ in try await work() }, message)
        default:
            let bound = NIOLoopBound(call, eventLoop: self.loop)
            self.follow(call, Task.immediate(executorPreference: self.executor) { await ServerCall.runStreaming(message, bound) })
        }
    }

    private func startTask(of call: ServerCall, unary handler: @escaping ServerCall.UnaryHandler, _ message: ReceivedMessage) {
        let bound = NIOLoopBound(call, eventLoop: self.loop)
        let context = call.context
        self.follow(
            call, Task.immediate(executorPreference: self.executor) { await ServerCall.runUnary(handler, message, context, bound) })
    }

    /// Keeps the task of a handler that has suspended.
    ///
    /// The only unstructured task below the programs: a call has no scope that could own it. It ends with its handler, it is cancelled with
    /// its stream, and the server does not end before it. It ran here, on the loop, until the handler first suspended.
    private func follow(_ call: ServerCall, _ task: Task<Void, Never>) {
        guard call.isHandlerRunning else { return }
        call.task = task
        if call.isOver { task.cancel() } else { call.armDeadline() }
    }

    func handlerReturned(_ call: ServerCall) {
        call.isHandlerRunning = false
        call.task = nil
        if call.method.waits { self.waitingCount -= 1 } else { self.runningCount -= 1 }
        // From the queue's own turn, so that a chain of handlers that return at once is no recursion.
        if !self.startQueue.isEmpty { self.loop.assumeIsolated().execute { self.startQueued() } }
        if self.isClosed { self.endIfDone() }
    }

    private func startQueued() {
        while self.runningCount < self.server.configuration.runningHandlersMax, let (call, message) = self.startQueue.popFirst() {
            self.launch(call, message)
        }
    }

    func callEnded(_ call: ServerCall) {
        self.tally.callsNow -= 1
        // Its stream is free for the next call: what stays in the queue would be bounded by nothing.
        if !call.isHandlerRunning, !self.startQueue.isEmpty { self.startQueue.remove(call) }
    }

    private func endIfDone() {
        guard self.isClosed, self.runningCount == 0, self.waitingCount == 0 else { return }
        self.onEnd(self.number)
    }

    // MARK: Output

    func scheduleFlush() { self.driver?.scheduleFlush() }

    func consume(_ count: Int, on stream: HTTP2Stream) {
        self.session.consume(count, on: stream)
        self.scheduleFlush()
    }

    func hasRoom(for call: ServerCall) -> Bool {
        call.stream.bufferedBytes < self.server.configuration.streamBufferMax
            && self.session.bufferedBytes < self.server.configuration.connectionBufferMax
    }

    func writerBlocked(_ call: ServerCall) { self.blockedCalls.append(call) }

    private func wakeWriters() {
        self.blockedCalls.removeAll { call in
            guard call.isOver || self.hasRoom(for: call) else { return false }
            call.answerWriters(.success(()))
            return true
        }
    }

    /// Tells the server's counters, once per turn of the loop.
    private func report() {
        guard let driver = self.driver else { return }
        self.tally.receivedBytes = driver.receivedBytes - self.countedBytes.received
        self.tally.sentBytes = driver.sentBytes - self.countedBytes.sent
        self.tally.bufferedBytesNow = self.session.bufferedBytes - self.countedBytes.buffered
        self.tally.queuedBytesNow = self.startQueue.byteCount - self.countedBytes.queued
        guard self.tally != RPCServerStatistics() else { return }
        self.countedBytes = (driver.receivedBytes, driver.sentBytes, self.session.bufferedBytes, self.startQueue.byteCount)
        self.server.counters.add(self.tally)
        self.tally = RPCServerStatistics()
    }

    // MARK: Drain

    private static let drainPing: UInt64 = 0x6e6f_7669_7461_6921

    /// Sends the client away without losing a call: GOAWAY without a limit first, so that requests on their way are still taken, then, when
    /// the client has surely seen it, GOAWAY with the last stream taken (RFC 9113, 6.8). What runs goes on.
    func beginDrain(_ reason: String = "graceful_stop") {
        guard !self.isClosed, case .none = self.drain else { return }
        self.drainReason = reason
        self.session.submitShutdownNotice(ping: Self.drainPing)
        let delay = TimeAmount(self.server.configuration.goAwayDelay)
        self.drain = .announced(self.loop.assumeIsolated().scheduleTask(in: delay) { self.finishDrain() })
        self.scheduleFlush()
    }

    private func finishDrain() {
        guard !self.isClosed, case .announced(let timer) = self.drain else { return }
        timer.cancel()
        self.drain = .final
        self.session.submitGoAway(.noError, debugText: self.drainReason)
        self.scheduleFlush()
    }

    /// Ends the connection with whatever runs on it.
    func abort() { self.driver?.abort() }
}
