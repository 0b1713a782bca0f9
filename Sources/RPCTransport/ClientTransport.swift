internal import DequeModule
internal import HTTP2Session
internal import NIOCore
internal import NIOPosix
internal import RPCCore

/// The state of a channel: its connection, made when there is a call and made again when it is lost, and the calls that wait for it.
/// Bound to the channel's loop.
///
///     idle ──call──▶ connecting ──SETTINGS──▶ ready ──GOAWAY, lost──▶ idle
///                         └──failed──▶ pausing ──▶ idle, or connecting when calls wait
final class ClientTransport {
    private enum State {
        case idle
        case connecting
        case ready(ClientConnection)
        /// After a failed attempt. Calls fail at once, but for those that wait for a connection.
        case pausing(Scheduled<Void>, RPCError)
        case shutDown
    }

    let loop: any EventLoop
    let configuration: HTTP2ChannelConfiguration
    private var state = State.idle
    private var waiting = Deque<ClientCall>()
    private var failures = 0
    /// Every connection that is not closed: the one in use, one being made, and those that finish their last calls.
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    private var shutDownWaiters: [Waiter<Void>] = []

    init(loop: any EventLoop, configuration: HTTP2ChannelConfiguration) {
        self.loop = loop
        self.configuration = configuration
    }

    // MARK: Calls

    func submit(_ call: ClientCall) {
        switch self.state {
        case .ready(let connection):
            if !self.waiting.isEmpty || !connection.start(call) { self.wait(call) }
        case .idle:
            self.wait(call)
            self.connect()
        case .connecting:
            self.wait(call)
        case .pausing(_, let error):
            if call.options.waitsForReady { self.wait(call) } else { call.cancel(error) }
        case .shutDown:
            call.cancel(Self.shutDownError)
        }
    }

    private static let shutDownError = RPCError(code: .unavailable, message: "the channel is shut down")

    private func wait(_ call: ClientCall) {
        guard self.waiting.count < self.configuration.waitingCallsMax else {
            return call.cancel(RPCError(code: .resourceExhausted, message: "too many calls wait for a connection"))
        }
        self.waiting.append(call)
    }

    /// A stream of the connection in use has ended, so that another may begin.
    func streamFreed() { self.startWaiting() }

    private func startWaiting() {
        guard case .ready(let connection) = self.state else { return }
        while connection.canTakeCall, let call = self.waiting.popFirst() {
            if !call.isOver, !connection.start(call) { return self.waiting.prepend(call) }
        }
    }

    func headers(for call: ClientCall) -> OutgoingHeaders {
        var fields = [
            HeaderField(":path", call.method.path), HeaderField(":authority", self.authority),
            HeaderField("content-type", "application/grpc"), HeaderField("te", "trailers"),
            HeaderField("grpc-accept-encoding", "\(ResponseFields.acceptedEncodings)"),
            HeaderField("user-agent", self.configuration.userAgent),
        ]
        if let deadline = call.deadline {
            let left = Timeout(nanoseconds: UInt64(max(0, (deadline - .now()).nanoseconds)))
            fields.append(HeaderField("grpc-timeout", left.text))
        }
        if let codec = call.options.codec { fields.append(HeaderField("grpc-encoding", codec.name)) }
        if call.isRetried { fields.append(HeaderField("grpc-previous-rpc-attempts", "1")) }
        fields += ResponseFields.fields(call.options.metadata.wireFields)
        let constant = self.configuration.tls == nil ? Self.constantHeaders : Self.constantHeadersOverTLS
        return OutgoingHeaders(constant: constant, fields: fields)
    }

    private static let constantHeaders = ConstantHeaders([(":method", "POST"), (":scheme", "http")])
    private static let constantHeadersOverTLS = ConstantHeaders([(":method", "POST"), (":scheme", "https")])

    private var authority: String {
        if let authority = self.configuration.authority { return authority }
        if case .unix = self.configuration.address { return "localhost" }
        return self.configuration.address.description
    }

    // MARK: Connections

