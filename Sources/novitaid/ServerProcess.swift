import Access
import ArgumentParser
import CStartupPages
import CurlClient
import Fleet
import FleetEngine
import HTTP2Session
import Handover
import Logging
import NovitaCloud
import Outbound
import RPCCore
import RPCTransport
import SQLiteStore
import Services
import Settings
import Telemetry
import UnixSignals

/// A server from its start to its end: opens everything in order, runs it, closes it in the reverse order.
struct ServerProcess {
    private let settings: ServerSettings
    private let portFile: String?
    private let takesOver: Bool
    private let readAgain: @Sendable () throws(SettingsError) -> ServerSettings
    private let threshold: LogThreshold
    private let log: Logger
    private let clock = SystemClock()
    private let random = RandomSource(SystemRandomNumberGenerator())
    private let metrics = MetricsRegistry()

    /// - Parameter readAgain: reads the settings as they are now.
    init(
        _ settings: ServerSettings, portFile: String?, takesOver: Bool,
        readAgain: @escaping @Sendable () throws(SettingsError) -> ServerSettings
    ) {
        self.readAgain = readAgain
        self.settings = settings
        self.portFile = portFile
        self.takesOver = takesOver
        let (threshold, format) = (LogThreshold(Logger.Level(settings.log.level)), LogFormat(settings.log.format))
        LoggingSystem.bootstrap { label in
            var handler = LineLogHandler(label: label, threshold: threshold, format: format, write: StandardError.write)
            handler.metadataProvider = .work
            return handler
        }
        self.threshold = threshold
        self.log = Logger(label: "novitaid")
    }

    func run() async throws {
        Signals.leaveFailedWritesToTheirCaller()
        Signals.leaveHangUpForLater()
        if !MemoryDumps.forbid() { self.log.warning("the system does not let core files be forbidden: they would hold secrets") }
        let authenticator = Authenticator(try self.principals(), digest: SHA256Digest.of)
        let tls = try self.openTLS()
        let secrets = try self.secrets()
        let tracing = try self.openTracing()
        let listening = Listening(self.settings, secrets, self.log)
        let inherited = try listening.inherit(takesOver: self.takesOver)
        let store = try self.openStore(secrets)
        let view = View()
        try await view.attach(to: store)
        guard let deployment = view.deployment else { throw ExitCode(ExitStatus.failure) }
        let client = try HTTPClient(self.clientConfiguration)
        let probes = try HTTPClient(OutboundProber.configuration(except: self.settings.probeExceptions))
        let webhooks = try self.webhooks(store)
        let parts = self.assemble(store, view, client, OutboundProber(probes), webhooks?.webhooks, deployment.id, tracing)
        let socket = try inherited ?? listening.open()
        let server = try self.makeServer(parts, authenticator, tls, socket, tracing, backups: store)
        // Whoever knows from the port's file that the server runs may ask it to end.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        try await self.start(server)
        let handover = listening.offer(socket) { self.drain(server, parts, because: "handing over") }
        novitai_release_startup_pages()
        let reloading = Reloading(self.settings, authenticator, tls, self.threshold, self.log, readAgain: self.readAgain)
        // The wait for the server before may have been long: whoever was revoked meanwhile has told that one.
        if self.takesOver { reloading.run() }
        try await Tracing.run(tracing) {
            try await self.serve(server, parts, signals, reloading, handover)
            await store.close()
            // The next server waits for this, and for no collector.
            handover?.finish()
        }
        client.shutdown()
        probes.shutdown()
        webhooks?.client.shutdown()
        self.log.info("stopped")
    }

    // MARK: Parts

    private struct Parts {
        let backend: Backend
        let engine: FleetEngine
        let monitor: FleetMonitor
        let board = HealthBoard()
        let health = HealthRegistry()
    }

    private func principals() throws -> PrincipalTable? {
        do throws(SettingsError) {
            return try PrincipalTables.read(self.settings)
        } catch {
            throw ExitStatus.configuration(error)
        }
    }

    private func openTLS() throws -> ServerTLS? {
        do throws(SettingsError) {
            let tls = try ServerTLS.open(self.settings)
            if let tls { ServerMetrics.register(tls, in: self.metrics) }
            return tls
        } catch {
            throw ExitStatus.configuration(error)
        }
    }

