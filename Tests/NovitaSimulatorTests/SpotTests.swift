import NovitaSimulator
import Testing

@Suite("Spot") struct SpotTests {
    private static let spot = World.request { $0.billingMode = "spot" }

    @Test("a reclaim is announced an hour ahead, and not before the guaranteed hour is over", arguments: [(0, 3600), (7200, 3600)])
    func notice(after seconds: Int, lead: Int) throws {
        var world = World()
        let id = try world.createRunning(Self.spot)
        world.pass(.seconds(seconds))
        let planned = try world.simulator.notifySpot(id, at: world.now)
        #expect(planned == world.now + .seconds(lead))
        #expect(try world.get(id).spot == SpotState.notified(until: planned))
        world.now = planned - .seconds(1)
        #expect(try world.status(id) == .running)
        world.now = planned
        #expect(try world.status(id) == .toStop)
        #expect(try world.get(id).spot?.status == .reclaiming)
        world.pass(.seconds(10))
        #expect(try world.status(id) == .exited)
        #expect(try world.get(id).spot?.status == .terminated)
        #expect(try world.get(id).spot?.reclaimTime == planned)
    }

    @Test("a reclaim without notice takes the GPUs for good; a later start is a fresh spot run")
    func reclaim() throws {
        var world = World()
        world.simulator.setStock(1, productID: "4090.16c62g", clusterID: "us-ca-6", at: world.now)
        let id = try world.createRunning(Self.spot)
        try world.simulator.reclaimSpot(id, at: world.now)
        world.pass(.seconds(10))
        #expect(throws: APIError.insufficientResource) { try world.simulator.startInstance(id, at: world.now) }
        world.simulator.setStock(1, productID: "4090.16c62g", clusterID: "us-ca-6", at: world.now)
        try world.simulator.startInstance(id, at: world.now)
        #expect(try world.get(id).spot == SpotState.undisturbed)
    }

    @Test("a notified machine that its owner stops is not a reclaimed one")
    func stopAfterNotice() throws {
        var world = World()
        let id = try world.createRunning(Self.spot)
        try world.simulator.notifySpot(id, notice: .seconds(60), at: world.now)
        try world.simulator.stopInstance(id, at: world.now)
        world.pass(.seconds(3600))
        #expect(try world.status(id) == .exited)
        #expect(try world.get(id).spot == SpotState.undisturbed)
    }

    @Test("a second notice replaces the first")
    func secondNotice() throws {
        var world = World()
        let id = try world.createRunning(Self.spot)
        try world.simulator.notifySpot(id, notice: .seconds(60), at: world.now)
        try world.simulator.notifySpot(id, notice: .seconds(600), at: world.now)
        world.pass(.seconds(599))
        #expect(try world.status(id) == .running)
        world.pass(.seconds(1))
        #expect(try world.status(id) == .toStop)
    }

    @Test("only a running spot machine can be notified or reclaimed")
    func misfits() throws {
        var world = World()
        let onDemand = try world.createRunning()
        let making = try world.create(Self.spot)
        for id in [onDemand, making, "0000000000000000"] {
            #expect(throws: APIError.self) { try world.simulator.notifySpot(id, at: world.now) }
            #expect(throws: APIError.self) { try world.simulator.reclaimSpot(id, at: world.now) }
        }
    }
}
