internal import DequeModule
internal import HTTP2Session
internal import NIOCore
internal import NIOPosix
internal import RPCCore

/// A channel's connections, made when there is a call and made again when they are lost, and the calls that wait for one. What is to be
/// done, `ChannelMachine` says. Bound to the channel's loop.
final class ClientTransport {
    let loop: any EventLoop
    let configuration: HTTP2ChannelConfiguration
    private var machine: ChannelMachine
    private var throttle: RetryThrottle?
    /// Of the next connections: slower after a server complained.
    private var keepalive: ClientKeepalive.Configuration
    /// The connection that takes calls.
    private var current: ClientConnection?
    /// Every connection that is not closed: the one in use, one being made, and those that finish their last calls.
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    private var waiting = Deque<ClientCall>()
    /// Why the last attempt to connect failed.
    private var failure = RPCError(code: .unavailable, message: "not connected")
    private var pauseTimer: Scheduled<Void>?
    private var idleTimer: Scheduled<Void>?
    private var lastUse = NIODeadline.now()
    /// Connections in a row whose server said goodbye as it greeted.
    private var greetingsAway = 0
    private var shutDownWaiters: [Waiter] = []
    private var connectionsBegun: UInt64 = 0
    private var calls = CallCounts()
    private var lastCallAt: NIODeadline?

    init(loop: any EventLoop, configuration: HTTP2ChannelConfiguration) {
        self.loop = loop
        self.configuration = configuration
        self.machine = ChannelMachine(addressCount: configuration.addresses.count, backoff: configuration.backoff)
        self.throttle = configuration.serviceConfig.retryThrottle
        self.keepalive = configuration.keepalive
    }

    // MARK: Calls

    func callBegan() {
        self.calls.started += 1
        self.lastCallAt = .now()
    }

    func callEnded(wasSuccessful: Bool) {
        if wasSuccessful { self.calls.succeeded += 1 } else { self.calls.failed += 1 }
    }

    func submit(_ call: ClientCall) {
        let now = NIODeadline.now()
        self.lastUse = now
        let waitsForReady = call.options.waitsForReady ?? false
        switch self.machine.callSubmitted(waitsForReady: waitsForReady, at: now.uptimeNanoseconds) {
        case .start:
            guard self.waiting.isEmpty, let current, current.start(call) else { return self.wait(call) }
        case .wait: self.wait(call)
        case .waitAndConnect(let address):
            self.wait(call)
            self.connect(address)
        case .fail: call.fail(self.failure)
        case .refuse: call.cancel(Self.shutDownError)
        }
    }

    private static let shutDownError = RPCError(code: .unavailable, message: "the channel is shut down")

    /// Whether a call whose attempt has ended is made again.
    func decide(_ ending: CallAttempts.Ending, _ attempts: inout CallAttempts) -> CallAttempts.Decision {
        attempts.attemptEnded(ending, throttle: &self.throttle, random: .random(in: -1...1))
    }

    private func wait(_ call: ClientCall) {
        guard self.waiting.count < self.configuration.waitingCallsMax else {
            return call.cancel(RPCError(code: .resourceExhausted, message: "too many calls wait for a connection"))
        }
        self.waiting.append(call)
    }

    /// A stream has ended, or the server allows more of them, so that another may begin.
    func streamFreed() {
        self.lastUse = .now()
        self.startWaiting()
    }

    private func startWaiting() {
        guard let current else { return }
        while current.canTakeCall, let call = self.waiting.popFirst() {
            if !call.isOver, !current.start(call) { return self.waiting.prepend(call) }
        }
    }

    private var hasWaitingCalls: Bool {
        self.waiting.removeAll { $0.isOver }
        return !self.waiting.isEmpty
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
        if call.previousAttempts > 0 { fields.append(HeaderField("grpc-previous-rpc-attempts", "\(call.previousAttempts)")) }
        fields += ResponseFields.fields(call.options.metadata.wireFields)
        let constant = self.configuration.tls == nil ? Self.constantHeaders : Self.constantHeadersOverTLS
        return OutgoingHeaders(constant: constant, fields: fields)
    }

    private static let constantHeaders = ConstantHeaders([(":method", "POST"), (":scheme", "http")])
    private static let constantHeadersOverTLS = ConstantHeaders([(":method", "POST"), (":scheme", "https")])

    private var authority: String {
        if let authority = self.configuration.authority { return authority }
        if case .unix = self.configuration.addresses[0] { return "localhost" }
        return self.configuration.addresses[0].description
    }

    // MARK: Connections

