import Fleet
import NovitaiProto
import RPCCore
import SQLiteStore
import Testing

@testable import Services

@Suite("Calls about many instances")
struct BatchTests {
    private let context = Fixture.context()

    /// `states` of machine-0, machine-1, …; every second one has the label team = search.
    private func fleet(_ fixture: Fixture, _ states: [InstanceState]) async throws -> [String] {
        var ids: [String] = []
        for (number, state) in states.enumerated() {
            let labels = number.isMultiple(of: 2) ? ["team": "search"] : [:]
            let reply = try await fixture.create("machine-\(number)", labels: labels)
            let id = try #require(reply.instance?.id)
            ids.append(id)
            try await fixture.end(try #require(reply.job?.id))
            try await fixture.update(id) { instance in
                instance.state = state
                instance.desiredState = state == .stopped ? .stopped : state == .deleting ? .deleted : .running
                instance.upstream = UpstreamFacts(id: UpstreamID(rawValue: "m\(number)"), status: "running", error: "", observedAt: noon)
            }
        }
        return ids
    }

    private let noon = Timestamp(seconds: 1_800_000_000)

    private func stop(_ filter: String = "", all: Bool = false, requestID: String = "s", validateOnly: Bool = false)
        -> NovitaiV1.BatchStopInstancesRequest
    {
        var request = NovitaiV1.BatchStopInstancesRequest()
        (request.filter, request.all, request.requestId, request.validateOnly) = (filter, all, requestID, validateOnly)
        return request
    }

    @Test("a filter stops what fits and can be stopped, each by a job of its own; the preview shows the same and stops nothing")
    func stopped() async throws {
        let fixture = try await Fixture()
        let ids = try await self.fleet(fixture, [.running, .running, .starting, .running, .stopped, .running, .deleting])
        let before = fixture.view.revision
        let preview = try await fixture.instances.batchStopInstances(
            self.stop("labels.team = search", validateOnly: true), context: self.context)
        #expect(preview.instances.map(\.id) == [ids[0], ids[2]] && preview.jobs.isEmpty && preview.hourlyPrice?.micros == 700_000)
        #expect(preview.instances.allSatisfy { $0.desiredState == .running } && fixture.view.revision == before)
        let reply = try await fixture.instances.batchStopInstances(self.stop("labels.team = search"), context: self.context)
        #expect(reply.instances.map(\.id) == preview.instances.map(\.id) && reply.requestId == "s")
        #expect(reply.instances.allSatisfy { $0.desiredState == .stopped } && reply.jobs.allSatisfy { $0.type == .stopInstance })
        #expect(reply.jobs.map(\.instanceId) == reply.instances.map(\.id) && Set(reply.jobs.map(\.id)).count == 2)
        #expect(fixture.view.instance(InstanceID(rawValue: ids[1]))?.desiredState == .running)
        let entries = try await fixture.store.audit(AuditQuery(limit: 2)).map(\.entry)
        #expect(entries.allSatisfy { $0.action == "BatchStopInstances" && $0.requestID == "s" })
    }

    @Test("a repeated request id answers with what its first call stopped, and stops nothing that fits by now")
    func repeated() async throws {
        let fixture = try await Fixture()
        let ids = try await self.fleet(fixture, [.running, .running])
        let first = try await fixture.instances.batchStopInstances(self.stop("labels.team = search"), context: self.context)
        try await fixture.update(ids[1]) { $0.labels = ["team": "search"] }
        let again = try await fixture.instances.batchStopInstances(self.stop("labels.team = search"), context: self.context)
        #expect(again.jobs.map(\.id) == first.jobs.map(\.id) && again.instances.map(\.id) == [ids[0]])
        #expect(fixture.view.instance(InstanceID(rawValue: ids[1]))?.desiredState == .running)
        let other = try await refusal { try await fixture.instances.batchStopInstances(self.stop(all: true), context: self.context) }
        #expect(other.fields == ["request_id"])
    }

    @Test("nothing is stopped without a filter unless all is said, and nothing of another tenant ever")
    func bounds() async throws {
        let fixture = try await Fixture()
        _ = try await self.fleet(fixture, [.running])
        for request in [self.stop(), self.stop("  "), self.stop("state = RUNNING", all: true)] {
            #expect(
                try await refusal { try await fixture.instances.batchStopInstances(request, context: self.context) }.fields == ["filter"])
        }
        let theirs = try await fixture.instances.batchStopInstances(self.stop(all: true), context: Fixture.context(tenant: "other"))
        #expect(theirs.instances.isEmpty && theirs.jobs.isEmpty)
        #expect(try await fixture.instances.batchStopInstances(self.stop(all: true), context: self.context).instances.count == 1)
    }

    @Test("many are read at once, by id or name, in the order of the request; what is not there is named")
    func batchGet() async throws {
        let fixture = try await Fixture()
        let ids = try await self.fleet(fixture, [.running, .deleted])
        var request = NovitaiV1.BatchGetInstancesRequest()
        request.ids = [ids[1], "none", "machine-0", ids[0]]
        let reply = try await fixture.instances.batchGetInstances(request, context: self.context)
        #expect(reply.instances.map(\.id) == [ids[1], ids[0], ids[0]] && reply.missing == ["none"])
        let theirs = try await fixture.instances.batchGetInstances(request, context: Fixture.context(tenant: "other"))
        #expect(theirs.instances.isEmpty && theirs.missing == request.ids)
        request.ids = []
        #expect(try await refusal { try await fixture.instances.batchGetInstances(request, context: self.context) }.fields == ["ids"])
    }

    @Test("a plan tells what would refuse a create now; validate_only refuses for the same")
    func obstacles() async throws {
        let monitor = FleetMonitor()
        let fixture = try await Fixture(maxInstances: 1, maxHourlySpend: .dollars(100), monitor: monitor)
        var plan = NovitaiV1.PlanInstanceRequest()
        plan.spec = Fixture.spec
        #expect(try await fixture.instances.planInstance(plan, context: self.context).obstacles.isEmpty)
        _ = try await fixture.create("one")
        monitor.update { $0.funds = Funds(balance: MicroUSD(micros: 1), readAt: fixture.clock.now) }
        let caller = FleetGovernor.Caller(
            actor: "p", request: RequestKey(tenant: .default, method: "SetFreeze", requestID: "f"), payloadDigest: [])
        _ = try await fixture.backend.governor.setFreeze(true, reason: "look", by: caller)
        let obstacles = try await fixture.instances.planInstance(plan, context: self.context).obstacles
        #expect(obstacles.map(\.reason) == ["FROZEN", "CEILING_REACHED", "BALANCE_TOO_LOW"])
        #expect(obstacles[1].message.contains("MAX_INSTANCES is 1"))
    }

    @Test("validate_only of a create refuses what its transaction would refuse")
    func validated() async throws {
        let fixture = try await Fixture(maxInstances: 1)
        _ = try await fixture.create("one")
        var request = NovitaiV1.CreateInstanceRequest()
        (request.spec, request.validateOnly) = (Fixture.spec, true)
        #expect(
            try await refusal { try await fixture.instances.createInstance(request, context: self.context) }.reason == "CEILING_REACHED")
        request.name = "one"
        #expect(try await refusal { try await fixture.instances.createInstance(request, context: self.context) }.reason == "NAME_TAKEN")
    }
}
