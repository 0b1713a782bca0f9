import Fleet
import NovitaiProto
import RPCCore
import SQLiteStore
import Synchronization
import Telemetry
import Testing

@testable import Services

@Suite("The catalogue")
struct CatalogHandlersTests {
    @Test(
        "products are filtered and ordered; what has no price comes last",
        arguments: [
            ("", "", ["p-3090", "p-4090", "p-h100"]), ("", "price desc", ["p-h100", "p-4090", "p-3090"]),
            ("", "name", ["p-h100", "p-3090", "p-4090"]),
            ("available = true", "", ["p-4090", "p-h100"]), ("region = eu-1", "", ["p-3090", "p-4090"]),
            ("name = \"H100 SXM 80GB\"", "", ["p-h100"]),
        ])
    func products(_ filter: String, _ order: String, _ wanted: [String]) async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.ListProductsRequest()
        (request.filter, request.orderBy, request.pageSize) = (filter, order, 2)
        var seen: [NovitaiV1.Product] = []
        repeat {
            let page = try await fixture.catalog.listProducts(request, context: Fixture.context())
            #expect(page.freshness?.fetchedAt != nil)
            seen += page.products
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        #expect(seen.map(\.id) == wanted)
        #expect(seen.first { $0.id == "p-h100" }.map { $0.spotPrice == nil && $0.onDemandPrice?.micros == 2_500_000 } ?? true)
    }

    @Test("regions come by their id")
    func regions() async throws {
        let fixture = try await Fixture()
        let regions = try await fixture.catalog.listRegions(.init(), context: Fixture.context()).regions
        #expect(regions.map(\.id) == ["eu-1", "us-1"] && regions[1].name == "US-CA-06 (California)")
    }

    @Test("a provider that is away makes the catalogue unavailable, with a time to try again")
    func away() async throws {
        let fixture = try await Fixture()
        fixture.cloud.state.withLock { $0.catalogue = .failure(CloudError(.unavailable, "gateway", retryAfter: .seconds(7))) }
        let refused = try await refusal { try await fixture.catalog.listRegions(.init(), context: Fixture.context()) }
        #expect(refused.code == .unavailable)
        #expect(try refused.detail(GoogleRpc.RetryInfo.self)?.retryDelay?.seconds == 7)
    }
}

@Suite("Health and facts")
struct AdminTests {
    private static let now = Timestamp(seconds: 1000)

    private static func board(_ statuses: [HealthBoard.Check: HealthBoard.Status], age: Duration = .zero) -> HealthBoard {
        let board = HealthBoard()
        for check in HealthBoard.Check.allCases {
            board.record(.init(statuses[check] ?? .healthy, "d", checkedAt: self.now - age, validFor: .seconds(30)), of: check)
        }
        return board
    }

    @Test(
        "only a store or a transport that fails makes the server unhealthy; anything else degrades it",
        arguments: [
            ([:], .healthy), ([.upstream: .unhealthy], .degraded), ([.balance: .degraded], .degraded), ([.store: .unhealthy], .unhealthy),
            ([.rpc: .unhealthy], .unhealthy), ([.store: .degraded, .jobs: .unhealthy], .degraded),
        ] as [([HealthBoard.Check: HealthBoard.Status], HealthBoard.Status)])
    func overall(_ statuses: [HealthBoard.Check: HealthBoard.Status], _ wanted: HealthBoard.Status) {
        #expect(Self.board(statuses).report(at: Self.now).status == wanted)
    }

    @Test("a finding that is too old no longer counts")
    func stale() {
        let report = Self.board([:], age: .seconds(31)).report(at: Self.now)
        #expect(report.status == .unhealthy && report.findings.allSatisfy { $0.finding?.detail.contains("not checked for 31 s") == true })
        #expect(Self.board([:], age: .seconds(30)).report(at: Self.now).status == .healthy)
    }

    @Test("before the first check the server is degraded, not healthy")
    func unchecked() {
        #expect(HealthBoard().report(at: Self.now).status == .degraded)
    }

    private func checked(_ fixture: Fixture, _ monitor: FleetMonitor, _ check: HealthBoard.Check, _ run: (HealthChecks) async -> Void) async
        -> HealthBoard.Finding?
    {
        let board = HealthBoard()
        await run(HealthChecks(backend: fixture.backend, monitor: monitor, board: board, registry: HealthRegistry()))
        return board.report(at: fixture.clock.now).findings.first { $0.check == check }?.finding
    }