    private func connect(_ index: Int) {
        let address = self.configuration.addresses[index]
        let bootstrap = ClientBootstrap(group: self.loop)
            .channelOption(.writeBufferWaterMark, value: .init(low: HTTP2Driver.outputSize / 2, high: HTTP2Driver.outputSize))
            .connectTimeout(TimeAmount(self.configuration.connectTimeout))
        let transport = NIOLoopBound(self, eventLoop: self.loop)
        let initialize: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            channel.eventLoop.makeCompletedFuture { try transport.value.begin(channel, address) }
        }
        let connected =
            switch address {
            case .host(let host, let port):
                bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).channelInitializer(initialize).connect(host: host, port: port)
            case .unix(let path):
                bootstrap.channelInitializer(initialize).connect(unixDomainSocketPath: path)
            }
        connected.assumeIsolated().whenFailure { error in self.attemptFailed(address, ConnectFailure.text(error)) }
    }

    private func begin(_ channel: any Channel, _ address: RPCAddress) throws {
        guard let tls = self.configuration.tls else { return try self.add(channel, address) }
        let handshake = TLSHandshake(timeout: self.configuration.connectTimeout) { channel, result in
            do {
                _ = try result.get()
                try self.add(channel, address)
            } catch {
                channel.close(promise: nil)
                self.attemptFailed(address, (error as? TLSHandshake.Failure)?.reason ?? ConnectFailure.text(error))
            }
        }
        let handler = try tls.makeHandler(serverName: self.serverName(address))
        try channel.pipeline.syncOperations.addHandlers([handler, handshake])
    }

    /// What the server's certificate must name: the host that the calls are for.
    private func serverName(_ address: RPCAddress) -> String {
        if let authority = self.configuration.authority {
            guard case .host(let host, _)? = RPCAddress(authority) else { return authority }
            return host
        }
        switch address {
        case .host(let host, _): return host
        case .unix: return "localhost"
        }
    }

    private func add(_ channel: any Channel, _ address: RPCAddress) throws {
        guard self.machine.connectivity == .connecting else { throw ChannelError.ioOnClosedChannel }
        self.connectionsBegun += 1
        let connection = try ClientConnection(self, address, ClientKeepalive(self.keepalive), number: self.connectionsBegun)
        self.connections[ObjectIdentifier(connection)] = connection
        try channel.pipeline.syncOperations.addHandler(connection.makeDriver(isOnSocket: self.configuration.tls == nil))
    }

    /// The server has shown that it speaks HTTP/2.
    func connectionReady(_ connection: ClientConnection) {
        guard self.machine.connected() else { return }
        self.greetingsAway = 0
        self.current = connection
        self.lastUse = .now()
        self.armIdleTimer()
        self.startWaiting()
    }

    /// The server has said goodbye as it greeted. One that is being replaced does so to those who come to it last: the next attempt is made at once.
    ///
    /// - Returns: false when that has been tried often enough, so that this attempt counts as one that failed.
    func greetedAway() -> Bool {
        guard self.greetingsAway < Self.greetingsAwayMax, self.machine.connected() else { return false }
        self.greetingsAway += 1
        self.reconnect(self.machine.connectionLeft(hasWaitingCalls: self.hasWaitingCalls, at: NIODeadline.now().uptimeNanoseconds))
        return true
    }

    private static let greetingsAwayMax = 3

    /// The server has said goodbye: calls in progress go on there, new ones go elsewhere.
    func connectionLeaving(_ connection: ClientConnection, isComplaint: Bool) {
        if isComplaint { self.keepalive.slowDown() }
        self.leave(connection)
    }

    /// `wasOpen` is false for an attempt that failed, of which the attempt itself tells.
    func connectionClosed(_ connection: ClientConnection, wasOpen: Bool, reason: String?) {
        self.connections[ObjectIdentifier(connection)] = nil
        if wasOpen, !connection.wasReady {
            self.attemptFailed(connection.address, reason ?? "the server closed the connection")
        }
        self.leave(connection)
        if self.machine.connectivity == .shutdown { self.finishShutDown() }
    }

    private func leave(_ connection: ClientConnection) {
        guard self.current === connection else { return }
        self.current = nil
        self.idleTimer?.cancel()
        self.reconnect(self.machine.connectionLeft(hasWaitingCalls: self.hasWaitingCalls, at: NIODeadline.now().uptimeNanoseconds))
    }

    private func reconnect(_ address: Int?) {
        if let address { self.connect(address) }
    }

    private func attemptFailed(_ address: RPCAddress, _ reason: String) {
        self.failure = RPCError(code: .unavailable, message: "cannot connect to \(address): \(reason)")
        switch self.machine.attemptFailed(at: NIODeadline.now().uptimeNanoseconds, random: .random(in: -1...1)) {
        case .nothing: break
        case .connect(let address): self.connect(address)
        case .pause(let pause):
            self.pauseTimer = self.loop.assumeIsolated().scheduleTask(in: TimeAmount(pause)) {
                self.reconnect(
                    self.machine.pauseEnded(hasWaitingCalls: self.hasWaitingCalls, at: NIODeadline.now().uptimeNanoseconds))
            }
            let calls = self.waiting
            self.waiting = calls.filter { $0.options.waitsForReady ?? false }
            for call in calls where !(call.options.waitsForReady ?? false) { call.fail(self.failure) }
        }
    }

    // MARK: Idleness

    private func armIdleTimer() {
        self.idleTimer?.cancel()
        let time = self.lastUse + TimeAmount(self.configuration.idleTimeout)
        self.idleTimer = self.loop.assumeIsolated().scheduleTask(deadline: time) { self.closeWhenIdle() }
    }

    private func closeWhenIdle() {
        guard let current else { return }
        if current.hasCalls { self.lastUse = .now() }
        guard .now() >= self.lastUse + TimeAmount(self.configuration.idleTimeout) else { return self.armIdleTimer() }
        self.leave(current)
        current.close()
    }

    // MARK: For those who look for a fault

    var facts: ChannelFacts {
        var facts = ChannelFacts()
        facts.target = self.configuration.addresses.map(\.description).joined(separator: ",")
        facts.connectivity = self.machine.connectivity
        facts.calls = self.calls
        facts.lastCallBegan = self.lastCallAt.map { .nanoseconds((.now() - $0).nanoseconds) }
        facts.connections = self.connections.values.map(\.number).sorted()
        return facts
    }

    func connection(_ number: UInt64) -> ClientConnection? { self.connections.values.first { $0.number == number } }

    // MARK: Shutdown

    /// Takes no further call, fails those that wait, and answers when the running ones have ended.
    func shutDown(_ waiter: Waiter) {
        self.pauseTimer?.cancel()
        self.idleTimer?.cancel()
        self.machine.shutDown()
        self.current = nil
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
        for waiter in waiters { waiter.answer(.success(nil)) }
    }
}
