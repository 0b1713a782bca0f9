import CurlClient
import Fleet
import Testing

@testable import NovitaCloud

/// What the account keeps besides machines, as the API wants and writes it.
@Suite("Templates, credentials, volumes, networks and prewarmed images")
struct ResourceCallTests {
    private let clock = JumpingClock()
    private static let base = "/gpu-instance/openapi/v1"

    private var call: CloudCall { .test(.mutation, of: self.clock) }

    private func cloud(_ body: String) -> (NovitaCloud, FakeUpstream) {
        let upstream = FakeUpstream(.reply(200, body))
        return (.over(upstream, clock: self.clock), upstream)
    }

    // MARK: Reading

    @Test(
        "templates are read in both styles, ports and secrets included",
        arguments: [ResourceFixtures.templateLive, ResourceFixtures.templateDocumented])
    func templates(_ template: String) async throws {
        let wanted = Template(
            id: TemplateID(rawValue: "107672"),
            content: TemplateDraft(
                name: "PyTorch", readme: "r", image: "team/pytorch:2", registryCredentialID: "c-1", command: "run", diskGB: 80,
                ports: [PortSpec(port: 8888, protocol: .http), PortSpec(port: 22, protocol: .tcp)],
                environment: InstanceEnvironment(["A": "1"]), minCUDAVersion: "12.4"), channel: "private",
            createdAt: Timestamp(seconds: 1_767_225_000))
        let (cloud, upstream) = self.cloud(#"{"template": [\#(template)], "pageSize": 100, "pageNum": 1, "total": "1"}"#)
        let list = try await cloud.templates(isFresh: false, call: self.call)
        #expect(list.value == [wanted] && list.fetchedAt == self.clock.now)
        #expect(upstream.paths == ["\(Self.base)/templates?pageSize=100&pageNum=1"])
        let (one, asked) = self.cloud(#"{"template": \#(template)}"#)
        #expect(try await one.template(wanted.id, call: self.call) == wanted)
        #expect(asked.paths == ["\(Self.base)/template?templateId=107672"])
    }

    @Test("credentials are read without their passwords")
    func credentials() async throws {
        let (cloud, upstream) = self.cloud(#"{"data": [{"id": "c-1", "name": "ghcr.io", "username": "me", "password": "canary"}]}"#)
        let list = try await cloud.registryCredentials(isFresh: false, call: self.call)
        #expect(list.value == [RegistryCredential(id: RegistryCredentialID(rawValue: "c-1"), name: "ghcr.io", username: "me")])
        #expect(upstream.requests.count == 1)
    }

    @Test("volumes are read in both styles, and a list that is null is empty", arguments: ["200", #""200""#])
    func volumes(_ size: String) async throws {
        let item =
            #"{"storageId": "v-1", "storageName": "data", "storageSize": \#(size), "clusterId": "us-ca-6", "#
            + #""clusterName": "US", "price": "400"}"#
        let (cloud, upstream) = self.cloud(#"{"data": [\#(item)], "total": 1}"#)
        let wanted = NetworkVolume(
            id: NetworkVolumeID(rawValue: "v-1"), content: NetworkVolumeDraft(name: "data", sizeGB: 200, clusterID: "us-ca-6"),
            clusterName: "US")
        #expect(try await cloud.networkVolumes(isFresh: false, call: self.call).value == [wanted])
        #expect(upstream.paths == ["\(Self.base)/networkstorages/list?pageSize=100&pageNo=1"])
        let (empty, _) = self.cloud(#"{"data": null, "total": 0}"#)
        #expect(try await empty.networkVolumes(isFresh: false, call: self.call).value.isEmpty)
    }

    @Test("networks are read in both styles", arguments: [ResourceFixtures.networkLive, ResourceFixtures.networkDocumented])
    func networks(_ network: String) async throws {
        let wanted = Network(
            id: NetworkID(rawValue: "vpc-1"), content: NetworkDraft(name: "ring", clusterID: "us-ca-6"), status: "ready", error: "",
            segment: "10.2.1.0/24", members: [.init(machineID: UpstreamID(rawValue: "m1"), address: "10.2.1.4")],
            createdAt: Timestamp(seconds: 1_767_225_000))
        let (cloud, _) = self.cloud(#"{"networks": [\#(network)], "total": "1"}"#)
        #expect(try await cloud.networks(isFresh: false, call: self.call).value == [wanted])
        for body in [#"{"network": [\#(network)]}"#, #"{"network": \#(network)}"#] {
            #expect(try await self.cloud(body).0.network(wanted.id, call: self.call) == wanted)
        }
        let missing = FakeUpstream(.refusal(400, "", "network not fount"))
        #expect(try await NovitaCloud.over(missing, clock: self.clock).network(wanted.id, call: self.call) == nil)
    }

    @Test("prewarmed images and their quota are read in both styles", arguments: ["4831838208", #""4831838208""#])
    func prewarms(_ bytes: String) async throws {
        let item =
            #"{"id": "p-1", "imageName": "x", "imageUrl": "team/x:1", "repositoryAuth": "c-1", "clusterId": "us-ca-6", "#
            + #""clusterName": "US", "products": [{"productId": "4090"}], "imageSize": \#(bytes), "createTime": "1767225000", "#
            + #""completeTime": "0", "state": "Failed", "#
            + #""note": "n", "reason": ["no such image", "again"]}"#
        let (cloud, upstream) = self.cloud(#"{"data": [\#(item)], "total": 1}"#)
        let prewarm = try #require(try await cloud.imagePrewarms(isFresh: false, call: self.call).value.first)
        #expect(prewarm.content.productIDs == ["4090"] && prewarm.imageBytes == 4_831_838_208 && prewarm.completedAt == nil)
        #expect(prewarm.status == "Failed" && prewarm.error == "no such image; again")
        #expect(upstream.paths == ["\(Self.base)/image/prewarm?pageSize=100&page=1"])
        let quota = try await self.cloud(#"{"total": "1", "limit": 5, "perImageSize": "100"}"#).0.imagePrewarmQuota(call: self.call)
        #expect(quota == ImagePrewarmQuota(tasks: 1, tasksMax: 5, imageGBMax: 100))
    }

    @Test("a list of several pages is read whole, also when pages count from 0", arguments: [false, true])
    func pages(_ isZeroBased: Bool) async throws {
        let upstream = FakeUpstream { request, _ in
            let page = (request.parameter("pageNo").flatMap { Int($0) } ?? 0) + (isZeroBased ? 1 : 0)
            let first = min(230, max(0, page - 1) * 100)
            let items = (first..<min(230, max(0, page) * 100)).map { #"{"storageId": "v-\#($0)"}"# }
            return .reply(200, #"{"data": [\#(items.joined(separator: ","))], "total": "230"}"#)
        }
        let list = try await NovitaCloud.over(upstream, clock: self.clock).networkVolumes(isFresh: false, call: self.call)
        #expect(Set(list.value.map(\.id)).count == 230 && list.value.count == 230)
    }

    // MARK: Making

    @Test(
        "the id of what was made is found in all forms, and none is no error",
        arguments: [
            (#""v-1""#, "v-1"), (#"{"storageId": "v-1"}"#, "v-1"), (#"{"id": "v-1"}"#, "v-1"), ("{}", nil), ("", nil), ("not json", nil),
        ] as [(String, String?)])
    func ids(_ body: String, _ id: String?) async throws {
        let (cloud, upstream) = self.cloud(body)
        let draft = NetworkVolumeDraft(name: "data", sizeGB: 20, clusterID: "us-ca-6")
        #expect(try await cloud.createNetworkVolume(draft, call: self.call)?.rawValue == id)
        #expect(upstream.requests.first?.text == #"{"clusterId":"us-ca-6","storageName":"data","storageSize":20}"#)
    }

    @Test("every change goes to its own path with the fields of its own")
    func bodies() async throws {
        let (cloud, upstream) = self.cloud(#"{"templateId": "t", "id": "x"}"#)
        let template = TemplateDraft(
            name: "n", image: "i", diskGB: 60, ports: [PortSpec(port: 80, protocol: .http), PortSpec(port: 22, protocol: .tcp)],
            environment: InstanceEnvironment(["A": "1"]))
        _ = try await cloud.createTemplate(template, call: self.call)
        try await cloud.deleteTemplate(TemplateID(rawValue: "t"), call: self.call)
        _ = try await cloud.createRegistryCredential(RegistryCredentialDraft(name: "r", username: "u", password: "p"), call: self.call)
        try await cloud.deleteRegistryCredential(RegistryCredentialID(rawValue: "c"), call: self.call)
        try await cloud.updateNetworkVolume(NetworkVolumeID(rawValue: "v"), name: "n", sizeGB: 30, call: self.call)
        try await cloud.deleteNetworkVolume(NetworkVolumeID(rawValue: "v"), call: self.call)
        _ = try await cloud.createNetwork(NetworkDraft(name: "n", clusterID: "c"), call: self.call)
        try await cloud.renameNetwork(NetworkID(rawValue: "w"), to: "m", call: self.call)
        try await cloud.deleteNetwork(NetworkID(rawValue: "w"), call: self.call)
        _ = try await cloud.createImagePrewarm(ImagePrewarmDraft(image: "i", clusterID: "c", productIDs: ["p"], note: "n"), call: self.call)
        try await cloud.annotateImagePrewarm(ImagePrewarmID(rawValue: "p"), note: "m", call: self.call)
        try await cloud.deleteImagePrewarm(ImagePrewarmID(rawValue: "p"), call: self.call)
        let sent = zip(upstream.paths, upstream.requests).map { "\($0.replacing(Self.base, with: "")) \($1.text)" }
        let head =
            #"/template/create {"template":{"name":"n","readme":"","type":"instance","channel":"private","image":"i","imageAuth":"","#
        let tail =
            #""startCommand":"","rootfsSize":60,"volumes":[],"ports":[{"type":"http","ports":[80]},{"type":"tcp","ports":[22]}],"#
            + #""envs":[{"key":"A","value":"1"}],"minCudaVersion":""}}"#
        #expect(
            sent == [
                head + tail, #"/template/delete {"templateId":"t"}"#,
                #"/repository/auth/save {"name":"r","username":"u","password":"p"}"#, #"/repository/auth/delete {"id":"c"}"#,
                #"/networkstorage/update {"storageId":"v","storageName":"n","storageSize":30}"#,
                #"/networkstorage/delete {"storageId":"v"}"#, #"/network/create {"clusterId":"c","name":"n"}"#,
                #"/network/update {"networkId":"w","name":"m"}"#, #"/network/delete {"networkId":"w"}"#,
                #"/image/prewarm {"imageUrl":"i","clusterId":"c","productIds":["p"],"note":"n"}"#,
                #"/image/prewarm/edit {"id":"p","note":"m"}"#, #"/image/prewarm/delete {"ids":["p"]}"#,
            ])
    }

    @Test(
        "a template is changed as a whole: what a draft has no word for is read, in both styles, and sent back as it came",
        arguments: [ResourceFixtures.templateLive, ResourceFixtures.templateDocumented])
    func templateUpdate(_ template: String) async throws {
        let (cloud, upstream) = self.cloud(#"{"template": \#(template)}"#)
        let draft = TemplateDraft(
            name: "n", image: "i", ports: [PortSpec(port: 80, protocol: .http)], environment: InstanceEnvironment(["A": "2"]))
        try await cloud.updateTemplate(TemplateID(rawValue: "107672"), draft, call: self.call)
        let sent = zip(upstream.paths, upstream.requests).map { "\($0.replacing(Self.base, with: "")) \($1.text)" }
        let isLive = template == ResourceFixtures.templateLive
        let kept = isLive ? #",{"type":"udp","ports":[53]}"# : ""
        let body =
            #"{"template":{"Id":"107672","name":"n","readme":"","type":"instance","channel":"private","image":"i","imageAuth":"","#
            + #""startCommand":"","rootfsSize":60,"volumes":\#(isLive ? "[]" : #"[{"type":"local","size":"5","mountPath":"/data"}]"#),"#
            + #""ports":[{"type":"http","ports":[80]}\#(kept)],"envs":[{"key":"A","value":"2"}],"minCudaVersion":"""#
            + "\(isLive ? #","tools":[]"# : "")}}"
        #expect(sent == ["/template?templateId=107672 ", "/template/update \(body)"])
    }

    @Test("a template that is not there is not changed, and an unclear answer says that it may be, without its secrets")
    func templateUpdateFailures() async throws {
        let draft = TemplateDraft(name: "n", image: "i", environment: InstanceEnvironment(["A": "secret-canary"]))
        let missing = FakeUpstream(.refusal(400, "TEMPLATE_NOT_FOUND", "template not found"))
        let gone = await #expect(throws: CloudError.self) {
            try await NovitaCloud.over(missing, clock: self.clock).updateTemplate(TemplateID(rawValue: "1"), draft, call: self.call)
        }
        #expect(gone?.code == .notFound && gone?.mayHaveTakenEffect == false && missing.requests.count == 1)
        let failing = FakeUpstream { request, _ in
            request.parameter("templateId") == nil
                ? .reply(500, "secret-canary") : .reply(200, #"{"template": \#(ResourceFixtures.templateLive)}"#)
        }
        let error = await #expect(throws: CloudError.self) {
            try await NovitaCloud.over(failing, clock: self.clock).updateTemplate(TemplateID(rawValue: "107672"), draft, call: self.call)
        }
        #expect(error?.mayHaveTakenEffect == true && error?.message.contains("canary") == false)
    }

    static let creates: [@Sendable (NovitaCloud, CloudCall) async throws -> Void] = [
        { _ = try await $0.createTemplate(TemplateDraft(name: "n", image: "i"), call: $1) },
        {
            _ = try await $0.createRegistryCredential(
                RegistryCredentialDraft(name: "r", username: "u", password: "secret-canary"), call: $1)
        },
        { _ = try await $0.createNetworkVolume(NetworkVolumeDraft(name: "n", sizeGB: 20, clusterID: "c"), call: $1) },
        { _ = try await $0.createNetwork(NetworkDraft(name: "n", clusterID: "c"), call: $1) },
        { _ = try await $0.createImagePrewarm(ImagePrewarmDraft(image: "i", clusterID: "c"), call: $1) },
    ]

    @Test(
        "what makes something is called once when the outcome is unclear, and again after a refusal for the rate",
        arguments: 0..<creates.count)
    func once(_ number: Int) async throws {
        for result in [.failed(.connectionLost, sent: true), .reply(500, "secret-canary")] as [Result<HTTPResponse, HTTPClientError>] {
            let upstream = FakeUpstream(result)
            let error = await #expect(throws: CloudError.self) {
                try await Self.creates[number](.over(upstream, clock: self.clock), self.call)
            }
            #expect(upstream.requests.count == 1 && error?.mayHaveTakenEffect == true)
            if number == 1 { #expect(error?.message.contains("canary") == false) }
        }
        let limited = FakeUpstream { _, number in number == 0 ? .refusal(429, "RATE_LIMIT_EXCEEDED") : .reply(200, #"{"id": "x"}"#) }
        try await Self.creates[number](.over(limited, clock: self.clock), self.call)
        #expect(limited.requests.count == 2)
    }

    // MARK: The cache

    @Test("a list is asked for once, until something of it is changed or a fresh one is wanted")
    func cached() async throws {
        let (cloud, upstream) = self.cloud(#"{"data": [], "total": 0}"#)
        for _ in 0..<3 { _ = try await cloud.networkVolumes(isFresh: false, call: self.call) }
        #expect(upstream.requests.count == 1)
        _ = try await cloud.networkVolumes(isFresh: true, call: self.call)
        #expect(upstream.requests.count == 2)
        try await cloud.deleteNetworkVolume(NetworkVolumeID(rawValue: "v"), call: self.call)
        _ = try await cloud.networkVolumes(isFresh: false, call: self.call)
        #expect(upstream.requests.count == 4)
        _ = try await cloud.networks(isFresh: false, call: self.call)
        #expect(upstream.requests.count == 5, "each list has a cache of its own")
    }
}

enum ResourceFixtures {
    static let templateLive = """
        {"Id": "107672", "name": "PyTorch", "readme": "r", "type": "instance", "channel": "private", "image": "team/pytorch:2",
         "imageAuth": "c-1", "startCommand": "run", "rootfsSize": 80, "volumes": [], "ports": [{"type": "http", "ports": [8888]},
           {"type": "tcp", "ports": [22]}, {"type": "udp", "ports": [53]}], "envs": [{"key": "A", "value": "1"}], "tools": [],
         "minCudaVersion": "12.4", "createdAt": "1767225000", "updatedAt": "1767225001", "logo": "", "collectNum": "0", "isUsed": false}
        """

    static let templateDocumented = """
        {"id": 107672, "name": "PyTorch", "readme": "r", "channel": "private", "image": "team/pytorch:2", "imageAuth": "c-1",
         "startCommand": "run", "rootfsSize": "80", "ports": [{"type": "http", "ports": ["8888"]}, {"type": "tcp", "ports": ["22"]}],
         "volumes": [{"type": "local", "size": "5", "mountPath": "/data"}],
         "envs": [{"key": "A", "value": "1"}], "minCudaVersion": "12.4", "createTime": "2025-12-31T23:50:00Z"}
        """

    static let networkLive = """
        {"Id": "vpc-1", "user": "9d1f", "name": "ring", "state": {"state": "ready", "error": ""}, "segment": "10.2.1.0/24",
         "clusterId": "us-ca-6", "Addresses": [{"Id": "m1", "Ip": "10.2.1.4"}], "createTime": "1767225000"}
        """

    static let networkDocumented = """
        {"id": "vpc-1", "name": "ring", "state": [{"state": "ready"}], "segment": "10.2.1.0/24", "clusterId": "us-ca-6",
         "addresses": [{"id": "m1", "ip": "10.2.1.4"}], "createTime": 1767225000}
        """
}