    private func secrets() throws -> SecretsFile {
        do throws(SettingsError) {
            return try SecretsFile(self.settings)
        } catch {
            throw ExitStatus.configuration(error)
        }
    }

    private func openTracing() throws -> Tracing? {
        guard let settings = self.settings.traces else { return nil }
        do throws(SettingsError) {
            return try Tracing(settings, clock: self.clock, random: self.random, log: self.log, metrics: self.metrics)
        } catch {
            throw ExitStatus.configuration(error)
        }
    }

    private func openStore(_ secrets: SecretsFile) throws -> SQLiteStore {
        var random = SystemRandomNumberGenerator()
        do throws(SQLiteOpenError) {
            let options = SQLiteOptions(path: self.settings.databasePath, sealer: secrets.keyring, keepKeys: secrets.keep)
            let store = try SQLiteStore(opening: options, now: self.clock.now, using: &random)
            ServerMetrics.register(store, in: self.metrics)
            return store
        } catch {
            self.log.critical("database cannot be opened", metadata: ["reason": "\(error)"])
            if case .inUse = error { throw ExitCode(ExitStatus.tryAgain) }
            if case .keyMissing(let path, let keyID) = error {
                throw ExitStatus.configuration(SettingsError([secrets.violation(keyID: keyID, database: path)]))
            }
            throw ExitCode(ExitStatus.failure)
        }
    }

    private var clientConfiguration: HTTPClientConfiguration {
        var configuration = HTTPClientConfiguration()
        configuration.schemes = self.settings.apiBaseURL.isLoopback ? .httpsOrLoopbackHTTP : .httpsOnly
        return configuration
    }

    private func assemble(
        _ store: SQLiteStore, _ view: View, _ client: HTTPClient, _ prober: OutboundProber, _ webhooks: Webhooks?,
        _ deployment: DeploymentID, _ tracing: Tracing?
    ) -> Parts {
        let fleet = FleetSettings(self.settings)
        self.log.debug("settings in force", metadata: ["fleet": "\(fleet)", "probes": "\(self.settings.probeExceptions)"])
        let engineLog = EngineLog(self.log, self.metrics, self.clock)
        let cloud = NovitaCloud(
            NovitaCloudConfiguration(self.settings), client: client, clock: self.clock, random: self.random, tracer: tracing?.tracer,
            report: engineLog.note)
        ServerMetrics.register(cloud, in: self.metrics)
        let (cooldowns, monitor) = (Cooldowns(), FleetMonitor())
        let world = World(
            store: store, cloud: cloud, clock: self.clock, random: self.random, settings: fleet, view: view, cooldowns: cooldowns,
            monitor: monitor, prober: prober, webhooks: webhooks, tracer: tracing?.tracer, report: engineLog.note)
        let engine = FleetEngine(world: world, deployment: deployment)
        let backend = Backend(
            store: store, view: view, cloud: cloud, clock: self.clock, settings: fleet, cooldowns: cooldowns, random: self.random,
            monitor: monitor, drain: DrainSignal(), log: self.log, webhooks: webhooks
        ) { isDryRun, requestID in
            try await engine.reconcile(isDryRun: isDryRun, requestID: requestID)
        }
        self.metrics.register(FleetMetrics(view: view, monitor: monitor, ceilings: fleet.ceilings, clock: self.clock))
        self.metrics.register(ProcessMetrics())
        ServerMetrics.registerVersion(ServerFacts.version, in: self.metrics)
        let parts = Parts(backend: backend, engine: engine, monitor: monitor)
        self.metrics.register(HealthMetrics(board: parts.board, clock: self.clock))
        return parts
    }

    /// Nil: no target is set up.
    private func webhooks(_ store: SQLiteStore) throws -> OpenWebhooks? {
        guard let opened = try OpenWebhooks(self.settings, store) else { return nil }
        if !opened.isSigned { self.log.warning("webhooks are not signed: no WEBHOOK_SECRET is set") }
        self.metrics.register(WebhookMetrics(opened.webhooks))
        return opened
    }

