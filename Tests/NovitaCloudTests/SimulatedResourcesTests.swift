import CurlClient
import Fleet
import NovitaSimulator
import NovitaSimulatorHTTP
import Testing

@testable import NovitaCloud

/// What the account keeps, over HTTP, with the simulated provider.
@Suite("Resources against the simulated provider")
struct SimulatedResourcesTests {
    private func run(_ isDocumented: Bool, _ body: (World) async throws -> Void) async throws {
        var style = WireStyle()
        style.usesDocumentedNumbers = isDocumented
        style.writesTotalAsString = !isDocumented
        style.hasEmptyBodies = !isDocumented
        try await World.run({ $0.hasZeroBasedPages = isDocumented }, style: style) { try await body($0) }
    }

    @Test("templates", arguments: [false, true])
    func templates(_ isDocumented: Bool) async throws {
        try await self.run(isDocumented) { world in
            #expect(try await world.cloud.templates(isFresh: false, call: world.call).value.map(\.channel) == ["official", "official"])
            let draft = TemplateDraft(
                name: "mine", image: "team/image:1", ports: [PortSpec(port: 80, protocol: .http), PortSpec(port: 22, protocol: .tcp)],
                environment: InstanceEnvironment(["A": "1"]))
            let id = try await world.cloud.createTemplate(draft, call: world.call)
            #expect(try await world.cloud.template(id, call: world.call)?.content == draft)
            world.advance(10)
            #expect(try await world.cloud.templates(isFresh: true, call: world.call).value.contains { $0.id == id && $0.content == draft })
            let other = TemplateDraft(
                name: "other", readme: "r", image: "team/image:2", command: "run", diskGB: 80, ports: [PortSpec(port: 81, protocol: .http)],
                minCUDAVersion: "12.4")
            try await world.cloud.updateTemplate(id, other, call: world.call)
            #expect(try await world.cloud.template(id, call: world.call)?.content == other)
            #expect(try await world.cloud.templates(isFresh: false, call: world.call).value.contains { $0.content == other })
            let official = await #expect(throws: CloudError.self) {
                try await world.cloud.updateTemplate(TemplateID(rawValue: "107671"), other, call: world.call)
            }
            #expect(official?.mayHaveTakenEffect == false)
            try await world.cloud.deleteTemplate(id, call: world.call)
            let gone = await #expect(throws: CloudError.self) { try await world.cloud.updateTemplate(id, other, call: world.call) }
            #expect(gone?.code == .notFound && gone?.mayHaveTakenEffect == false)
            #expect(try await world.cloud.template(id, call: world.call) == nil)
        }
    }

    @Test("credentials: no id is told, the list has it", arguments: [false, true])
    func credentials(_ isDocumented: Bool) async throws {
        try await self.run(isDocumented) { world in
            let draft = RegistryCredentialDraft(name: "ghcr.io", username: "me", password: "secret")
            #expect(try await world.cloud.createRegistryCredential(draft, call: world.call) == nil)
            let list = try await world.cloud.registryCredentials(isFresh: false, call: world.call).value
            #expect(list.map(\.username) == ["me"])
            try await world.cloud.deleteRegistryCredential(try #require(list.first?.id), call: world.call)
            #expect(try await world.cloud.registryCredentials(isFresh: false, call: world.call).value.isEmpty)
        }
    }

    @Test("volumes and networks", arguments: [false, true])
    func volumesAndNetworks(_ isDocumented: Bool) async throws {
        try await self.run(isDocumented) { world in
            #expect(try await world.cloud.networkVolumes(isFresh: false, call: world.call).value.isEmpty)
            let draft = NetworkVolumeDraft(name: "data", sizeGB: 20, clusterID: "us-ca-6")
            let id = try #require(try await world.cloud.createNetworkVolume(draft, call: world.call))
            try await world.cloud.updateNetworkVolume(id, name: "more", sizeGB: 40, call: world.call)
            let volume = try await world.cloud.networkVolumes(isFresh: false, call: world.call).value.first
            #expect(volume?.id == id && volume?.content.sizeGB == 40 && volume?.content.name == "more")
            try await world.cloud.deleteNetworkVolume(id, call: world.call)
            let gone = await #expect(throws: CloudError.self) { try await world.cloud.deleteNetworkVolume(id, call: world.call) }
            #expect(gone?.code == .notFound && gone?.mayHaveTakenEffect == false)

            let made = try await world.cloud.createNetwork(NetworkDraft(name: "ring", clusterID: "us-ca-6"), call: world.call)
            #expect((made == nil) == !isDocumented, "the world's answer has no id")
            world.advance(10)
            let network = try #require(try await world.cloud.networks(isFresh: false, call: world.call).value.first)
            #expect(network.status == "ready" && network.content.name == "ring")
            try await world.cloud.renameNetwork(network.id, to: "wheel", call: world.call)
            #expect(try await world.cloud.network(network.id, call: world.call)?.content.name == "wheel")
            try await world.cloud.deleteNetwork(network.id, call: world.call)
            #expect(try await world.cloud.network(network.id, call: world.call) == nil)
        }
    }

    @Test("prewarmed images", arguments: [false, true])
    func prewarms(_ isDocumented: Bool) async throws {
        try await self.run(isDocumented) { world in
            let draft = ImagePrewarmDraft(image: "team/image:1", clusterID: "us-ca-6", productIDs: ["4090.16c62g"], note: "n")
            let id = try #require(try await world.cloud.createImagePrewarm(draft, call: world.call))
            try await world.cloud.annotateImagePrewarm(id, note: "m", call: world.call)
            world.advance(120)
            let task = try await world.cloud.imagePrewarms(isFresh: false, call: world.call).value.first
            #expect(
                task?.id == id && task?.status == "Succeeded" && task?.content.note == "m" && task?.content.productIDs == ["4090.16c62g"])
            #expect(try await world.cloud.imagePrewarmQuota(call: world.call).tasks == 1)
            try await world.cloud.deleteImagePrewarm(id, call: world.call)
            #expect(try await world.cloud.imagePrewarms(isFresh: false, call: world.call).value.isEmpty)
        }
    }
}
