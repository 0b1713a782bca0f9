import NovitaSimulator
import Testing

@Suite("Templates, credentials, volumes, networks, prewarmed images")
struct ResourceTests {
    private func done(_ world: inout World, _ call: ResourceCall) throws -> ResourceReply {
        switch world.call(.resource(call)).outcome {
        case .answered(.success(.resource(let reply))): return reply
        case .answered(.failure(let error)): throw error
        default: throw WrongCount(count: 0)
        }
    }

    private func reason(_ world: inout World, _ call: ResourceCall) -> String? { world.call(.resource(call)).error?.reason }

    @Test("a new template can be read at once and is listed a moment later; those of others cannot be deleted")
    func templates() throws {
        var world = World()
        var template = Template()
        (template.name, template.image) = ("mine", "team/image:1")
        guard case .templateID(let id) = try self.done(&world, .createTemplate(template)) else { return }
        guard case .template(let read) = try self.done(&world, .getTemplate(id: id)) else { return }
        #expect(read.name == "mine" && read.channel == "private")
        var query = TemplateQuery()
        query.channels = ["private"]
        guard case .templates(let before, _, 0) = try self.done(&world, .listTemplates(query)) else { return }
        #expect(before.isEmpty)
        world.pass(.seconds(6))
        guard case .templates(let after, _, 1) = try self.done(&world, .listTemplates(query)) else { return }
        #expect(after.map(\.id) == [id])
        #expect(self.reason(&world, .deleteTemplate(id: "107672")) == "TEMPLATE_IS_PRIVATE")
        _ = try self.done(&world, .deleteTemplate(id: id))
        #expect(self.reason(&world, .getTemplate(id: id)) == "TEMPLATE_NOT_FOUND")
        query.page.number = 0
        #expect(self.reason(&world, .listTemplates(query)) == "VALIDATOR_PARAM", "this list counts from 1")
    }

    @Test("a volume is bound to its cluster, only grows, and is not deleted while a machine has it")
    func volumes() throws {
        var world = World()
        #expect(
            self.reason(&world, .createStorage(clusterID: "eu-de-1", name: "a", size: 20)) == "CUR_CLUSTER_NETWORK_STORAGE_NOT_SUPPORT")
        guard case .storage(let storage) = try self.done(&world, .createStorage(clusterID: "us-ca-6", name: "a", size: 20)) else { return }
        let mounts = [NetworkStorageMount(id: storage.id, mountPoint: "/network")]
        let elsewhere = World.request {
            $0.networkStorages = mounts
            $0.clusterID = "as-sgp-2"
        }
        #expect(world.call(.createInstance(elsewhere)).error?.reason == "NETWORK_STORAGE_UNAVAILABLE")
        let machine = try world.createRunning(World.request { $0.networkStorages = mounts })
        #expect(self.reason(&world, .deleteStorage(id: storage.id)) == "NETWORK_STORAGE_IN_USE")
        #expect(self.reason(&world, .updateStorage(id: storage.id, name: "a", size: 10)) == "VALIDATOR_PARAM")
        _ = try self.done(&world, .updateStorage(id: storage.id, name: "b", size: 30))
        #expect(world.call(.deleteInstance(id: machine)).error == nil)
        world.pass(.seconds(10))
        _ = try self.done(&world, .deleteStorage(id: storage.id))
        #expect(self.reason(&world, .deleteStorage(id: storage.id)) == "NETWORK_STORAGE_NOT_FOUND")
    }

    @Test("a network is made in a moment, holds its machines, and there are five in a cluster at most")
    func networks() throws {
        var world = World()
        guard case .network(let made) = try self.done(&world, .createNetwork(clusterID: "us-ca-6", name: "ring")) else { return }
        #expect(!made.isReady)
        _ = try world.createRunning(
            World.request {
                $0.networkID = made.network.id
                $0.clusterID = "us-ca-6"
            })
        guard case .network(let ready) = try self.done(&world, .getNetwork(id: made.network.id)) else { return }
        #expect(ready.isReady && ready.addresses.count == 1)
        #expect(self.reason(&world, .deleteNetwork(id: made.network.id)) == "NETWORK_IN_USE")
        for _ in 0..<4 { _ = try self.done(&world, .createNetwork(clusterID: "us-ca-6", name: "ring")) }
        #expect(self.reason(&world, .createNetwork(clusterID: "us-ca-6", name: "ring")) == "NETWORK_MAX_LIMIT")
    }

    @Test("a prewarmed image is there within seconds, in its cluster")
    func prewarms() throws {
        var world = World()
        var request = PrewarmRequest()
        (request.imageURL, request.clusterID) = ("myteam/trainer:1.4", "us-ca-6")
        _ = try self.done(&world, .createPrewarm(request))
        world.pass(.seconds(120))
        guard case .prewarms(let tasks, 1) = try self.done(&world, .listPrewarms(PrewarmQuery())) else { return }
        #expect(tasks.map(\.task.state) == [.succeeded])
        let id = try world.create(World.request { $0.clusterID = "us-ca-6" })
        world.pass(.seconds(10))
        #expect(try world.status(id) == .running)
        for _ in 0..<4 { _ = try self.done(&world, .createPrewarm(request)) }
        #expect(self.reason(&world, .createPrewarm(request)) == "OPERATION_LIMIT")
    }

    @Test("a credential in use is not deleted, and a machine cannot name one that is not there")
    func credentials() throws {
        var world = World()
        _ = try self.done(&world, .saveCredential(name: "registry.example", username: "u", password: "p"))
        guard case .credentials(let credentials) = try self.done(&world, .listCredentials), let id = credentials.first?.id else { return }
        #expect(world.call(.createInstance(World.request { $0.imageAuthID = "none" })).error?.reason == "RESOURCE_NOT_FOUND")
        let machine = try world.create(World.request { $0.imageAuthID = id })
        #expect(self.reason(&world, .deleteCredential(id: id)) == "IMAGE_AUTH_IN_USE")
        #expect(world.call(.deleteInstance(id: machine)).error == nil)
        world.pass(.seconds(10))
        _ = try self.done(&world, .deleteCredential(id: id))
    }

    @Test("a CPU machine is made of a CPU product, without a number of GPUs")
    func cpu() throws {
        var world = World()
        guard case .cpuProducts(let offers)? = world.call(.listCPUProducts(ProductQuery())).reply else { return }
        #expect(offers.map(\.product.id) == ["cpu.8c16g"])
        #expect(world.simulator.listProducts(at: world.now).allSatisfy { !$0.product.isCPU })
        var request = CreateRequest(name: "c", productID: "cpu.8c16g", gpuCount: 0, imageURL: "i", kind: "cpu")
        request.rootfsSize = nil
        let id = try world.create(request)
        world.pass(.seconds(3600 + 36))
        #expect(try world.status(id) == .running)
        #expect(try world.bill().amount > 89_000)
        request.kind = "gpu"
        #expect(world.call(.createInstance(request)).error?.reason == "RESOURCE_NOT_FOUND")
    }
}
