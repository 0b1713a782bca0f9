internal import HTTP2Session
internal import NIOCore
internal import RPCCore

/// The client's side of one connection: puts calls on streams and gives them what comes. Bound to the channel's loop.
final class ClientConnection: HTTP2DriverDelegate {
    let session: HTTP2Session
    let address: RPCAddress
    /// Among those of its channel, from 1 on.
    let number: UInt64
    var activity = ConnectionActivity()
    private let transport: ClientTransport
    private var driver: HTTP2Driver?
    private var blockedCalls: [ClientCall] = []
    /// The last stream that the server says it took, once it ends the connection.
    private var lastProcessed: Int32?
    /// Why the server ends the connection, in its own words; nil when it did not say.
    private var farewell: String?
    /// Whether the server has sent a GOAWAY: one complaint counts, however often it is made.
    private var hasServerLeft = false
    private var isClosed = false
    /// Whether the server's first SETTINGS have come, and whether calls could be made since.
    private var hasGreeted = false
    private(set) var wasReady = false
    /// Until then.
    private var handshakeTimer: Scheduled<Void>?
    private var keepalive: ClientKeepalive
    /// Until the server's life is to be looked at again; nil while it is not watched.
    private var keepaliveTimer: Scheduled<Void>?

    init(_ transport: ClientTransport, _ address: RPCAddress, _ keepalive: ClientKeepalive, number: UInt64) throws(HTTP2SessionError) {
        self.transport = transport
        self.address = address
        self.number = number
        self.keepalive = keepalive
        self.session = try HTTP2Session(role: .client, configuration: transport.configuration.session)
    }

    func makeDriver(isOnSocket: Bool) -> HTTP2Driver {
        // A client reads whatever its output does: servers need no protection from themselves.
        let limits = HTTP2Driver.Limits(unreadFramesMax: .max, unreadBytesMax: .max, lingerTimeout: .milliseconds(100))
        let driver = HTTP2Driver(session: self.session, limits: limits, isOnSocket: isOnSocket, delegate: self)
        self.driver = driver
        return driver
    }

    var canTakeCall: Bool {
        !self.isClosed && self.lastProcessed == nil && self.session.openStreamCount < Int(self.session.remoteMaxConcurrentStreams)
    }

    var hasCalls: Bool { self.session.openStreamCount > 0 }

    /// - Returns: whether the call is on its way. When not, the connection is of no use for new ones.
    func start(_ call: ClientCall) -> Bool {
        guard self.canTakeCall else { return false }
        guard let stream = self.session.submitRequest(headers: self.transport.headers(for: call)) else {
            // It is about to end by a broken rule, or its streams' numbers are used up. Calls that came first are to wait for the next connection.
            self.transport.loop.assumeIsolated().execute {
                self.transport.connectionLeaving(self, isComplaint: false)
                if !self.session.isTerminating { self.close() }
            }
            return false
        }
        stream.owner = call
        self.activity.streams.started += 1
        self.activity.lastStreamAt = NIODeadline.now().uptimeNanoseconds
        call.start(on: self, stream)
        self.scheduleFlush()
        if self.keepaliveTimer == nil { self.checkKeepalive() }
        return true
    }

    func writerBlocked(_ call: ClientCall) { self.blockedCalls.append(call) }

    func scheduleFlush() { self.driver?.scheduleFlush() }

    /// Tells the server that no call will follow; the connection closes after the last one.
    func close() {
        guard !self.isClosed else { return }
        self.lastProcessed = self.lastProcessed ?? .max
        self.session.submitGoAway(.noError)
        self.scheduleFlush()
    }

    func messageSent() { self.activity.messagesSent += 1 }

    func messagesReceived(_ count: Int) {
        self.activity.messagesReceived += count
        self.activity.lastReceivedAt = self.driver?.lastReceivedAt ?? 0
    }

    /// Nil when it is closed.
    var facts: ConnectionFacts? {
        guard let channel = self.driver?.channel else { return nil }
        return ConnectionFacts(channel, self.session, self.activity)
    }

    // MARK: HTTP2DriverDelegate

    func connectionOpened() {
        self.handshakeTimer = self.transport.loop.assumeIsolated().scheduleTask(in: TimeAmount(self.transport.configuration.connectTimeout))
        {
            self.driver?.fail(HTTP2SessionError(reason: "connect_timeout"))
        }
    }

