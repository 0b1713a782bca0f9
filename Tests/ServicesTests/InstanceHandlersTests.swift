import Fleet
import NovitaiProto
import RPCCore
import SQLiteStore
import Synchronization
import Testing

@testable import Services

@Suite("Instances, asked for and read")
struct InstanceHandlersTests {
    private let context = Fixture.context()

    private func get(_ id: String) -> NovitaiV1.GetInstanceRequest {
        var request = NovitaiV1.GetInstanceRequest()
        request.id = id
        return request
    }

    @Test("a created instance is there at once, by id and by name, with its job")
    func create() async throws {
        let fixture = try await Fixture()
        let reply = try await fixture.create("trainer", requestID: "r-1", labels: ["team": "search"])
        let instance = try #require(reply.instance)
        #expect(instance.state == .pending && instance.desiredState == .running && instance.labels == ["team": "search"])
        #expect(reply.requestId == "r-1" && reply.job?.instanceId == instance.id && reply.job?.requestId == "r-1")
        #expect(instance.placement?.productName == "RTX 4090 24GB" && instance.placement?.hourlyPrice?.micros == 350_000)
        #expect(instance.revision > 0 && instance.spec?.diskGb == 60)
        for key in [instance.id, "trainer"] {
            #expect(try await fixture.instances.getInstance(self.get(key), context: self.context) == instance)
        }
    }

    @Test("a reply that is kept encoded is the instance's state now, and only its tenant's")
    func encoded() async throws {
        let fixture = try await Fixture()
        let id = try #require(try await fixture.create("trainer").instance?.id)
        let handlers = fixture.instances
        for state in [InstanceState.pending, .provisioning, .running, .deleted] {
            try await fixture.update(id) { $0.state = state }
            for _ in 1...2 {
                let framed = try #require(try handlers.encodedInstance(self.get(id), context: self.context))
                #expect(try await ReceivedMessage(framed: framed).decoded() == handlers.getInstance(self.get(id), context: self.context))
            }
            #expect(try handlers.encodedInstance(self.get(id), context: Fixture.context(tenant: "other")) == nil)
        }
        // Names are looked up by those who can wait.
        #expect(try handlers.encodedInstance(self.get("trainer"), context: self.context) == nil)
    }

    @Test("replies are kept encoded up to a limit, and are right beyond it")
    func encodedBeyondLimit() async throws {
        let fixture = try await Fixture()
        let first = try #require(try await fixture.create("a").instance?.id)
        let second = try #require(try await fixture.create("b").instance?.id)
        let encoded = EncodedInstances(bytesMax: 1)
        for id in [first, second, first] {
            let reply = try #require(try encoded.reply(InstanceID(rawValue: id), of: TenantID(rawValue: "default"), in: fixture.view))
            let instance: NovitaiV1.Instance = try ReceivedMessage(framed: reply).decoded()
            #expect(instance.id == id)
            #expect(encoded.bytes == 0)
        }
    }

