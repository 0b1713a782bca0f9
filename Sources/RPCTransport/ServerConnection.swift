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
    let peer: String
    let identity: PeerIdentity?
    let executor: LoopExecutor
    /// nil before, and after its channel is closed.
    private(set) var driver: HTTP2Driver?
    /// nil before the connection is open, and after it is closed.
    var openDriver: HTTP2Driver? { self.isOpened && !self.isClosed ? self.driver : nil }
    var clocks: ConnectionClocks
    /// When the last call ended, in nanoseconds of uptime.
    private(set) var lastCallAt: UInt64

    var drain = DrainState.none
    var drainReason = ""
    private var handshakeTimer: Scheduled<Void>?
    /// Handlers that have been started and have not returned: those that work, and those that wait.
    var runningCount = 0
    var waitingCount = 0
    var startQueue = StartQueue()
    /// Whether it is to be looked at when the loop has rested from unfolding.
    var isStartScheduled = false
    /// Calls with a writer that waits for room.
    private var blockedCalls: [ServerCall] = []
    /// The last headers that began a call: mostly the next ones are the same, and need not be read again.
    var lastHead: (block: SavedBlock, accepted: AcceptedHead)?
    let callerMemo = CallerMemo()
    /// Bytes of request messages that no handler has taken.
    var heldRequestBytes = 0
    /// Since it was opened.
    var activity = ConnectionActivity()
    /// What happened since the server's counters were last told.
    var tally = RPCServerStatistics()
    private var counted = (received: 0, sent: 0, memory: HeldMemory.Share())
    private var isOpened = false
    private(set) var isClosed = false
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
    func makeDriver(isOnSocket: Bool) -> HTTP2Driver {
        let configuration = self.server.configuration
        let limits = HTTP2Driver.Limits(
            unreadFramesMax: configuration.unreadFramesMax, unreadBytesMax: configuration.unreadBytesMax,
            lingerTimeout: configuration.lingerTimeout)
        let driver = HTTP2Driver(
            session: self.session, limits: limits, executor: self.executor, isOnSocket: isOnSocket, delegate: self)
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

    func handle(_ event: consuming HTTP2Event, input: Span<UInt8>) {
        switch consume event {
        case .headers(let stream, let block, let endStream):
            // Trailers that come when a refusal is out begin nothing.
            if stream.owner == nil, !stream.isStarted {
                self.activity.streams.started += 1
                self.activity.lastStreamAt = self.driver?.lastReceivedAt ?? 0
                // Whoever gives up a call in the breath that asks for it gets no work for it.
                if stream.isOpen { self.begin(stream, block) }
            }
            guard endStream else { break }
            switch stream.owner {
            case let call as ServerCall: call.requestsEnded()
            case let request as UnreadRequest: self.discard(request, 0, endStream: true, on: stream)
            default: break
            }
        case .data(let stream, let range, let endStream):
            guard stream.isOpen else { break }
            switch stream.owner {
            case let call as ServerCall: call.receive(input.extracting(range), endStream: endStream)
            case let request as UnreadRequest: self.discard(request, range.count, endStream: endStream, on: stream)
            default: break
            }
        case .closed(let stream, let code):
            if code == .noError {
                self.activity.streams.succeeded += 1
            } else {
                self.activity.streams.failed += 1
                self.tally.resets += 1
            }
            self.forget(stream)
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
    }

    func outputFlushed() {
        if self.driver?.isOutputBlocked ?? false { self.watchStalls() }
        self.report()
    }

    func inputHandled(in nanoseconds: UInt64) { self.executor.socketsWorked(nanoseconds) }

    func connectionClosed(reason: HTTP2SessionError?) {
        self.isClosed = true
        self.clocks.stop()
        self.handshakeTimer?.cancel()
        self.handshakeTimer = nil
        if case .announced(let timer) = self.drain { timer.cancel() }
        if let reason { self.server.counters.add(endedFor: reason.reason) }
        if self.isOpened { self.tally.connectionsNow -= 1 }
        self.startQueue.removeAll()
        for stream in self.session.abandonStreams() { self.forget(stream) }
        self.blockedCalls.removeAll()
        self.report()
    }

    func channelClosed() {
        self.report()
        self.driver = nil
        self.endIfDone()
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
            call.answerWriters(.success(nil))
            return true
        }
    }

    // MARK: Counts

    var openCalls: [ServerCall] { self.session.openStreams.compactMap { $0.owner as? ServerCall } }

    /// Tells the server's counters, once per turn of the loop.
    private func report() {
        guard let driver = self.driver else { return }
        self.activity.noteSent()
        self.tally.receivedBytes = driver.receivedBytes - self.counted.received
        self.tally.sentBytes = driver.sentBytes - self.counted.sent
        (self.counted.received, self.counted.sent) = (driver.receivedBytes, driver.sentBytes)
        let share = HeldMemory.Share(
            responses: self.session.bufferedBytes + driver.blockedBytes,
            requests: self.heldRequestBytes + self.startQueue.byteCount)
        if share != self.counted.memory {
            self.server.memory.change(from: self.counted.memory, to: share)
            self.counted.memory = share
        }
        guard self.tally != RPCServerStatistics() else { return }
        self.server.counters.add(self.tally)
        self.tally = RPCServerStatistics()
    }

    func endIfDone() {
        guard self.isClosed, self.driver == nil, self.runningCount == 0, self.waitingCount == 0 else { return }
        self.onEnd(self.number)
    }
}
