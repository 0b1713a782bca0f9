import NovitaSimulator
import Testing

@Suite("Bill and stock") struct BillTests {
    @Test("billing runs from pulling until the machine has stopped, by the second, times the GPUs")
    func arithmetic() throws {
        var world = World()
        let id = try world.createRunning(World.request { $0.gpuCount = 3 })
        world.pass(.seconds(1000) + .milliseconds(1))
        try world.simulator.stopInstance(id, at: world.now)
        world.pass(.seconds(5000))
        // 30 s pulling, 1000.001 s running, 10 s stopping: the second that has begun counts.
        let entry = try world.bill()
        #expect(entry.billedSeconds == 1041)
        // 0.35 USD × 3 × 1041 s / 3600 s = 0.303625 USD.
        #expect(entry.amount == 303_625)
        #expect(entry.released == nil)

        try world.simulator.startInstance(id, at: world.now)
        world.pass(.seconds(100))
        // 13 s after the start it runs; the pulling before it took 2 s and counts.
        #expect(try world.bill().billedSeconds == 1041 + 89)

        try world.simulator.deleteInstance(id, at: world.now)
        world.pass(.seconds(500))
        let last = try world.bill()
        #expect(last.billedSeconds == 1041 + 89 + 4)
        #expect(last.released.map { $0 - last.created } == .seconds(36 + 1000 + 5000 + 100 + 4) + .milliseconds(1))
        #expect(!last.isMetered)
    }

    @Test("the price is the mode's and stays what it was at creation", arguments: [("onDemand", 350_000), ("spot", 180_000)])
    func price(mode: String, microUSDPerHour: Int64) throws {
        var world = World()
        _ = try world.create(World.request { $0.billingMode = mode })
        try world.simulator.setPrice(ofProduct: "4090.16c62g", price: 999_999, spotPrice: 888_888)
        world.pass(.seconds(6 + 3600))
        #expect(try world.bill().amount == microUSDPerHour)
    }

    @Test("a machine deleted before pulling was never billed")
    func unbilled() throws {
        var world = World()
        let id = try world.create()
        world.pass(.seconds(2))
        try world.simulator.deleteInstance(id, at: world.now)
        world.pass(.seconds(1000))
        #expect(world.simulator.ledger(at: world.now).isEmpty)
        let entry = try world.bill()
        #expect(entry.amount == 0 && !entry.wasBilled && entry.released != nil)
    }

    @Test("the balance falls with the bill, and an empty account creates nothing")
    func balance() throws {
        var world = World { $0.initialBalance = 350_000 }
        _ = try world.create()
        world.pass(.seconds(6 + 1800))
        guard case .balance(let half)? = world.call(.getBalance).reply else { throw WrongCount(count: 0) }
        #expect(half.available == 175_000 && half.outstanding == 0)
        world.pass(.seconds(3600))
        #expect(throws: APIError(status: 400, reason: "BALANCE_NOT_ENOUGH", message: "balance not enough")) { try world.create() }
    }

    @Test("stock is one pool for each cluster, product and kind, and comes back when a machine stops")
    func stock() throws {
        var world = World()
        world.simulator.setStock(0, at: world.now)
        world.simulator.setStock(2, productID: "4090.16c62g", clusterID: "as-sgp-2", isSpot: false, at: world.now)
        #expect(throws: APIError.insufficientResource) { try world.create(World.request { $0.clusterID = "us-ca-6" }) }
        #expect(throws: APIError.insufficientResource) { try world.create(World.request { $0.billingMode = "spot" }) }
        #expect(throws: APIError.insufficientResource) { try world.create(World.request { $0.gpuCount = 3 }) }
        // No cluster named: the first that has enough.
        let id = try world.createRunning(World.request { $0.gpuCount = 2 })
        #expect(try world.get(id).cluster.id == "as-sgp-2")
        #expect(throws: APIError.insufficientResource) { try world.create() }

        try world.simulator.stopInstance(id, at: world.now)
        world.pass(.seconds(10))
        let other = try world.create()
        #expect(throws: APIError.insufficientResource) { try world.simulator.startInstance(id, at: world.now) }
        #expect(try world.status(id) == .exited)
        try world.simulator.deleteInstance(other, at: world.now)
        world.pass(.seconds(4))
        try world.simulator.startInstance(id, at: world.now)
        try world.simulator.deleteInstance(id, at: world.now)
        world.pass(.seconds(4))
        #expect(world.simulator.freeStock.reduce(0) { $0 + $1.free } == 2)
    }

    @Test("products show stock as a word", arguments: [(0, "none", false), (3, "low", true), (30, "normal", true), (300, "high", true)])
    func inventory(free: Int, word: String, deployable: Bool) throws {
        var world = World()
        world.simulator.setStock(0, at: world.now)
        world.simulator.setStock(free, productID: "4090.16c62g", clusterID: "eu-de-1", at: world.now)
        let offer = try #require(world.simulator.listProducts(at: world.now).first { $0.product.id == "4090.16c62g" })
        #expect(offer.inventory.rawValue == word)
        #expect(offer.isDeployable == deployable)
        #expect(offer.regions == ["US-CA-06 (California)", "AS-SGP-02 (Singapore)", "EU-DE-01 (Germany)"])
    }

    struct Filter: Sendable {
        var ids: [String]
        var change: @Sendable (inout ProductQuery) -> Void

        init(_ ids: [String], _ change: @escaping @Sendable (inout ProductQuery) -> Void) {
            self.ids = ids
            self.change = change
        }
    }

    @Test(
        "products are filtered",
        arguments: [
            Filter(["4090.16c62g", "3090.8c30g", "5090.16c96g.v2", "L40S.20c100g", "H100-80GB.26c230g"]) { $0.billingMethod = .spot },
            Filter(["3090.8c30g", "5090.16c96g.v2"]) { $0.clusterID = "cn-hongkong-1" },
            Filter(["4090.16c62g"]) { $0.productName = "rtx 40" },
            Filter(["A100-80GB.14c240g", "H100-80GB.26c230g"]) { $0.minMemoryPerGPU = 101 },
            Filter(["A100-80GB.14c240g", "H100-80GB.26c230g"]) { $0.minRootFSSize = 2000 },
        ])
    func products(_ filter: Filter) {
        var world = World()
        var query = ProductQuery()
        filter.change(&query)
        #expect(world.simulator.listProducts(query, at: world.now).map(\.product.id) == filter.ids)
    }
}
