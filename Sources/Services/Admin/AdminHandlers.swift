internal import Access
package import Fleet
internal import Logging
package import NovitaiProto
internal import ProtobufWire
package import RPCCore
package import Telemetry

/// For the people who run the server.
package struct AdminHandlers: NovitaiV1.AdminServiceProtocol {
    let backend: Backend
    private let facts: ServerFacts
    private let board: HealthBoard
    private let metrics: MetricsRegistry
    private let backups: (any BackupSource)?

    package init(
        _ backend: Backend, facts: ServerFacts, board: HealthBoard, metrics: MetricsRegistry, backups: (any BackupSource)? = nil
    ) {
        self.backend = backend
        self.facts = facts
        self.board = board
        self.metrics = metrics
        self.backups = backups
    }

    package func getServerInfo(_ request: NovitaiV1.GetServerInfoRequest, context: ServerContext) async throws -> NovitaiV1.ServerInfo {
        var info = NovitaiV1.ServerInfo()
        info.version = ServerFacts.version
        info.deploymentId = self.backend.view.deployment?.id.rawValue ?? ""
        info.historyId = self.backend.view.deployment?.history.rawValue ?? ""
        info.startTime = GoogleProtobuf.Timestamp(self.facts.startedAt)
        info.store = self.facts.store
        info.upstream = self.facts.upstream
        info.revision = self.backend.view.revision.number
        info.limits = self.limits
        info.caller = (context.principal as? Principal).map { NovitaiV1.Caller($0) }
        return info
    }

    private var limits: NovitaiV1.Limits {
        let settings = self.backend.settings
        var limits = NovitaiV1.Limits()
        limits.maxInstances = UInt32(clamping: settings.ceilings.maxInstances)
        limits.maxHourlySpendMicros = settings.ceilings.maxHourlySpend.micros
        limits.maxConcurrentJobs = UInt32(clamping: settings.maxConcurrentJobs)
        limits.maxMessageBytes = UInt32(clamping: self.facts.messageBytesMax)
        limits.maxMetadataBytes = UInt32(clamping: self.facts.metadataBytesMax)
        limits.maxConcurrentStreams = UInt32(clamping: self.facts.concurrentStreamsMax)
        limits.minPingInterval = GoogleProtobuf.Duration(self.facts.pingIntervalMin)
        limits.settleWindow = GoogleProtobuf.Duration(settings.settleWindow)
        return limits
    }

    package func getHealth(_ request: NovitaiV1.GetHealthRequest, context: ServerContext) async throws -> NovitaiV1.Health {
        let now = self.backend.clock.now
        let report = self.board.report(at: now)
        var health = NovitaiV1.Health()
        health.status = NovitaiV1.HealthStatus(report.status)
        health.version = ServerFacts.version
        health.uptime = GoogleProtobuf.Duration(now - self.facts.startedAt)
        health.checks = report.findings.map { NovitaiV1.HealthCheck($0.check, $0.finding) }
        let debts = FleetDebts(of: self.backend.view.livingInstances().instances)
        health.control = NovitaiV1.FleetControl(self.backend.view.control)
        health.leakedHourlyPrice = NovitaiV1.Money(debts.leakedHourly)
        health.owedMachines = UInt32(clamping: debts.machines.count)
        health.orphanedInstances = UInt32(clamping: debts.orphans)
        health.orphanedHourlyPrice = NovitaiV1.Money(debts.orphanedHourly)
        return health
    }

    /// Counting thousands of instances takes a while: not on a connection's event loop.
    package func getMetrics(_ request: NovitaiV1.GetMetricsRequest, context: ServerContext) async throws -> NovitaiV1.GetMetricsResponse {
        let metrics = self.metrics
        var response = NovitaiV1.GetMetricsResponse()
        response.text = await withTaskExecutorPreference(globalConcurrentExecutor) { metrics.text }
        return response
    }

    package func createBackup(
        _ request: NovitaiV1.CreateBackupRequest, responses: ResponseWriter<NovitaiV1.BackupChunk>, context: ServerContext
    ) async throws {
        guard let backups = self.backups else { throw RPCError(code: .unimplemented, message: "this store makes no backups of its own") }
        try await self.backend.answer(context) {
            // Files are written and read, which blocks: not on a connection's event loop.
            try await withTaskExecutorPreference(globalConcurrentExecutor) {
                let copy = try await backups.makeBackup()
                let caller = try self.backend.caller(of: context)
                // Whoever has a copy has everything that it holds, of all tenants.
                let entry = AuditEntry(
                    at: self.backend.clock.now, tenant: try self.backend.tenant(of: context), actor: caller.id, action: "CreateBackup",
                    cause: AuditEntry.requested, effect: "a copy of everything up to revision \(copy.revision.number) is sent")
                _ = try await self.backend.store.commit(Commit(audit: [entry]))
                self.backend.log.info("backup is sent", metadata: ["principal": "\(caller.id)", "revision": "\(copy.revision.number)"])
                try await BackupStream(copy: copy, clock: self.backend.clock, responses: responses).run()
            }
        }
    }
}

extension NovitaiV1.HealthStatus {
    init(_ status: HealthBoard.Status) {
        switch status {
        case .healthy: self = .healthy
        case .degraded: self = .degraded
        case .unhealthy: self = .unhealthy
        }
    }
}

extension NovitaiV1.HealthCheck {
    init(_ check: HealthBoard.Check, _ finding: HealthBoard.Finding?) {
        self.init()
        self.name = check.rawValue
        self.status = NovitaiV1.HealthStatus(finding?.status ?? .degraded)
        self.detail = finding?.detail ?? "not checked yet"
        self.checkedAt = finding.map { GoogleProtobuf.Timestamp($0.checkedAt) }
        self.latency = finding.map { GoogleProtobuf.Duration($0.latency) }
    }
}
