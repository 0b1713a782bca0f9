import Access
import Fleet
import NovitaiProto
import ProtobufWire
import RPCCore
import SQLiteStore
import Synchronization
import Testing

@testable import Services

@Suite("What the account keeps")
struct AccountResourceTests {
    private static func context(_ method: MethodDescriptor = NovitaiV1.CatalogService.createNetworkVolume) -> ServerContext {
        let context = ServerContext(
            method: method, requestMetadata: Metadata(), deadline: nil, connection: 3, stream: 5)
        context.principal = Principal(id: "p", tenant: "default", role: .admin)
        return context
    }

    private static func volume(_ name: String = "data", size: UInt32 = 20, requestID: String = "") -> NovitaiV1.CreateNetworkVolumeRequest {
        var request = NovitaiV1.CreateNetworkVolumeRequest()
        (request.name, request.sizeGb, request.regionId, request.requestId) = (name, size, "us-1", requestID)
        return request
    }

    private func account(_ fixture: Fixture) -> TestCloud.Account { fixture.cloud.state.withLock { $0.account } }

    private func configure(_ fixture: Fixture, _ change: (inout TestCloud.Account) -> Void) {
        fixture.cloud.state.withLock { change(&$0.account) }
    }

    // MARK: Made once

    @Test("what is asked for again is there already, whatever the request id; another content under the name is refused")
    func again() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.catalog.createNetworkVolume(Self.volume(requestID: "a"), context: Self.context())
        #expect(!first.existed && first.networkVolume?.id == "r-1" && first.requestId == "a")
        for id in ["a", "b", ""] {
            let again = try await fixture.catalog.createNetworkVolume(Self.volume(requestID: id), context: Self.context())
            #expect(again.existed && again.networkVolume?.id == "r-1")
        }
        let error = await #expect(throws: RPCError.self) {
            try await fixture.catalog.createNetworkVolume(Self.volume(size: 30), context: Self.context())
        }
        #expect(error?.code == .alreadyExists)
        #expect(self.account(fixture).createCalls == 1)
    }

    @Test("a request id that comes again with something else is refused, and names the field")
    func reused() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.catalog.createNetworkVolume(Self.volume(requestID: "a"), context: Self.context())
        let error = await #expect(throws: RPCError.self) {
            try await fixture.catalog.createNetworkVolume(Self.volume("other", requestID: "a"), context: Self.context())
        }
        #expect(error?.code == .invalidArgument && self.account(fixture).createCalls == 1)
    }

    @Test("a create whose reply was lost is looked for, and found")
    func lostReply() async throws {
        let fixture = try await Fixture()
        self.configure(fixture) { $0.failures = [CloudError(.transport, "lost", mayHaveTakenEffect: true)] }
        let made = try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
        #expect(!made.existed && made.networkVolume?.id == "r-1" && self.account(fixture).createCalls == 1)
    }

    @Test("one that does not show is not made a second time before the settle window is over, even by another server")
    func unsettled() async throws {
        let fixture = try await Fixture()
        self.configure(fixture) { account in
            account.failures = [CloudError(.transport, "lost", mayHaveTakenEffect: true)]
            account.hiddenLists = 1000
        }
        let first = Task { try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context()) }
        for _ in 1..<ResourceMaker.looksMax {
            await fixture.clock.untilSleeping(1)
            fixture.clock.advance(by: ResourceMaker.lookInterval)
        }
        let lost = await #expect(throws: RPCError.self) { try await first.value }
        #expect(try Self.effect(of: lost) == .unknown)
        for catalog in [fixture.catalog, CatalogHandlers(fixture.backend)] {
            let again = await #expect(throws: RPCError.self) {
                try await catalog.createNetworkVolume(Self.volume(), context: Self.context())
            }
            #expect(again?.message.contains("not asked for twice") == true)
            #expect(try Self.effect(of: again) == .unknown)
        }
        #expect(self.account(fixture).createCalls == 1)
        // By then it would show.
        fixture.clock.advance(by: fixture.backend.settings.settleWindow + fixture.backend.settings.requestTimeout)
        _ = try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
        #expect(self.account(fixture).createCalls == 2)
    }

    @Test("while the clock is in doubt nothing is made: when a call can bring nothing more is reckoned by it")
    func clockInDoubt() async throws {
        let fixture = try await Fixture()
        fixture.cloud.state.withLock { $0.clockSkew = .seconds(3600) }
        let refused = await #expect(throws: RPCError.self) {
            try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
        }
        #expect(refused?.message.contains("behind the provider's") == true && self.account(fixture).createCalls == 0)
        #expect(try Self.effect(of: refused) == .none)
        fixture.cloud.state.withLock { $0.clockSkew = .seconds(1) }
        _ = try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
    }

    @Test("what was made and does not show yet is not made again, unless it was refused or deleted")
    func lagging() async throws {
        let fixture = try await Fixture()
        self.configure(fixture) { $0.failures = [CloudError(.money, "no balance")] }
        await #expect(throws: RPCError.self) { try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context()) }
        let made = try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
        self.configure(fixture) { $0.hiddenLists = 1 }
        await #expect(throws: RPCError.self) { try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context()) }
        #expect(self.account(fixture).createCalls == 2)
        var delete = NovitaiV1.DeleteNetworkVolumeRequest()
        delete.id = made.networkVolume?.id ?? ""
        _ = try await fixture.catalog.deleteNetworkVolume(delete, context: Self.context())
        #expect(self.account(fixture).deletePriorities == [.release], "what it costs ends with it")
        let again = try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
        #expect(!again.existed && self.account(fixture).createCalls == 3)
    }

    @Test("a frozen fleet makes nothing new, and every change stands in the audit log")
    func audited() async throws {
        let fixture = try await Fixture()
        let made = try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
        let caller = FleetGovernor.Caller(
            actor: "p", request: RequestKey(tenant: .default, method: "SetFreeze", requestID: "f"), payloadDigest: [])
        _ = try await fixture.backend.governor.setFreeze(true, reason: "look", by: caller)
        let error = await #expect(throws: RPCError.self) {
            try await fixture.catalog.createNetworkVolume(Self.volume("other"), context: Self.context())
        }
        #expect(error?.code == .failedPrecondition && self.account(fixture).createCalls == 1)
        var delete = NovitaiV1.DeleteNetworkVolumeRequest()
        delete.id = made.networkVolume?.id ?? ""
        _ = try await fixture.catalog.deleteNetworkVolume(delete, context: Self.context(NovitaiV1.CatalogService.deleteNetworkVolume))
        let entries = try await fixture.store.audit(AuditQuery(limit: 10)).map(\.entry)
        #expect(entries.map(\.action) == ["DeleteNetworkVolume", "SetFreeze", "CreateNetworkVolume"])
        #expect(entries.first?.effect == "volume r-1 is to be changed")
    }

    @Test("one that the provider tells no id of is found by its name")
    func hiddenID() async throws {
        let fixture = try await Fixture()
        self.configure(fixture) { $0.hidesIDs = true }
        let made = try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
        #expect(made.networkVolume?.id == "r-1")
    }

    @Test("a create that the provider refused made nothing, and the error says so")
    func refused() async throws {
        let fixture = try await Fixture()
        self.configure(fixture) { $0.failures = [CloudError(.money, "no balance")] }
        let error = await #expect(throws: RPCError.self) {
            try await fixture.catalog.createNetworkVolume(Self.volume(requestID: "a"), context: Self.context())
        }
        #expect(error?.code == .failedPrecondition)
        #expect(try Self.effect(of: error) == .none)
        // The id is free for another try.
        _ = try await fixture.catalog.createNetworkVolume(Self.volume("other", requestID: "a"), context: Self.context())
    }

    @Test("an unclear outcome that no look clears up is UNKNOWN, and no status that clients repeat of their own accord")
    func unknown() throws {
        let details = ErrorDetails(CloudError(.unavailable, "502", mayHaveTakenEffect: true))
        #expect(details.code == .unknown && details.effect == .unknown)
        let refused = ErrorDetails(CloudError(.unavailable, "502"))
        #expect(refused.code == .unavailable && refused.effect == .none)
    }

    private static func effect(of error: RPCError?) throws -> NovitaiV1.Effect {
        let status = try GoogleRpc.Status(decoding: error?.details ?? [])
        let effect = status.details.first { $0.typeUrl.hasSuffix("novitai.v1.ErrorEffect") }
        return try NovitaiV1.ErrorEffect(decoding: effect?.value ?? []).effect
    }

    @Test("many calls for one name at a time make one thing")
    func concurrent() async throws {
        let fixture = try await Fixture()
        let replies = try await withThrowingTaskGroup(of: NovitaiV1.CreateNetworkVolumeResponse.self) { group in
            for _ in 0..<8 { group.addTask { try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context()) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(replies.map { $0.networkVolume?.id }) == ["r-1"] && replies.count { !$0.existed } == 1)
        #expect(self.account(fixture).createCalls == 1)
    }

    @Test("validate_only makes nothing, and says what would be made")
    func validateOnly() async throws {
        let fixture = try await Fixture()
        var request = Self.volume()
        request.validateOnly = true
        let reply = try await fixture.catalog.createNetworkVolume(request, context: Self.context())
        #expect(reply.networkVolume?.name == "data" && reply.networkVolume?.id == "" && self.account(fixture).createCalls == 0)
        var delete = NovitaiV1.DeleteNetworkVolumeRequest()
        (delete.id, delete.validateOnly) = ("none", true)
        _ = try await fixture.catalog.deleteNetworkVolume(delete, context: Self.context())
    }

    // MARK: Fields

    @Test("every wrong field is named")
    func violations() async throws {
        let fixture = try await Fixture()
        let error = await #expect(throws: RPCError.self) {
            try await fixture.catalog.createNetworkVolume(NovitaiV1.CreateNetworkVolumeRequest(), context: Self.context())
        }
        for field in ["name", "size_gb", "region_id"] { #expect(error?.message.contains(field) == true) }
        let template = await #expect(throws: RPCError.self) {
            try await fixture.catalog.createTemplate(NovitaiV1.CreateTemplateRequest(), context: Self.context())
        }
        #expect(template?.message.contains("name: is required") == true && template?.message.contains("image") == true)
        #expect(template?.message.contains("spec.") == false)
        let network = await #expect(throws: RPCError.self) {
            var request = NovitaiV1.CreateNetworkRequest()
            request.name = String(repeating: "x", count: 31)
            return try await fixture.catalog.createNetwork(request, context: Self.context())
        }
        #expect(network?.message.contains("at most 30") == true)
    }

    @Test("a volume is renamed and enlarged, and refuses to shrink")
    func update() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.catalog.createNetworkVolume(Self.volume(), context: Self.context())
        var request = NovitaiV1.UpdateNetworkVolumeRequest()
        (request.id, request.sizeGb) = ("r-1", 30)
        let reply = try await fixture.catalog.updateNetworkVolume(request, context: Self.context())
        #expect(reply.networkVolume?.sizeGb == 30 && reply.networkVolume?.name == "data")
        request.sizeGb = 20
        let error = await #expect(throws: RPCError.self) {
            try await fixture.catalog.updateNetworkVolume(request, context: Self.context())
        }
        #expect(error?.message.contains("size_gb") == true)
        request.id = "none"
        let missing = await #expect(throws: RPCError.self) {
            try await fixture.catalog.updateNetworkVolume(request, context: Self.context())
        }
        #expect(missing?.code == .notFound)
    }

    // MARK: Secrets

    @Test("no secret comes back, and none is logged")
    func secrets() async throws {
        let fixture = try await Fixture()
        var credential = NovitaiV1.CreateRegistryCredentialRequest()
        (credential.name, credential.username, credential.password) = ("ghcr.io", "me", "canary")
        let made = try await fixture.catalog.createRegistryCredential(credential, context: Self.context())
        let listed = try await fixture.catalog.listRegistryCredentials(
            NovitaiV1.ListRegistryCredentialsRequest(), context: Self.context())
        #expect(listed.registryCredentials.map(\.username) == ["me"])
        var template = NovitaiV1.CreateTemplateRequest()
        (template.name, template.image, template.environment) = ("t", "i", ["KEY": "canary"])
        let stored = try await fixture.catalog.createTemplate(template, context: Self.context())
        #expect(stored.template?.environmentNames == ["KEY"] && stored.template?.diskGb == 60)
        var get = NovitaiV1.GetTemplateRequest()
        get.id = stored.template?.id ?? ""
        let read = try await fixture.catalog.getTemplate(get, context: Self.context())
        for message in [
            try made.encoded(reserving: 0), try listed.encoded(reserving: 0), try stored.encoded(reserving: 0),
            try read.encoded(reserving: 0),
        ] {
            #expect(!String(decoding: message, as: UTF8.self).contains("canary"))
        }
        #expect(!fixture.lines.text.contains("canary") && fixture.lines.text.contains("account changed"))
    }

    @Test("a template's update keeps what is not given, and gives its old name away")
    func templateUpdate() async throws {
        let fixture = try await Fixture()
        var create = NovitaiV1.CreateTemplateRequest()
        (create.name, create.image, create.command, create.environment) = ("old", "i:1", "run", ["KEY": "canary"])
        let id = try #require(try await fixture.catalog.createTemplate(create, context: Self.context()).template?.id)
        func update(_ id: String, _ change: (inout NovitaiV1.UpdateTemplateRequest) -> Void) async throws -> NovitaiV1.Template? {
            var request = NovitaiV1.UpdateTemplateRequest()
            request.id = id
            change(&request)
            let wanted = request
            return try await fixture.catalog.updateTemplate(wanted, context: Self.context(NovitaiV1.CatalogService.updateTemplate)).template
        }
        let checked = try await update(id) { ($0.image, $0.validateOnly) = ("i:2", true) }
        #expect(checked?.image == "i:2" && self.account(fixture).templates.first?.content.image == "i:1")
        let renamed = try await update(id) { ($0.name, $0.image, $0.diskGb) = ("new", "i:2", 80) }
        #expect(renamed?.name == "new" && renamed?.command == "run" && renamed?.environmentNames == ["KEY"] && renamed?.diskGb == 80)
        #expect(self.account(fixture).templates.first?.content.environment.values == ["KEY": "canary"], "values that nobody can read back")
        let emptied = try await update(id) {
            ($0.command, $0.ports, $0.environment) = ("", NovitaiV1.PortSet(), NovitaiV1.EnvironmentSet())
        }
        #expect(emptied?.command == "" && emptied?.environmentNames == [] && emptied?.name == "new" && emptied?.image == "i:2")
        // The old name is free at once, and the new one is taken.
        let other = try #require(try await fixture.catalog.createTemplate(create, context: Self.context()).template?.id)
        #expect(other != id)
        let taken = await #expect(throws: RPCError.self) { _ = try await update(other) { $0.name = "new" } }
        #expect(taken?.code == .alreadyExists)
        let missing = await #expect(throws: RPCError.self) { _ = try await update("nothing") { $0.name = "x" } }
        #expect(missing?.code == .notFound)
        let wrong = await #expect(throws: RPCError.self) { _ = try await update(id) { $0.diskGb = 1 } }
        #expect(wrong?.code == .invalidArgument)
        self.configure(fixture) { $0.templates[0].channel = "official" }
        let foreign = await #expect(throws: RPCError.self) { _ = try await update(id) { $0.image = "i:3" } }
        #expect(foreign?.code == .failedPrecondition)
        #expect(!fixture.lines.text.contains("canary"))
        let actions = try await fixture.store.audit(AuditQuery(limit: 20)).map(\.entry.action)
        #expect(actions.count { $0 == "UpdateTemplate" } == 2)
    }

    @Test("a request id stands for one content of an environment too")
    func templateUpdateReused() async throws {
        let fixture = try await Fixture()
        var create = NovitaiV1.CreateTemplateRequest()
        (create.name, create.image) = ("t", "i:1")
        let id = try #require(try await fixture.catalog.createTemplate(create, context: Self.context()).template?.id)
        func update(_ value: String) async throws {
            var request = NovitaiV1.UpdateTemplateRequest()
            (request.id, request.requestId, request.environment) = (id, "u", NovitaiV1.EnvironmentSet())
            request.environment?.environment = ["A": value]
            let wanted = request
            _ = try await fixture.catalog.updateTemplate(wanted, context: Self.context(NovitaiV1.CatalogService.updateTemplate))
        }
        try await update("1")
        try await update("1")
        let error = await #expect(throws: RPCError.self) { try await update("2") }
        #expect(error?.code == .invalidArgument)
    }

    // MARK: Lists and deletes

    @Test("lists are filtered, ordered and paged, and say how fresh they are")
    func lists() async throws {
        let fixture = try await Fixture()
        for name in ["b", "a", "c"] {
            var request = NovitaiV1.CreateNetworkRequest()
            (request.name, request.regionId) = (name, name == "c" ? "eu-1" : "us-1")
            _ = try await fixture.catalog.createNetwork(request, context: Self.context())
        }
        var request = NovitaiV1.ListNetworksRequest()
        request.pageSize = 2
        let first = try await fixture.catalog.listNetworks(request, context: Self.context())
        #expect(first.networks.map(\.name) == ["a", "b"] && !first.nextPageToken.isEmpty && first.freshness?.fetchedAt != nil)
        #expect(first.networks.first?.members.map(\.address) == ["10.2.1.4"])
        request.pageToken = first.nextPageToken
        #expect(try await fixture.catalog.listNetworks(request, context: Self.context()).networks.map(\.name) == ["c"])
        (request.pageToken, request.filter, request.orderBy) = ("", "region = us-1", "name desc")
        #expect(try await fixture.catalog.listNetworks(request, context: Self.context()).networks.map(\.name) == ["b", "a"])
        request.filter = "colour = red"
        await #expect(throws: RPCError.self) { try await fixture.catalog.listNetworks(request, context: Self.context()) }
        let before = self.account(fixture).freshLists
        (request.filter, request.fresh) = ("", true)
        _ = try await fixture.catalog.listNetworks(request, context: Self.context())
        #expect(self.account(fixture).freshLists == before + 1)
    }

    @Test("what is not there is deleted; one prewarm for an image and a region")
    func deletes() async throws {
        let fixture = try await Fixture()
        var prewarm = NovitaiV1.CreateImagePrewarmRequest()
        (prewarm.image, prewarm.regionId) = ("i", "us-1")
        let made = try await fixture.catalog.createImagePrewarm(prewarm, context: Self.context())
        prewarm.note = "again"
        #expect(try await fixture.catalog.createImagePrewarm(prewarm, context: Self.context()).existed)
        var delete = NovitaiV1.DeleteImagePrewarmRequest()
        delete.id = made.imagePrewarm?.id ?? ""
        for _ in 0..<2 { _ = try await fixture.catalog.deleteImagePrewarm(delete, context: Self.context()) }
        #expect(self.account(fixture).prewarms.isEmpty)
        delete.id = ""
        let error = await #expect(throws: RPCError.self) { try await fixture.catalog.deleteImagePrewarm(delete, context: Self.context()) }
        #expect(error?.code == .invalidArgument)
    }
}