    @Test("lists keep instances encoded while there is room, and push out none that was asked for by itself")
    func encodedForLists() async throws {
        let fixture = try await Fixture()
        let ids = try await [fixture.create("a"), fixture.create("b"), fixture.create("c")].map {
            InstanceID(rawValue: try #require($0.instance?.id))
        }
        let instances = try ids.map { try #require(fixture.view.instance($0)) }
        let size = try instances.map { try NovitaiV1.Instance($0).framed().count }.max() ?? 0
        for (bytesMax, kept) in [(size, 1), (100 * size, 3)] {
            let encoded = EncodedInstances(bytesMax: bytesMax)
            let own = try #require(try encoded.reply(ids[0], of: TenantID(rawValue: "default"), in: fixture.view))
            for instance in instances + instances {
                #expect(try NovitaiV1.Instance(decoding: Array(encoded.part(instance))) == NovitaiV1.Instance(instance))
            }
            #expect((encoded.bytes == own.count) == (kept == 1) && encoded.bytes >= kept * (size - 16))
        }
    }

    @Test("a request id that was not given is made, and named")
    func madeRequestID() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.create()
        let second = try await fixture.create()
        #expect(!first.requestId.isEmpty && first.requestId.count <= 64 && first.requestId != second.requestId)
        #expect(first.instance?.name == first.instance?.id)
    }

    @Test("the same request id with the same payload answers with the same objects, in their state now")
    func repeated() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.create("once", requestID: "r", labels: ["a": "1", "b": "2", "c": "3"])
        try await fixture.update(try #require(first.instance?.id)) { $0.state = .running }
        let again = try await fixture.create("once", requestID: "r", labels: ["c": "3", "b": "2", "a": "1"])
        #expect(again.instance?.id == first.instance?.id && again.job?.id == first.job?.id && again.instance?.state == .running)
        #expect(fixture.view.livingInstances().instances.count == 1)
    }

    @Test("a repeated call is answered though the provider no longer offers what it named; a new one is refused")
    func repeatedWithoutOffer() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.create("once", requestID: "r")
        var catalogue = TestCloud.catalogue(at: fixture.clock.now)
        catalogue.products = catalogue.products.filter { $0.id != "p-4090" }
        let rest = catalogue
        fixture.cloud.state.withLock { $0.catalogue = .success(rest) }
        #expect(try await fixture.create("once", requestID: "r").instance?.id == first.instance?.id)
        let refused = try await refusal { try await fixture.create("twice", requestID: "s") }
        #expect(refused.code == .invalidArgument && refused.effect == NovitaiV1.Effect.none)
    }