    private func connect() {
        self.state = .connecting
        let bootstrap = ClientBootstrap(group: self.loop)
            .channelOption(.writeBufferWaterMark, value: .init(low: HTTP2Driver.outputSize / 2, high: HTTP2Driver.outputSize))
            .connectTimeout(TimeAmount(self.configuration.connectTimeout))
        let transport = NIOLoopBound(self, eventLoop: self.loop)
        let initialize: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            channel.eventLoop.makeCompletedFuture { try transport.value.begin(channel) }
        }
        let connected =
            switch self.configuration.address {
            case .host(let host, let port):
                bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).channelInitializer(initialize).connect(host: host, port: port)
            case .unix(let path):
                bootstrap.channelInitializer(initialize).connect(unixDomainSocketPath: path)
            }
        connected.assumeIsolated().whenFailure { error in self.connectFailed(ConnectFailure.text(error)) }
    }

    private func begin(_ channel: any Channel) throws {
        guard let tls = self.configuration.tls else { return try self.add(channel) }
        let handshake = TLSHandshake(timeout: self.configuration.connectTimeout) { channel, result in
            do {
                _ = try result.get()
                try self.add(channel)
            } catch {
                channel.close(promise: nil)
                self.connectFailed((error as? TLSHandshake.Failure)?.reason ?? ConnectFailure.text(error))
            }
        }
        let handler = try tls.makeHandler(serverName: self.serverName)
        try channel.pipeline.syncOperations.addHandlers([handler, handshake])
    }

    /// What the server's certificate must name.
    private var serverName: String {
        switch self.configuration.address {
        case .host(let host, _): host
        case .unix: "localhost"
        }
    }

    private func add(_ channel: any Channel) throws {
        guard case .connecting = self.state else { throw ChannelError.ioOnClosedChannel }
        let connection = try ClientConnection(self)
        self.connections[ObjectIdentifier(connection)] = connection
        try channel.pipeline.syncOperations.addHandler(connection.makeDriver())
    }

    /// The server has shown that it speaks HTTP/2. Later SETTINGS may allow more streams.
    func connectionReady(_ connection: ClientConnection) {
        if case .connecting = self.state {
            self.failures = 0
            self.state = .ready(connection)
        }
        self.startWaiting()
    }

    /// The server has said goodbye: calls in progress go on there, new ones go elsewhere.
    func connectionLeaving(_ connection: ClientConnection) {
        guard case .ready(let current) = self.state, current === connection else { return }
        self.state = .idle
        if !self.waiting.isEmpty { self.connect() }
    }

    /// `wasOpen` is false for an attempt that failed, of which the attempt itself tells.
    func connectionClosed(_ connection: ClientConnection, wasOpen: Bool, reason: HTTP2SessionError?) {
        self.connections[ObjectIdentifier(connection)] = nil
        switch self.state {
        case .connecting where wasOpen && self.connections.allSatisfy({ !$0.value.canTakeCall }):
            self.connectFailed(reason?.reason ?? "the server closed the connection")
        case .ready(let current) where current === connection:
            self.state = .idle
            if !self.waiting.isEmpty { self.connect() }
        case .idle, .connecting, .ready, .pausing: break
        case .shutDown: self.finishShutDown()
        }
    }

    private func connectFailed(_ reason: String) {
        guard case .connecting = self.state else { return }
        self.failures += 1
        let error = RPCError(code: .unavailable, message: "cannot connect to \(self.configuration.address): \(reason)")
        let delay = self.configuration.backoff.delay(afterFailures: self.failures, random: .random(in: -1...1))
        self.state = .pausing(self.loop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) { self.pauseEnded() }, error)
        let calls = self.waiting
        self.waiting = []
        for call in calls where !call.isOver {
            if call.options.waitsForReady { self.waiting.append(call) } else { call.cancel(error) }
        }
    }

    private func pauseEnded() {
        self.state = .idle
        self.waiting.removeAll { $0.isOver }
        if !self.waiting.isEmpty { self.connect() }
    }

    // MARK: Shutdown

    /// Takes no further call, fails those that wait, and answers when the running ones have ended.
    func shutDown(_ waiter: Waiter<Void>) {
        if case .pausing(let timer, _) = self.state { timer.cancel() }
        self.state = .shutDown
        self.shutDownWaiters.append(waiter)
        let calls = self.waiting
        self.waiting = []
        for call in calls { call.cancel(Self.shutDownError) }
        for connection in self.connections.values { connection.close() }
        self.finishShutDown()
    }

    private func finishShutDown() {
        guard self.connections.isEmpty else { return }
        let waiters = self.shutDownWaiters
        self.shutDownWaiters = []
        for waiter in waiters { waiter.answer(.success(())) }
    }
}
