import Access
import Fleet
import NovitaiProto
import RPCCore
import SQLiteStore
import Synchronization
import Testing

@testable import Services

@Suite("Specs that name templates, requirements, volumes and networks")
struct SpecResolutionTests {
    private static func context(_ role: Role = .admin) -> ServerContext {
        let context = Fixture.context()
        context.principal = Principal(id: "p", tenant: "default", role: role)
        return context
    }

    private static let template = Template(
        id: TemplateID(rawValue: "107"),
        content: TemplateDraft(
            name: "worker", image: "team/worker:1", registryCredentialID: "c-1", command: "serve", diskGB: 80,
            ports: [PortSpec(port: 8080, protocol: .http)], environment: InstanceEnvironment(["A": "of the template", "B": "b"]),
            minCUDAVersion: "12.1"), channel: "private", createdAt: nil)

    private static func fixture() async throws -> Fixture {
        let fixture = try await Fixture()
        fixture.cloud.state.withLock { state in
            state.account.templates = [Self.template]
            state.account.volumes = [("v-us", "us-1"), ("v-eu", "eu-1")].map { id, cluster in
                NetworkVolume(
                    id: NetworkVolumeID(rawValue: id), content: NetworkVolumeDraft(name: id, sizeGB: 20, clusterID: cluster),
                    clusterName: "")
            }
            state.account.networks = [
                Network(
                    id: NetworkID(rawValue: "n-us"), content: NetworkDraft(name: "ring", clusterID: "us-1"), status: "ready", error: "",
                    segment: "", members: [], createdAt: nil)
            ]
        }
        return fixture
    }

    private static func request(_ requestID: String = "r", _ change: (inout NovitaiV1.InstanceSpec) -> Void)
        -> NovitaiV1.CreateInstanceRequest
    {
        var request = NovitaiV1.CreateInstanceRequest()
        var spec = NovitaiV1.InstanceSpec()
        spec.products = ["RTX 4090 24GB"]
        spec.gpuCount = 1
        change(&spec)
        (request.spec, request.requestId) = (spec, requestID)
        return request
    }

    @Test("A template gives what the request leaves out, and a repeated request is answered although the template is gone")
    func template() async throws {
        let fixture = try await Self.fixture()
        let plain = Self.request { $0.templateId = "107" }
        let made = try #require(try await fixture.instances.createInstance(plain, context: Self.context()).instance)
        let spec = try #require(made.spec)
        #expect(spec.image == "team/worker:1" && spec.registryCredentialId == "c-1" && spec.command == "serve" && spec.diskGb == 80)
        #expect(spec.ports.map(\.port) == [8080] && spec.minCudaVersion == "12.1" && made.environmentNames == ["A", "B"])
        fixture.cloud.state.withLock { $0.account.templates = [] }
        let again = try await fixture.instances.createInstance(plain, context: Self.context()).instance
        #expect(again?.id == made.id)
    }

    @Test("What the request says counts more than the template, and a template's credential goes with its image alone")
    func overrides() async throws {
        let fixture = try await Self.fixture()
        let request = Self.request { spec in
            (spec.templateId, spec.image, spec.command, spec.diskGb) = ("107", "mine:2", "other", 60)
            spec.environment = ["A": "mine"]
        }
        let made = try #require(try await fixture.instances.createInstance(request, context: Self.context()).instance)
        let spec = try #require(made.spec)
        #expect(spec.image == "mine:2" && spec.registryCredentialId.isEmpty && spec.command == "other" && spec.diskGb == 60)
        let environment = try await fixture.store.environment(of: InstanceID(rawValue: made.id))
        #expect(environment.values == ["A": "mine", "B": "b"])
    }

    @Test("Requirements become the products on offer that meet them, the cheapest first")
    func requirements() async throws {
        let fixture = try await Self.fixture()
        func products(_ vram: UInt32, _ memory: UInt32 = 0, spot: Bool = false) async throws -> [String] {
            var request = NovitaiV1.PlanInstanceRequest()
            var requirements = NovitaiV1.ProductRequirements()
            (requirements.minVramGb, requirements.minMemoryGb) = (vram, memory)
            request.spec =
                Self.request { spec in
                    (spec.products, spec.image, spec.requirements) = ([], "i", requirements)
                    spec.billingMode = spot ? .spot : .onDemand
                }.spec
            let plan = try await fixture.instances.planInstance(request, context: Self.context(.viewer))
            return plan.candidates.filter { $0.verdict != .notRequested && $0.regionId == "us-1" }.map(\.productId)
        }
        #expect(try await products(24) == ["p-4090", "p-h100"])
        #expect(try await products(40) == ["p-h100"])
        #expect(try await products(0, 100) == ["p-h100"])
        #expect(try await products(24, spot: true) == ["p-4090"])
        for vram: UInt32 in [90] {
            #expect(try await refusal { try await products(vram) }.fields == ["spec.requirements"])
        }
    }

    @Test("Volumes and a network decide the region, and are for admins alone")
    func volumes() async throws {
        let fixture = try await Self.fixture()
        let request = Self.request { spec in
            (spec.image, spec.volumes, spec.networkId) = ("i", [mount("v-us")], "n-us")
        }
        #expect(
            try await refusal { try await fixture.instances.createInstance(request, context: Self.context(.operator)) }.reason
                == "NOT_PERMITTED")
        let made = try await fixture.instances.createInstance(request, context: Self.context()).instance
        #expect(made?.spec?.regions == ["us-1"] && made?.spec?.volumes == [mount("v-us")] && made?.spec?.networkId == "n-us")
    }

    enum Mistake: String, CaseIterable {
        case template = "spec.template_id"
        case volume = "spec.volumes[0].volume_id"
        case network = "spec.network_id"
        case regions = "spec.volumes"
        case otherRegion = "spec.regions"
        case path = "spec.volumes[0].mount_path"
        case samePath = "spec.volumes[1].mount_path"
        case both = "spec.requirements"

        func make(in spec: inout NovitaiV1.InstanceSpec) {
            spec.image = "i"
            switch self {
            case .template: spec.templateId = "1"
            case .volume: spec.volumes = [mount("v-none")]
            case .network: spec.networkId = "n-none"
            case .regions: spec.volumes = [mount("v-us", "/a"), mount("v-eu", "/b")]
            case .otherRegion: (spec.volumes, spec.regions) = ([mount("v-us")], ["eu-1"])
            case .path: spec.volumes = [mount("v-us", "data")]
            case .samePath: spec.volumes = [mount("v-us"), mount("v-us")]
            case .both: spec.requirements = NovitaiV1.ProductRequirements()
            }
        }
    }

    @Test("What is not there, or not in one region, is said with its field", arguments: Mistake.allCases)
    func refused(_ mistake: Mistake) async throws {
        let fixture = try await Self.fixture()
        let request = Self.request { mistake.make(in: &$0) }
        let refused = try await refusal { try await fixture.instances.createInstance(request, context: Self.context()) }
        #expect(refused.fields == [mistake.rawValue])
    }
}

private func mount(_ id: String, _ path: String = "/data") -> NovitaiV1.VolumeMount {
    var mount = NovitaiV1.VolumeMount()
    (mount.volumeId, mount.mountPath) = (id, path)
    return mount
}