    private func makeServer(
        _ parts: Parts, _ authenticator: Authenticator, _ tls: ServerTLS?, _ socket: ListeningSocket, _ tracing: Tracing?,
        backups: any BackupSource
    ) throws -> RPCServer {
        var configuration = RPCServerConfiguration(address: RPCAddress(self.settings.listen))
        configuration.threadCount = self.settings.eventLoops ?? ProcessorShare.eventLoopCount
        configuration.tls = tls
        configuration.listeningSocket = socket.descriptor
        configuration.shutdownGrace = self.settings.shutdownGrace
        if let limit = DescriptorLimit.raise() { configuration.connections.fit(descriptors: limit, loops: configuration.threadCount) }
        configuration.connections.ageMax = self.settings.maxConnectionAge
        configuration.connections.idleMax = self.settings.maxConnectionIdle
        configuration.connections.ageGrace = self.settings.shutdownGrace
        let facts = ServerFacts(
            startedAt: self.clock.now, upstream: self.settings.apiBaseURL.description, messageBytesMax: configuration.requestSizeMax,
            metadataBytesMax: configuration.session.headerListLimit, concurrentStreamsMax: Int(configuration.session.maxConcurrentStreams),
            pingIntervalMin: .nanoseconds(Int64(configuration.session.floodLimits.pingInterval)))
        let access = AccessInterceptor(
            authenticator: authenticator,
            limiter: RateLimiter(perSecond: self.settings.rateLimitPerSecond, burst: self.settings.rateLimitBurst), clock: self.clock)
        let directory = DiagnosticsDirectory()
        let router = try ServiceRouter.make(
            parts.backend, facts: facts, board: parts.board, health: parts.health, access: access, metrics: self.metrics,
            directory: directory, tracer: tracing?.callTracer(self.settings.listen), backups: backups)
        let server = RPCServer(router: router, configuration: configuration)
        directory.enter(server)
        if let tracing { directory.enter(tracing.channel) }
        ServerMetrics.register(server, in: self.metrics)
        LoopDelay.register(server, in: self.metrics)
        return server
    }

    // MARK: Running

    private func start(_ server: RPCServer) async throws {
        try await server.start()
        guard let address = server.boundAddress else { return }
        self.log.info("listening", metadata: ["address": "\(address)", "version": "\(ServerFacts.version)"])
        if let portFile = self.portFile { try PortFile.write(address, to: portFile) }
        if !self.settings.listen.isLoopback, self.settings.tls == nil {
            self.log.warning("connections are not encrypted: tokens can be read on their way", metadata: ["address": "\(address)"])
        }
    }

    /// Until the server and the engine have ended, which the first signal asks for.
    private func serve(
        _ server: RPCServer, _ parts: Parts, _ signals: UnixSignalsSequence, _ reloading: Reloading, _ handover: HandoverPoint?
    ) async throws {
        let checks = HealthChecks(backend: parts.backend, monitor: parts.monitor, board: parts.board, registry: parts.health)
        try await withThrowingTaskGroup(of: Void.self) { background in
            background.addTask { await checks.run() }
            background.addTask { await self.obey(signals, server, parts, reloading, handover) }
            try await withThrowingTaskGroup(of: Void.self) { essential in
                essential.addTask { try await server.run() }
                essential.addTask { await parts.engine.run() }
                try await essential.waitForAll()
            }
            background.cancelAll()
        }
    }

    private func obey(
        _ signals: UnixSignalsSequence, _ server: RPCServer, _ parts: Parts, _ reloading: Reloading, _ handover: HandoverPoint?
    ) async {
        for await signal in signals {
            switch signal {
            case .sighup: reloading.run()
            case _ where parts.backend.drain.isDraining:
                self.log.warning("ended at once", metadata: ["signal": "\(signal)"])
                ExitStatus.endNow(128 + signal.rawValue)
            default:
                // Nobody comes after this one: who calls now is refused, and does not wait.
                handover?.close()
                self.drain(server, parts, because: "draining", metadata: ["signal": "\(signal)"])
            }
        }
    }

    private func drain(_ server: RPCServer, _ parts: Parts, because reason: Logger.Message, metadata: Logger.Metadata = [:]) {
        self.log.info(reason, metadata: metadata)
        parts.health.shutDown()
        parts.backend.drain.begin()
        parts.engine.beginGracefulShutdown()
        server.beginGracefulShutdown()
    }
}
