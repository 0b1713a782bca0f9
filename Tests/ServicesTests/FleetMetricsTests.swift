import Fleet
import StoreContract
import Telemetry
import Testing

@testable import Services

@Suite("Metrics of the fleet and its jobs")
struct FleetMetricsTests {
    private static func family(_ families: [MetricFamily], _ name: String) throws -> MetricFamily {
        try #require(families.first { $0.name == name })
    }

    private static func value(_ family: MetricFamily, _ labels: String...) -> Double? {
        family.samples.first { $0.labels.map(\.value) == labels }?.value
    }

    @Test("instances are counted by where they are and whose they are; one that is over counts for its tenant while it has debts")
    func shares() throws {
        var ended = Sample.instance(3, price: .dollars(5)).deleted()
        ended.debts = [Debt(upstreamID: UpstreamID(rawValue: "m"), hourlyPrice: .dollars(3), since: Sample.start)]
        let other = TenantID(rawValue: "other-tenant")
        let families = FleetShares([Sample.instance(1), Sample.instance(2, tenant: other, price: .dollars(2)), ended]).families
        #expect(Self.value(try Self.family(families, "novitai_placed_instances"), "RTX 4090", "c-1") == 2)
        #expect(Self.value(try Self.family(families, "novitai_tenant_instances"), "acme") == 2)
        let dollars = try Self.family(families, "novitai_tenant_hourly_dollars")
        #expect(Self.value(dollars, "acme") == 4 && Self.value(dollars, "other-tenant") == 2)
    }

    @Test("however many tenants there are, the series are bounded and their sum is right")
    func bounded() throws {
        let instances = (1...250).flatMap { number in
            let tenant = TenantID(rawValue: "t\(number)")
            return number == 7
                ? [Sample.instance(number, tenant: tenant), Sample.instance(1000, tenant: tenant)]
                : [Sample.instance(number, tenant: tenant)]
        }
        let family = try Self.family(FleetShares(instances).families, "novitai_tenant_instances")
        #expect(family.samples.count == FleetShares.seriesMax)
        #expect(family.samples.reduce(0) { $0 + $1.value } == 251)
        #expect(Self.value(family, "t7") == 2 && Self.value(family, "other") == 151)
    }

    @Test("jobs are counted when they end, by type and state, with how long they took and how often the provider failed them")
    func jobs() throws {
        let metrics = JobMetrics()
        var failed = Sample.job(1, type: .stopInstance, createdAt: Sample.time(0)).ended(.failed, at: Sample.time(40))
        failed.attemptCount = 4
        metrics.ended(failed)
        metrics.ended(Sample.job(2).ended())
        let ended = try Self.family(metrics.families, "novitai_jobs_ended_total")
        #expect(Self.value(ended, "JOB_TYPE_STOP_INSTANCE", "JOB_STATE_FAILED") == 1)
        #expect(Self.value(ended, "JOB_TYPE_CREATE_INSTANCE", "JOB_STATE_SUCCEEDED") == 1)
        #expect(Self.value(ended, "JOB_TYPE_CREATE_INSTANCE", "JOB_STATE_FAILED") == 0)
        let durations = try Self.family(metrics.families, "novitai_job_duration_seconds")
        #expect(Self.value(durations, "JOB_TYPE_STOP_INSTANCE", "30") == 0 && Self.value(durations, "JOB_TYPE_STOP_INSTANCE", "60") == 1)
        let attempts = try Self.family(metrics.families, "novitai_job_attempts")
        #expect(Self.value(attempts, "0") == 1 && Self.value(attempts, "3") == 1 && Self.value(attempts, "5") == 2)
    }

    @Test("a step that is taken early has waited for nothing", arguments: [(0, 0.00005), (7, 10)] as [(Int64, Double)])
    func delay(_ late: Int64, _ bucket: Double) throws {
        let metrics = JobMetrics()
        let due = Sample.job(1, dueAt: Sample.time(100))
        metrics.stepBegan(due, at: Sample.time(late == 0 ? 99 : 100 + late))
        metrics.stepBegan(Sample.job(2).ended(), at: Sample.time(100))
        let delays = try Self.family(metrics.families, "novitai_job_queue_delay_seconds")
        let first = delays.samples.first { $0.suffix == "_bucket" && $0.value > 0 }
        #expect(first.flatMap { Double($0.labels[0].value) } == bucket)
        #expect(delays.samples.last?.value == 1)
    }

    @Test("what health says is a series: what has not been checked is not healthy")
    func health() throws {
        let (board, clock) = (HealthBoard(), TestClock())
        board.record(.init(.unhealthy, "", checkedAt: clock.now, validFor: .seconds(10)), of: .store)
        board.record(.init(.healthy, "", checkedAt: clock.now, validFor: .seconds(10)), of: .rpc)
        let families = HealthMetrics(board: board, clock: clock).families
        let checks = try Self.family(families, "novitai_health_check")
        #expect(Self.value(checks, "store") == 2 && Self.value(checks, "rpc") == 0 && Self.value(checks, "balance") == 1)
        #expect(try Self.family(families, "novitai_health").samples[0].value == 2)
    }
}