    @Test("a repeated call is answered though the provider is away; a new one is not")
    func repeatedWithoutProvider() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.create("once", requestID: "r")
        fixture.cloud.state.withLock { $0.catalogue = .failure(CloudError(.transport, "away")) }
        #expect(try await fixture.create("once", requestID: "r").instance?.id == first.instance?.id)
        let refused = try await refusal { try await fixture.create("twice", requestID: "s") }
        #expect(refused.code == .unavailable && refused.effect == NovitaiV1.Effect.none)
    }

    @Test("the same request id with another payload is refused, and says so", arguments: ["name", "label", "spec"])
    func reused(_ difference: String) async throws {
        let fixture = try await Fixture()
        _ = try await fixture.create("one", requestID: "r", labels: ["k": "v"])
        var request = NovitaiV1.CreateInstanceRequest()
        request.requestId = "r"
        request.name = difference == "name" ? "two" : "one"
        request.labels = ["k": difference == "label" ? "w" : "v"]
        request.spec = Fixture.spec
        if difference == "spec" { request.spec?.environment = ["A": "B"] }
        let refused = try await refusal { try await fixture.instances.createInstance(request, context: self.context) }
        #expect(refused.code == .invalidArgument && refused.reason == "REQUEST_ID_REUSED" && refused.fields == ["request_id"])
    }

    @Test("request ids of two tenants and of two methods have nothing to do with each other")
    func scopes() async throws {
        let fixture = try await Fixture()
        let mine = try await fixture.create("one", requestID: "r")
        let theirs = try await fixture.create("one", tenant: "other", requestID: "r")
        #expect(mine.instance?.id != theirs.instance?.id)
        var stop = NovitaiV1.StopInstanceRequest()
        stop.id = "one"
        stop.requestId = "r"
        #expect(try await fixture.instances.stopInstance(stop, context: self.context).job?.type == .stopInstance)
    }

    @Test("everything that is wrong with a request is named at once, unknown products included, and nothing is made")
    func violations() async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.CreateInstanceRequest()
        request.requestId = "r\n"
        request.name = "Bad Name"
        request.labels = ["": "x"]
        request.spec = Fixture.spec
        request.spec?.products = ["RTX 9999"]
        request.spec?.regions = ["moon-1"]
        request.spec?.gpuCount = 9
        request.spec?.diskGb = 5
        request.spec?.image = "a\0b"
        request.spec?.billingMode = .init(rawValue: 77)
        request.spec?.ports = [.init(0, .http), .init(80, .init(rawValue: 9)), .init(80, .tcp)]
        request.spec?.maxHourlyPrice = {
            var price = NovitaiV1.Money()
            (price.currencyCode, price.micros) = ("EUR", 1)
            return price
        }()
        for isValidateOnly in [true, false] {
            request.validateOnly = isValidateOnly
            let refused = try await refusal { try await fixture.instances.createInstance(request, context: self.context) }
            #expect(refused.code == .invalidArgument)
            let wanted: Set = [
                "request_id", "name", "labels", "spec.products[0]", "spec.regions[0]", "spec.gpu_count", "spec.disk_gb", "spec.image",
                "spec.billing_mode", "spec.ports[0].port", "spec.ports[1].protocol", "spec.max_hourly_price.currency_code",
            ]
            #expect(wanted.subtracting(refused.fields).isEmpty, "not named: \(wanted.subtracting(refused.fields))")
        }
        #expect(fixture.view.livingInstances().instances.isEmpty)
    }

    @Test("a request without a spec names the spec")
    func noSpec() async throws {
        let fixture = try await Fixture()
        let refused = try await refusal {
            try await fixture.instances.createInstance(NovitaiV1.CreateInstanceRequest(), context: self.context)
        }
        #expect(refused.fields.contains("spec"))
    }

    @Test("validate_only checks and makes nothing")
    func validateOnly() async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.CreateInstanceRequest()
        request.validateOnly = true
        request.spec = Fixture.spec
        #expect(try await fixture.instances.createInstance(request, context: self.context).instance?.placement?.productId == "p-4090")
        #expect(fixture.view.livingInstances().instances.isEmpty && fixture.view.revision == .zero)
    }

    @Test("a name that is taken is refused, and named")
    func nameTaken() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.create("taken")
        let refused = try await refusal { try await fixture.create("taken") }
        #expect(refused.code == .alreadyExists)
        #expect(try refused.detail(GoogleRpc.ResourceInfo.self)?.resourceName == "taken")
        _ = try await fixture.create("taken", tenant: "other")
    }

    @Test("beyond a ceiling the refusal names ceiling and use")
    func ceilings() async throws {
        let few = try await Fixture(maxInstances: 2)
        for _ in 0..<2 { _ = try await few.create() }
        let refused = try await refusal { try await few.create() }
        #expect(refused.code == .resourceExhausted && refused.effect == NovitaiV1.Effect.none)
        let violation = try #require(try refused.detail(GoogleRpc.QuotaFailure.self)?.violations.first)
        #expect(violation.subject == "MAX_INSTANCES" && violation.quotaValue == 2 && violation.description.contains("2 in use"))
        let poor = try await Fixture(maxHourlySpend: MicroUSD(micros: 500_000))
        _ = try await poor.create()
        let spent = try await refusal { try await poor.create() }
        #expect(try spent.detail(GoogleRpc.QuotaFailure.self)?.violations.first?.subject == "MAX_HOURLY_SPEND")
    }

    @Test("what is another tenant's is not there")
    func tenants() async throws {
        let fixture = try await Fixture()
        let theirs = try #require(try await fixture.create("theirs", tenant: "other").instance)
        for key in [theirs.id, "theirs", "i-nonesuch"] {
            let refused = try await refusal { try await fixture.instances.getInstance(self.get(key), context: self.context) }
            #expect(refused.code == .notFound)
            #expect(try refused.detail(GoogleRpc.ResourceInfo.self)?.resourceName == key)
            var delete = NovitaiV1.DeleteInstanceRequest()
            delete.id = key
            let kept = try await refusal { try await fixture.instances.deleteInstance(delete, context: self.context) }
            #expect(kept.code == .notFound)
            #expect(try kept.detail(GoogleRpc.ResourceInfo.self)?.resourceName == key)
        }
        #expect(try await fixture.instances.listInstances(.init(), context: self.context).instances.isEmpty)
        #expect(fixture.view.instance(InstanceID(rawValue: theirs.id))?.desiredState == .running)
    }

    @Test("a call without a principal is denied")
    func noPrincipal() async throws {
        let fixture = try await Fixture()
        let nobody = ServerContext(method: NovitaiV1.InstanceService.getInstance)
        #expect(try await refusal { try await fixture.instances.getInstance(self.get("x"), context: nobody) }.code == .unauthenticated)
    }

    @Test("optimistic locking: another revision is refused")
    func expectedRevision() async throws {
        let fixture = try await Fixture()
        let instance = try #require(try await fixture.create("one").instance)
        var stop = NovitaiV1.StopInstanceRequest()
        stop.id = instance.id
        stop.expectedRevision = instance.revision + 1
        let refused = try await refusal { try await fixture.instances.stopInstance(stop, context: self.context) }
        #expect(refused.code == .aborted && refused.reason == "REVISION_MISMATCH")
        stop.expectedRevision = -1
        #expect(
            try await refusal { try await fixture.instances.stopInstance(stop, context: self.context) }.fields == ["expected_revision"])
        stop.expectedRevision = instance.revision
        #expect(try await fixture.instances.stopInstance(stop, context: self.context).instance?.desiredState == .stopped)
    }

    @Test("deletion protection holds unless forced")
    func protection() async throws {
        let fixture = try await Fixture()
        let id = try #require(try await fixture.create("kept").instance?.id)
        try await fixture.update(id) { $0.deletionProtection = true }
        var delete = NovitaiV1.DeleteInstanceRequest()
        delete.id = "kept"
        let refused = try await refusal { try await fixture.instances.deleteInstance(delete, context: self.context) }
        #expect(refused.code == .failedPrecondition && refused.reason == "DELETION_PROTECTED")
        delete.force = true
        #expect(try await fixture.instances.deleteInstance(delete, context: self.context).instance?.desiredState == .deleted)
    }

    @Test("start, stop, restart and delete are jobs of their own kind")
    func changes() async throws {
        let fixture = try await Fixture()
        let id = try #require(try await fixture.create("one").instance?.id)
        try await fixture.end(try #require(fixture.view.instance(InstanceID(rawValue: id))?.jobID?.rawValue))
        try await fixture.update(id) { instance in
            instance.state = .running
            instance.upstream = UpstreamFacts(id: UpstreamID(rawValue: "u"), status: "running", error: "", observedAt: fixture.clock.now)
        }
        var restart = NovitaiV1.RestartInstanceRequest()
        restart.id = id
        let restarted = try await fixture.instances.restartInstance(restart, context: self.context)
        #expect(restarted.job?.type == .restartInstance)
        try await fixture.end(try #require(restarted.job?.id))
        var stop = NovitaiV1.StopInstanceRequest()
        stop.id = id
        let stopped = try await fixture.instances.stopInstance(stop, context: self.context)
        #expect(stopped.job?.type == .stopInstance && stopped.instance?.desiredState == .stopped && !stopped.requestId.isEmpty)
        try await fixture.end(try #require(stopped.job?.id))
        try await fixture.update(id) { $0.state = .stopped }
        var start = NovitaiV1.StartInstanceRequest()
        start.id = id
        let started = try await fixture.instances.startInstance(start, context: self.context)
        #expect(started.job?.type == .startInstance && started.instance?.desiredState == .running)
    }

    @Test("a change without an id names the field")
    func noID() async throws {
        let fixture = try await Fixture()
        #expect(try await refusal { try await fixture.instances.startInstance(.init(), context: self.context) }.fields == ["id"])
    }

    @Test("an ended instance is still read by its id, from the database")
    func ended() async throws {
        let fixture = try await Fixture()
        let id = try #require(try await fixture.create("gone").instance?.id)
        try await fixture.update(id) { $0.state = .deleted }
        #expect(try await fixture.instances.getInstance(self.get(id), context: self.context).state == .deleted)
        #expect(try await refusal { try await fixture.instances.getInstance(self.get("gone"), context: self.context) }.code == .notFound)
    }

    @Test("a plan shows eligible candidates in rank order and says why the others are not")
    func plan() async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.PlanInstanceRequest()
        request.spec = Fixture.spec
        request.spec?.products = ["RTX 4090 24GB", "p-3090"]
        request.spec?.gpuCount = 2
        let plan = try await fixture.instances.planInstance(request, context: self.context)
        #expect(plan.candidates.filter { $0.verdict == .eligible }.map(\.rank) == [1, 2])
        #expect(plan.candidates.first?.hourlyPrice?.micros == 700_000)
        #expect(plan.candidates.first { $0.productId == "p-3090" }?.verdict == .unavailable)
        #expect(plan.candidates.filter { $0.rank == 0 }.allSatisfy { !$0.reason.isEmpty })
        #expect(plan.freshness?.fetchedAt != nil && fixture.view.revision == .zero)
        request.spec?.gpuCount = 9
        request.spec?.products = ["nonesuch"]
        #expect(try await refusal { try await fixture.instances.planInstance(request, context: self.context) }.fields == ["spec.gpu_count"])
    }

    @Test("what may wait for capacity is accepted without room, and a plan and validate_only say that it would wait")
    func capacityWait() async throws {
        let fixture = try await Fixture()
        var plan = NovitaiV1.PlanInstanceRequest()
        plan.spec = Fixture.spec
        plan.spec?.products = ["p-3090"]
        #expect(try await !fixture.instances.planInstance(plan, context: self.context).wouldWait)
        let until = fixture.clock.now + .seconds(60)
        plan.spec?.waitForCapacityUntil = GoogleProtobuf.Timestamp(until)
        let planned = try await fixture.instances.planInstance(plan, context: self.context)
        #expect(planned.wouldWait && planned.candidates.allSatisfy { $0.rank == 0 } && planned.obstacles.isEmpty)
        var request = NovitaiV1.CreateInstanceRequest()
        (request.spec, request.requestId, request.validateOnly) = (plan.spec, "r", true)
        let checked = try await fixture.instances.createInstance(request, context: self.context)
        #expect(checked.instance?.state == .pending && checked.instance?.stateReason == .noCapacity && fixture.view.revision == .zero)
        request.validateOnly = false
        let made = try await fixture.instances.createInstance(request, context: self.context)
        #expect(made.instance?.stateReason == .noCapacity && made.instance?.spec?.waitForCapacityUntil == plan.spec?.waitForCapacityUntil)
        #expect(made.job?.state == .waiting)
        // Repeated when the time is over, it is still the same request; another one is not accepted any more.
        fixture.clock.advance(by: .seconds(61))
        #expect(try await fixture.instances.createInstance(request, context: self.context).instance?.id == made.instance?.id)
        request.requestId = "another"
        let late = try await refusal { try await fixture.instances.createInstance(request, context: self.context) }
        #expect(late.fields == ["spec.wait_for_capacity_until"])
        let unplanned = try await refusal { try await fixture.instances.planInstance(plan, context: self.context) }
        #expect(unplanned.fields == ["spec.wait_for_capacity_until"])
    }

    @Test("the caller's request id travels to the provider, and the caller's deadline with it")
    func cloudCall() async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.PlanInstanceRequest()
        request.spec = Fixture.spec
        let context = Fixture.context(metadata: ["x-request-id": "trace-7"], deadline: .now + .seconds(2))
        _ = try await fixture.instances.planInstance(request, context: context)
        let call = try #require(fixture.cloud.state.withLock { $0.calls.last })
        #expect(call.requestID == "trace-7")
        #expect(call.deadline > fixture.clock.now + .seconds(1) && call.deadline <= fixture.clock.now + .seconds(2))
        _ = try await fixture.instances.planInstance(
            request, context: Fixture.context(metadata: ["x-request-id": String(repeating: "x", count: 65)]))
        #expect(fixture.cloud.state.withLock { $0.calls.last }?.requestID == "3-5")
    }

    @Test("an environment's values are in no answer and no log line")
    func secrets() async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.CreateInstanceRequest()
        request.spec = Fixture.spec
        request.spec?.environment = ["TOKEN": "canary-55"]
        let reply = try await fixture.instances.createInstance(request, context: self.context)
        #expect(reply.instance?.environmentNames == ["TOKEN"])
        #expect(!"\(reply)".contains("canary") && !fixture.lines.text.contains("canary"))
        #expect(fixture.lines.text.contains("change accepted"))
        let id = InstanceID(rawValue: try #require(reply.instance?.id))
        #expect(try await fixture.store.environment(of: id).values == ["TOKEN": "canary-55"])
    }
}
