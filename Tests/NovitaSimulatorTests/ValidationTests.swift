import NovitaSimulator
import Testing

@Suite("Checks of a create") struct ValidationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var word: String
        var change: @Sendable (inout CreateRequest) -> Void

        init(_ word: String, _ change: @escaping @Sendable (inout CreateRequest) -> Void) {
            self.word = word
            self.change = change
        }

        var testDescription: String { self.word }
    }

    @Test(
        "a wrong field is named",
        arguments: [
            Case("name") { $0.name = String(repeating: "n", count: 256) },
            Case("productId") { $0.productID = "" },
            Case("gpuNum") { $0.gpuCount = 0 },
            Case("gpuNum") { $0.gpuCount = 9 },
            Case("rootfsSize") { $0.rootfsSize = nil },
            Case("rootfsSize") { $0.rootfsSize = -1 },
            Case("rootfsSize") { $0.rootfsSize = 1801 },
            Case("imageUrl") { $0.imageURL = "" },
            Case("imageUrl") { $0.imageURL = String(repeating: "i", count: 501) },
            Case("imageAuth") { $0.imageAuth = String(repeating: "a", count: 10_240) },
            Case("command") { $0.command = String(repeating: "c", count: 2048) },
            Case("entrypoint") { $0.entrypoint = String(repeating: "e", count: 2048) },
            Case("kind") { $0.kind = "tpu" },
            Case("kind") { $0.kind = "" },
            Case("clusterId") { $0.clusterID = "mars-1" },
            Case("clusterId") { $0.clusterID = "cn-hongkong-1" },
            Case("ports") { $0.ports = "8080" },
            Case("ports") { $0.ports = "8080/udp" },
            Case("ports") { $0.ports = "0/http" },
            Case("ports") { $0.ports = "65536/http" },
            Case("ports") { $0.ports = "2223/tcp" },
            Case("ports") { $0.ports = "80/http,80/tcp" },
            Case("ports") { $0.ports = "80/http," },
            Case("ports") { $0.ports = (1...16).map { "\($0)/tcp" }.joined(separator: ",") },
            Case("tools.name") { $0.tools = [Tool(name: "VSCode", port: "8888", type: "http")] },
            Case("tools.port") { $0.tools = [Tool(name: "Jupyter", port: "x", type: "http")] },
            Case("envs") { $0.environment = Array(repeating: EnvironmentVariable(key: "K", value: "v"), count: 101) },
            Case("envs.key") { $0.environment = [EnvironmentVariable(key: String(repeating: "k", count: 512), value: "")] },
            Case("envs.value") { $0.environment = [EnvironmentVariable(key: "K", value: String(repeating: "v", count: 4096))] },
            Case("networkStorages.Id") { $0.networkStorages = [NetworkStorageMount(id: "", mountPoint: "/network")] },
            Case("billingMode") { $0.billingMode = "free" },
            Case("month") { $0.month = -1 },
            Case("month") { $0.billingMode = "monthly" },
            Case("autoRenewMonth") {
                $0.month = 1
                $0.autoRenew = true
                $0.autoRenewMonth = 13
            },
        ])
    func refused(_ wrong: Case) throws {
        var world = World()
        let error = try #require(throws: APIError.self) { try world.create(World.request("job", wrong.change)) }
        #expect(error.reason == "VALIDATOR_PARAM" && error.status == 400)
        #expect(error.message.hasPrefix("invalid \(wrong.word): "))
        #expect(world.simulator.ledger(at: world.now, includingUnbilled: true).isEmpty)
    }

    @Test(
        "other refusals have their names",
        arguments: [
            Case("RESOURCE_NOT_FOUND") { $0.productID = "nothing" },
            Case("UNSUPPORTED_BILLING_MODE") {
                $0.productID = "A100-80GB.14c240g"
                $0.billingMode = "spot"
            },
            Case("UNSUPPORTED_BILLING_MODE") {
                $0.productID = "H100-80GB.26c230g"
                $0.month = 1
            },
            Case("INSUFFICIENT_RESOURCE") { $0.productID = "H100-80GB.26c230g" },
            Case("NETWORK_STORAGE_NOT_FOUND") { $0.networkStorages = [NetworkStorageMount(id: "s", mountPoint: "/n")] },
            Case("NETWORK_NOT_FOUND") { $0.networkID = "vpc-1" },
        ])
    func refusedByName(_ wrong: Case) throws {
        var world = World()
        let error = try #require(throws: APIError.self) { try world.create(World.request("job", wrong.change)) }
        #expect(error.reason == wrong.word)
    }

    @Test("a small system disk is raised to 10 GB", arguments: [(0, 10), (9, 10), (10, 10), (1800, 1800)])
    func rootfs(asked: Int, given: Int) throws {
        var world = World()
        let id = try world.create(World.request { $0.rootfsSize = asked })
        #expect(try world.get(id).request.rootfsSize == given)
    }

    @Test("no more machines than the account may have")
    func limit() throws {
        var world = World { $0.instancesMax = 2 }
        let first = try world.create()
        _ = try world.create()
        let error = try #require(throws: APIError.self) { try world.create() }
        #expect(error.reason == "CREATE_INSTANCE_LIMIT")
        try world.simulator.deleteInstance(first, at: world.now)
        world.pass(.seconds(4))
        _ = try world.create()
    }
}
