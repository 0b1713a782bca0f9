import Fleet
import NovitaiProto
import RPCCore
import SQLiteStore
import Testing

@testable import Services

@Suite("Updates over RPC")
struct UpdateHandlersTests {
    private let context = Fixture.context()

    private func running(_ fixture: Fixture) async throws -> String {
        let reply = try await fixture.create("one")
        let id = try #require(reply.instance?.id)
        try await fixture.end(try #require(reply.job?.id))
        try await fixture.update(id) { instance in
            instance.state = .running
            instance.upstream = UpstreamFacts(
                id: UpstreamID(rawValue: "m"), status: "running", error: "", observedAt: Timestamp(seconds: 1_800_000_000))
        }
        return id
    }

    private func request(_ id: String, _ requestID: String = "u") -> NovitaiV1.UpdateInstanceRequest {
        var request = NovitaiV1.UpdateInstanceRequest()
        (request.id, request.requestId) = (id, requestID)
        return request
    }

    @Test("what is absent stays, what is there is replaced; a repetition answers the same, another payload is refused")
    func update() async throws {
        let fixture = try await Fixture()
        let id = try await self.running(fixture)
        var request = self.request("one")
        request.name = "other"
        request.deletionProtection = true
        let reply = try await fixture.instances.updateInstance(request, context: self.context)
        #expect(reply.instance?.name == "other" && reply.instance?.deletionProtection == true && reply.instance?.spec?.diskGb == 60)
        #expect(reply.job?.type == .updateInstance && reply.job?.state == .succeeded && reply.requestId == "u")
        request.id = id
        var disk = self.request(id, "v")
        disk.diskGb = 100
        let grown = try await fixture.instances.updateInstance(disk, context: self.context)
        #expect(grown.instance?.spec?.diskGb == 100 && grown.job?.state == .ready && grown.instance?.name == "other")
        #expect(try await fixture.instances.updateInstance(disk, context: self.context).job?.id == grown.job?.id)
        disk.diskGb = 200
        #expect(try await refusal { try await fixture.instances.updateInstance(disk, context: self.context) }.fields == ["request_id"])
    }

    @Test("an environment is replaced whole, and its values come back nowhere")
    func environment() async throws {
        let fixture = try await Fixture()
        let id = try await self.running(fixture)
        var request = self.request(id)
        var environment = NovitaiV1.EnvironmentSet()
        environment.environment = ["KEY": "canary-77"]
        request.environment = environment
        let reply = try await fixture.instances.updateInstance(request, context: self.context)
        #expect(reply.instance?.environmentNames == ["KEY"] && !"\(reply)".contains("canary"))
        #expect(!fixture.lines.text.contains("canary"))
        let job = JobID(rawValue: try #require(reply.job?.id))
        #expect(try await fixture.store.environment(of: .waiting(for: job)).values == ["KEY": "canary-77"])
        #expect(try await fixture.store.environment(of: InstanceID(rawValue: id)).values.isEmpty, "the machine has it not yet")
        environment.environment = ["KEY": "another"]
        request.environment = environment
        #expect(try await refusal { try await fixture.instances.updateInstance(request, context: self.context) }.fields == ["request_id"])
    }

    @Test("every wrong field is named, and what is checked only changes nothing")
    func refused() async throws {
        let fixture = try await Fixture()
        let id = try await self.running(fixture)
        var request = self.request(id)
        request.name = "No"
        request.diskGb = 20
        var ports = NovitaiV1.PortSet()
        ports.ports = [NovitaiV1.PortSpec()]
        request.ports = ports
        let fields = try await refusal { try await fixture.instances.updateInstance(request, context: self.context) }.fields
        #expect(Set(fields) == ["name", "disk_gb", "ports[0].port"])
        var check = self.request(id)
        check.name = "checked"
        check.validateOnly = true
        #expect(try await fixture.instances.updateInstance(check, context: self.context).instance?.name == "checked")
        #expect(fixture.view.instance(InstanceID(rawValue: id))?.name == "one")
        _ = try await fixture.create("taken")
        check.name = "taken"
        let taken = check
        #expect(try await refusal { try await fixture.instances.updateInstance(taken, context: self.context) }.reason == "NAME_TAKEN")
        #expect(
            try await refusal { try await fixture.instances.updateInstance(self.request(""), context: self.context) }.fields == ["id"])
        let theirs = try await refusal { try await fixture.instances.updateInstance(check, context: Fixture.context(tenant: "other")) }
        #expect(theirs.code == .notFound)
    }

    @Test("policies are changed by name; a name that is none and a way of recovery that is unknown are refused by their fields")
    func policies() async throws {
        let fixture = try await Fixture()
        let id = try await self.running(fixture)
        var request = self.request(id)
        var policies = NovitaiV1.InstancePolicies()
        policies.lease = GoogleProtobuf.Duration(.seconds(3600))
        policies.spotRecovery = .replace
        request.policies = policies
        request.policiesFields = ["lease"]
        let changed = try await fixture.instances.updateInstance(request, context: self.context).instance?.policies
        #expect(changed?.lease?.seconds == 3600 && changed?.spotRecovery == .unspecified)
        var wrong = self.request(id, "w")
        wrong.policiesFields = ["lease", "colour"]
        wrong.policies = NovitaiV1.InstancePolicies()
        wrong.policies?.spotRecovery = NovitaiV1.SpotRecovery(rawValue: 99)
        let fields = try await refusal { try await fixture.instances.updateInstance(wrong, context: self.context) }.fields
        #expect(Set(fields) == ["policies_fields[1]", "policies.spot_recovery"])
    }

    @Test("a migration and an image that cannot be are refused by field or state, and told apart from what is not there")
    func otherChanges() async throws {
        let fixture = try await Fixture()
        let id = try await self.running(fixture)
        var move = NovitaiV1.MigrateInstanceRequest()
        move.id = id
        move.mode = NovitaiV1.MigrationMode(rawValue: 99)
        #expect(try await refusal { try await fixture.instances.migrateInstance(move, context: self.context) }.fields == ["mode"])
        move.mode = .unspecified
        #expect(try await refusal { try await fixture.instances.migrateInstance(move, context: self.context) }.code == .failedPrecondition)
        var save = NovitaiV1.SaveInstanceImageRequest()
        save.id = id
        #expect(try await refusal { try await fixture.instances.saveInstanceImage(save, context: self.context) }.fields == ["image"])
        save.image = "registry.example/saved:1"
        let job = try await fixture.instances.saveInstanceImage(save, context: self.context).job
        #expect(job?.type == .saveImage && job?.state == .ready)
        let theirs = Fixture.context(tenant: "other")
        #expect(try await refusal { try await fixture.instances.saveInstanceImage(save, context: theirs) }.code == .notFound)
        #expect(try await refusal { try await fixture.instances.migrateInstance(move, context: theirs) }.code == .notFound)
    }
}