    func handle(_ event: consuming HTTP2Event, input: Span<UInt8>) {
        switch consume event {
        case .headers(let stream, let block, let endStream):
            guard !block.isTruncated else {
                (stream.owner as? ClientCall)?.refuseHead(Self.oversizedHead, endStream: endStream)
                return
            }
            var head = ResponseHead()
            self.session.forEachField(of: block) { name, value in head.add(name: name, value: value) }
            (stream.owner as? ClientCall)?.receive(head, endStream: endStream)
        case .data(let stream, let range, let endStream):
            (stream.owner as? ClientCall)?.receive(input.extracting(range))
            if endStream { (stream.owner as? ClientCall)?.dataEnded() }
        case .closed(let stream, let code):
            self.closed(stream, code)
        case .settings:
            self.settingsReceived()
        case .goAway(let lastStream, let code, let text):
            let isFirst = !self.hasServerLeft
            self.hasServerLeft = true
            self.lastProcessed = lastStream
            self.farewell = code == .noError && text.isEmpty ? nil : text.isEmpty ? code.reason : text
            if self.isGreetedAway, self.transport.greetedAway() {
                self.wasReady = true
                self.handshakeTimer?.cancel()
            }
            self.transport.connectionLeaving(self, isComplaint: isFirst && code == .enhanceYourCalm)
        case .pingAcknowledged:
            break
        }
    }

    /// Why the connection ends, for people: in the server's words when it has any.
    private func cause(_ reason: HTTP2SessionError?) -> String? {
        self.farewell.map { "the server ends the connection: \"\($0)\"" } ?? reason.map { "reason: \($0)" }
    }

    private static let oversizedHead = RPCError(
        code: .resourceExhausted, message: "the response's headers or trailers are larger than this client takes")

    private func settingsReceived() {
        // Later ones may allow more streams.
        guard !self.wasReady else { return self.transport.streamFreed() }
        self.hasGreeted = true
        // When all that came with them has been looked at.
        self.transport.loop.assumeIsolated().execute { self.becomeReady() }
    }

    /// A server may say goodbye, or break a rule, in the breath in which it greets: then this attempt has failed, unless it is made anew at once.
    private var isGreetedAway: Bool { self.hasGreeted && !self.wasReady }

    private func becomeReady() {
        guard !self.wasReady, !self.isClosed, self.lastProcessed == nil, !self.session.isTerminating else { return }
        self.wasReady = true
        self.handshakeTimer?.cancel()
        self.checkKeepalive()
        self.transport.connectionReady(self)
    }

    private func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        let call = stream.owner as? ClientCall
        stream.owner = nil
        if code == .noError { self.activity.streams.succeeded += 1 } else { self.activity.streams.failed += 1 }
        if stream.isHeaderListOversized { call?.cancel(Self.oversizedHead) }
        let isUnprocessed = code == .refusedStream || stream.id > self.lastProcessed ?? .max
        call?.closed(resetCode: code.rawValue, isUnprocessed: isUnprocessed, cause: self.cause(nil))
        self.transport.streamFreed()
    }

    /// Asks the server whether it is there, when it is time to.
    private func checkKeepalive() {
        guard let driver, !self.isClosed else { return }
        switch self.keepalive.check(at: NIODeadline.now().uptimeNanoseconds, lastRead: driver.lastReceivedAt, hasCalls: self.hasCalls) {
        case .sleep: self.keepaliveTimer = nil
        case .wait(let time): self.armKeepalive(time)
        case .ping(let time):
            self.session.submitPing(Self.keepalivePing)
            self.activity.keepalivesSent += 1
            self.scheduleFlush()
            self.armKeepalive(time)
        case .giveUp: driver.fail(HTTP2SessionError(reason: "keepalive_timeout"))
        }
    }

    private static let keepalivePing: UInt64 = 0x6B65_6570

    private func armKeepalive(_ time: UInt64) {
        let deadline = NIODeadline.uptimeNanoseconds(time)
        self.keepaliveTimer = self.transport.loop.assumeIsolated().scheduleTask(deadline: deadline) { self.checkKeepalive() }
    }

    func outputDrained() {
        self.activity.noteSent()
        if !self.blockedCalls.isEmpty {
            self.blockedCalls.removeAll { call in
                call.outputDrained()
                return !call.isBlocked
            }
        }
    }

    /// A server that reads nothing holds up our last words. When they are all that is left, nobody waits until it has heard them.
    func outputFlushed() {
        guard let driver, driver.isOutputBlocked else { return }
        if self.lastProcessed == nil {
            if self.session.isTerminating { driver.fail(HTTP2SessionError(reason: "protocol_error")) }
        } else if !self.session.openStreams.contains(where: { $0.owner != nil }) {
            driver.close()
        }
    }

    func connectionClosed(reason: HTTP2SessionError?) {
        self.isClosed = true
        self.handshakeTimer?.cancel()
        self.keepaliveTimer?.cancel()
        self.transport.connectionClosed(
            self, wasOpen: self.handshakeTimer != nil, reason: self.cause(nil) ?? reason?.reason)
        let lastProcessed = self.lastProcessed ?? .max
        for stream in self.session.abandonStreams() {
            let call = stream.owner as? ClientCall
            stream.owner = nil
            if stream.isHeaderListOversized { call?.cancel(Self.oversizedHead) }
            call?.closed(resetCode: nil, isUnprocessed: stream.id > lastProcessed, cause: self.cause(reason))
        }
        self.blockedCalls.removeAll()
        self.driver = nil
    }
}
