internal import HTTP2Session
internal import NIOCore
internal import NIOPosix
package import RPCCore
internal import Synchronization

/// The socket that a server listened on failed.
package struct ListenerFailure: Error, CustomStringConvertible {
    let reason: String

    package var description: String { "the listening socket failed: \(self.reason)" }
}

/// A gRPC server on one address.
///
/// `run` listens, serves, and returns when the server has been drained: `beginGracefulShutdown`, or cancelling the task that runs it, makes it
/// send its clients away, finish what runs, and end what is left when the grace is over. A handler that does not heed its cancellation then
/// keeps `run` from returning: whoever runs the server decides how long to wait for that.
package final class RPCServer: Sendable {
    private enum Phase {
        case idle
        case listening(any Channel)
        /// No connection is accepted any more, once the listener is closed: until then one may be on its way in.
        case draining(isClosed: Bool)
    }

    private struct State {
        var phase = Phase.idle
        var address: RPCAddress?
        var connections: [UInt64: NIOLoopBound<ServerConnection>] = [:]
        var connectionNumber: UInt64 = 0
        var drained: [CheckedContinuation<Void, Never>] = []
        /// Why there was nothing to accept from any more, though nobody had asked for that.
        var listenerFailure: ListenerFailure?
    }

    private let shared: ServerShared
    /// nil without encryption.
    private let tls: TLSAcceptor?
    private let group: MultiThreadedEventLoopGroup
    private let executors: [LoopExecutor]
    private let state = Mutex(State())

    package init(router: Router, configuration: RPCServerConfiguration) {
        let shared = ServerShared(routes: RouteTable(router), configuration: configuration)
        self.shared = shared
        self.tls = configuration.tls.map { TLSAcceptor($0, configuration: configuration, counters: shared.counters) }
        let ticks = LoopTicks()
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.threadCount), metricsDelegate: ticks)
        self.executors = self.group.makeIterator().map { LoopExecutor($0, ticks: ticks) }
    }

    /// Where the server listens, with the port that was picked; nil before it does.
    package var boundAddress: RPCAddress? { self.state.withLock { $0.address } }

    package var statistics: RPCServerStatistics {
        var statistics = self.shared.counters.snapshot
        statistics.handshakesNow = self.tls?.countInProgress ?? 0
        statistics.endings = self.shared.counters.endingsByReason
        let held = self.shared.memory.share
        (statistics.bufferedBytesNow, statistics.queuedBytesNow) = (held.responses, held.requests)
        statistics.refusedForMemory = self.shared.memory.refusalCount
        return statistics
    }

    /// Jobs that were queued for handlers that suspended.
    package var enqueueCount: Int { self.executors.reduce(0) { $0 + $1.enqueueCount } }

    /// Tells about once a second, from each event loop, how late its work began at worst. Ends with the loops.
    package func observeLoopDelays(_ observe: @escaping @Sendable (Duration) -> Void) {
        for executor in self.executors { executor.loop.execute { executor.delay.observe(observe) } }
    }

    /// Listens. `run` does so itself when this was not called.
    ///
    /// - Throws: when the address cannot be listened on.
    package func start() async throws {
        guard self.boundAddress == nil else { return }
        let channel = try await self.bind()
        let isStopped = self.state.withLock { state in
            if case .draining = state.phase { return true }
            state.phase = .listening(channel)
            state.address = Self.address(of: channel) ?? self.shared.configuration.address
            return false
        }
        if isStopped { try await channel.close() }
        channel.closeFuture.whenComplete { [weak self] _ in self?.listenerClosed() }
    }

    /// A server that accepts nobody is of no use to those who ask only whether its process runs: it ends, and says why.
    private func listenerClosed() {
        let isUnasked = self.state.withLock { state in
            guard case .listening = state.phase else { return false }
            state.listenerFailure = ListenerFailure(reason: self.shared.counters.acceptFailure ?? "its socket was closed")
            return true
        }
        if isUnasked { self.beginGracefulShutdown() }
        // What was accepted before is known now: the gate has seen to that. A connection within TLS is counted there.
        self.state.withLock { $0.phase = .draining(isClosed: true) }
        self.finishIfDrained()
    }

    /// Serves until the server is drained.
    ///
    /// - Throws: ``ListenerFailure`` when it was drained because nobody could be accepted any more.
    package func run() async throws {
        try await withTaskCancellationHandler {
            try await self.start()
            await self.untilDrained()
        } onCancel: {
            self.beginGracefulShutdown()
        }
        try await self.group.shutdownGracefully()
        if let failure = self.state.withLock({ $0.listenerFailure }) { throw failure }
    }

    /// Accepts nothing more and drains every connection. Idempotent.
    package func beginGracefulShutdown() {
        let drained = self.state.withLock { state -> ((any Channel)?, [NIOLoopBound<ServerConnection>])? in
            switch state.phase {
            case .draining: return nil
            case .idle:
                state.phase = .draining(isClosed: true)
                return (nil, [])
            case .listening(let channel):
                state.phase = .draining(isClosed: false)
                return (channel, Array(state.connections.values))
            }
        }
        guard let (channel, connections) = drained else { return }
        let loop = self.group.next()
        // Before the listener closes: without a connection, the loops end then.
        loop.scheduleTask(in: TimeAmount(self.shared.configuration.shutdownGrace)) { self.abortConnections() }
        // Who is not through TLS yet has to be, to be told anything; who does not get on with it is not waited for.
        if let tls = self.tls { loop.scheduleTask(in: TimeAmount(self.shared.configuration.goAwayDelay)) { tls.abort() } }
        // First: who is sent away comes anew, and should find the next server.
        channel?.close(promise: nil)
        for connection in connections { connection.eventLoop.execute { connection.value.beginDrain() } }
    }

    private func abortConnections() {
        self.tls?.abort()
        for connection in self.state.withLock({ Array($0.connections.values) }) {
            connection.eventLoop.execute { connection.value.abort() }
        }
    }

    private func untilDrained() async {
        await withCheckedContinuation { continuation in
            self.state.withLock { $0.drained.append(continuation) }
            self.finishIfDrained()
        }
    }

    private func finishIfDrained() {
        let waiting = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard case .draining(isClosed: true) = state.phase, state.connections.isEmpty, self.tls?.countInProgress ?? 0 == 0 else {
                return []
            }
            defer { state.drained = [] }
            return state.drained
        }
        for continuation in waiting { continuation.resume() }
    }

    // MARK: Connections

    private func bind() async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try self.guardAccepting(channel) } }
            .childChannelOption(.writeBufferWaterMark, value: .init(low: HTTP2Driver.outputSize / 2, high: HTTP2Driver.outputSize))
            // One buffer for each connection in a turn of the loop, until it has shown what it sends (`ReadAhead`): a turn may not be long because
            // many have much to say.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 512, maximum: 65536))
            .childChannelInitializer { channel in self.accept(channel) }
        switch self.shared.configuration.address {
        case .host(let host, let port):
            let bootstrap = bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.tcpOption(Self.userTimeout), value: self.userTimeoutMilliseconds)
            guard let socket = self.shared.configuration.listeningSocket else {
                return try await bootstrap.bind(host: host, port: port).get()
            }
            return try await bootstrap.withBoundSocket(socket).get()
        case .unix(let path):
            if let socket = self.shared.configuration.listeningSocket { return try await bootstrap.withBoundSocket(socket).get() }
            return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        }
    }

    /// `TCP_USER_TIMEOUT` of `linux/tcp.h`: the kernel gives up a peer that acknowledges nothing for as long as we wait for a PING's answer.
    private static let userTimeout = NIOBSDSocket.Option(rawValue: 18)
    private var userTimeoutMilliseconds: Int {
        Int(clamping: self.shared.configuration.connections.keepaliveTimeout.wholeNanoseconds / 1_000_000)
    }

    private func guardAccepting(_ channel: any Channel) throws {
        let configuration = self.shared.configuration
        let gate = AcceptGate(
            configuration.connections, pause: TimeAmount(configuration.acceptBackoff), counters: self.shared.counters, group: self.group)
        try channel.pipeline.syncOperations.addHandler(gate)
    }

    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        switch self.shared.configuration.address {
        case .host: channel.eventLoop.makeCompletedFuture { try self.accept(channel, from: nil) }
        case .unix: PeerProcess.of(channel).flatMapThrowing { process in try self.accept(channel, from: process) }
        }
    }

    private func accept(_ channel: any Channel, from process: PeerProcess?) throws {
        let peer = process?.text ?? Self.peer(of: channel)
        let proven = process.map { PeerIdentity.process($0) }
        guard let tls = self.tls else { return try self.serve(channel, peer, proven) }
        try tls.accept(channel) { channel, certificate in
            try self.serve(channel, peer, certificate.map { .certificate($0) } ?? proven)
        } onEnd: {
            self.finishIfDrained()
        }
    }

    private func serve(_ channel: any Channel, _ peer: String, _ identity: PeerIdentity?) throws {
        guard let executor = self.executors.first(where: { $0.loop === channel.eventLoop }) else {
            throw ChannelError.inappropriateOperationForState
        }
        let number = self.state.withLock { state in
            state.connectionNumber += 1
            return state.connectionNumber
        }
        let connection = try ServerConnection(
            number: number, peer: peer, identity: identity, executor: executor, server: self.shared, onEnd: self.connectionEnded)
        let bound = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let isDraining = self.state.withLock { state in
            state.connections[number] = bound
            if case .draining = state.phase { return true }
            return false
        }
        try channel.pipeline.syncOperations.addHandler(connection.makeDriver(isOnSocket: self.tls == nil))
        if isDraining { connection.beginDrain() }
    }

    var openConnections: [UInt64: NIOLoopBound<ServerConnection>] { self.state.withLock { $0.connections } }

    private func connectionEnded(_ number: UInt64) {
        self.state.withLock { _ = $0.connections.removeValue(forKey: number) }
        self.finishIfDrained()
    }

    private static func address(of channel: any Channel) -> RPCAddress? {
        guard let address = channel.localAddress else { return nil }
        if let path = address.pathname, !path.isEmpty { return .unix(path: path) }
        guard let host = address.ipAddress, let port = address.port else { return nil }
        return .host(host, port: port)
    }

    private static func peer(of channel: any Channel) -> String {
        guard let address = channel.remoteAddress, let host = address.ipAddress, let port = address.port else { return "unix:" }
        return host.contains(":") ? "ipv6:[\(host)]:\(port)" : "ipv4:\(host):\(port)"
    }
}