    @Test("the store is checked by writing")
    func store() async throws {
        let fixture = try await Fixture()
        let monitor = FleetMonitor()
        #expect(await self.checked(fixture, monitor, .store) { await $0.checkStore() }?.status == .healthy)
        #expect(fixture.view.revision == .zero)
        monitor.update { $0.lastStoreError = .init(text: "disk full", at: fixture.clock.now) }
        #expect(await self.checked(fixture, monitor, .store) { await $0.checkStore() }?.status == .unhealthy)
        monitor.update { $0.lastStoreSuccessAt = fixture.clock.now }
        #expect(await self.checked(fixture, monitor, .store) { await $0.checkStore() }?.status == .healthy)
        fixture.store.close()
        #expect(await self.checked(fixture, monitor, .store) { await $0.checkStore() }?.status == .unhealthy)
    }

    @Test("a job that is overdue degrades; one that waits behind it does not count")
    func jobs() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.create()
        #expect(await self.checked(fixture, FleetMonitor(), .jobs) { $0.checkJobs() }?.status == .healthy)
        fixture.clock.advance(by: .seconds(120))
        let finding = await self.checked(fixture, FleetMonitor(), .jobs) { $0.checkJobs() }
        #expect(finding?.status == .degraded && finding?.detail.contains("1 overdue") == true)
    }

    @Test("a job of a later release degrades, is told and is shown without a type")
    func unreadJob() async throws {
        let fixture = try await Fixture()
        let created = try await fixture.create()
        let id = InstanceID(rawValue: created.instance?.id ?? "")
        let job = Job(
            id: JobID(rawValue: "j-later"), type: .unrecognized, tenant: .default, instanceID: id, step: .unrecognized("THAW"),
            requestID: "", createdAt: fixture.clock.now)
        _ = try await fixture.store.commit(Commit(jobs: [.init(job)]))
        let finding = await self.checked(fixture, FleetMonitor(), .jobs) { $0.checkJobs() }
        #expect(finding?.status == .degraded && finding?.detail.contains("1 of a later release are kept and not run") == true)
        let shown = NovitaiV1.Job(job)
        #expect(shown.type == .unspecified && shown.step == "THAW")
        let queues = JobQueue.all(of: fixture.view.unfinishedJobs().jobs, control: FleetControl(), settings: FleetSettings())
        #expect(queues.last?.type == .unrecognized && queues.last?.counts == [.ready: 1])
    }

    @Test("the provider counts as its last answer")
    func upstream() async throws {
        let fixture = try await Fixture()
        let monitor = FleetMonitor()
        #expect(await self.checked(fixture, monitor, .upstream) { $0.checkUpstream() }?.status == .degraded)
        monitor.update { $0.lastUpstreamSuccessAt = fixture.clock.now }
        #expect(await self.checked(fixture, monitor, .upstream) { $0.checkUpstream() }?.status == .healthy)
        monitor.update { $0.lastUpstreamError = .init(text: "502", at: fixture.clock.now + .seconds(1)) }
        #expect(await self.checked(fixture, monitor, .upstream) { $0.checkUpstream() }?.status == .degraded)
    }

    @Test("a sweep that is late or suspicious degrades")
    func reconciler() async throws {
        let fixture = try await Fixture()
        let monitor = FleetMonitor()
        func sweep(_ isSuspicious: Bool) -> FleetMonitor.Sweep {
            .init(
                begunAt: fixture.clock.now, endedAt: fixture.clock.now, machines: 3, foreignMachines: 1, suspectMachines: 0, questions: 0,
                questionsLeft: 0, wasSuspicious: isSuspicious)
        }
        #expect(await self.checked(fixture, monitor, .reconciler) { $0.checkReconciler() }?.status == .degraded)
        monitor.update { $0.lastSweep = sweep(true) }
        #expect(await self.checked(fixture, monitor, .reconciler) { $0.checkReconciler() }?.status == .degraded)
        monitor.update { $0.lastSweep = sweep(false) }
        #expect(await self.checked(fixture, monitor, .reconciler) { $0.checkReconciler() }?.status == .healthy)
        fixture.clock.advance(by: .seconds(91))
        #expect(await self.checked(fixture, monitor, .reconciler) { $0.checkReconciler() }?.status == .degraded)
    }

    @Test(
        "less money than for a day degrades; a reading that failed says so, and what was known before",
        arguments: [
            (1000, false, .healthy), (8, false, .degraded), (0, false, .degraded), (nil, true, .degraded), (1000, true, .degraded),
            (nil, false, .degraded),
        ] as [(Int64?, Bool, HealthBoard.Status)])
    func balance(_ dollars: Int64?, _ hasFailed: Bool, _ wanted: HealthBoard.Status) async throws {
        let fixture = try await Fixture()
        _ = try await fixture.create()  // 0.35 USD per hour: 8.40 for a day
        let monitor = FleetMonitor()
        monitor.update {
            $0.funds = dollars.map { Funds(balance: .dollars($0), readAt: fixture.clock.now) }
            if hasFailed { $0.lastBalanceError = FleetMonitor.Failure(text: "gone", at: fixture.clock.now) }
        }
        let finding = await self.checked(fixture, monitor, .balance) { $0.checkBalance() }
        #expect(finding?.status == wanted)
        #expect(finding?.detail.contains("gone") == hasFailed && finding?.detail.contains("left") == (dollars != nil))
    }

    @Test("a create that the balance does not carry for an hour is refused and names it; without a reading nothing is refused")
    func tooPoor() async throws {
        let monitor = FleetMonitor()
        let fixture = try await Fixture(monitor: monitor)
        _ = try await fixture.create("first", requestID: "a")
        monitor.update { $0.funds = Funds(balance: MicroUSD(micros: 600_000), readAt: fixture.clock.now) }
        let error = await #expect(throws: RPCError.self) { try await fixture.create("second") }
        #expect(error?.code == .failedPrecondition)
        let status = try GoogleRpc.Status(decoding: error?.details ?? [])
        let detail = status.details.first { $0.typeUrl.hasSuffix("PreconditionFailure") }
        #expect(try GoogleRpc.PreconditionFailure(decoding: detail?.value ?? []).violations.map(\.type) == ["BALANCE"])
        _ = try await fixture.create("first", requestID: "a")
        monitor.update { $0.lastBalanceError = FleetMonitor.Failure(text: "x", at: fixture.clock.now) }
        monitor.update { $0.funds = nil }
        _ = try await fixture.create("third")
    }

    @Test("the balance and how long it lasts are metrics once they are known")
    func fundsMetrics() async throws {
        let fixture = try await Fixture()
        let monitor = FleetMonitor()
        let metrics = FleetMetrics(
            view: fixture.view, monitor: monitor, ceilings: fixture.backend.settings.ceilings, clock: fixture.clock)
        func value(_ name: String) -> Double? { metrics.families.first { $0.name == name }?.samples.first?.value }
        #expect(value("novitai_upstream_balance_usd") == nil)
        monitor.update { $0.funds = Funds(balance: .dollars(7), readAt: fixture.clock.now) }
        #expect(value("novitai_upstream_balance_usd") == 7 && value("novitai_upstream_runway_hours") == nil)
        _ = try await fixture.create()
        #expect(value("novitai_upstream_runway_hours") == 20)
    }

    @Test("facts, health and metrics are answered from memory")
    func handlers() async throws {
        let fixture = try await Fixture()
        let metrics = MetricsRegistry()
        metrics.register(
            FleetMetrics(view: fixture.view, monitor: FleetMonitor(), ceilings: fixture.backend.settings.ceilings, clock: fixture.clock))
        let facts = ServerFacts(
            startedAt: fixture.clock.now, upstream: "https://h", messageBytesMax: 4, metadataBytesMax: 5, concurrentStreamsMax: 6,
            pingIntervalMin: .seconds(10))
        _ = try await fixture.create()
        fixture.clock.advance(by: .seconds(9))
        let admin = AdminHandlers(fixture.backend, facts: facts, board: Self.board([:], age: .zero), metrics: metrics)
        let info = try await admin.getServerInfo(.init(), context: Fixture.context())
        #expect(info.deploymentId.count == 16 && info.historyId.count == 16 && info.store == "sqlite" && info.upstream == "https://h")
        #expect(
            info.limits?.maxInstances == 100 && info.limits?.maxHourlySpendMicros == 100_000_000
                && info.revision == fixture.view.revision.number)
        #expect(info.limits?.minPingInterval?.seconds == 10 && info.limits?.settleWindow?.seconds == 600)
        #expect(info.caller?.id == "p" && info.caller?.tenant == "default" && info.caller?.role == "operator")
        let health = try await admin.getHealth(.init(), context: Fixture.context())
        #expect(health.checks.map(\.name) == ["rpc", "store", "jobs", "upstream", "reconciler", "balance"] && health.uptime?.seconds == 9)
        let text = try await admin.getMetrics(.init(), context: Fixture.context()).text
        #expect(text.contains("novitai_instances{state=\"INSTANCE_STATE_PENDING\"} 1\n"))
        #expect(text.contains("novitai_hourly_spend_dollars 0.35\n") && text.contains("# TYPE novitai_machines_not_proven_gone gauge"))
    }
}
