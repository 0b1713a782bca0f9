import NovitaSimulator
import Testing

@Suite("Lifecycle of a machine") struct LifecycleTests {
    @Test(
        "a created machine goes the way of the words",
        arguments: zip(
            [0, 1, 5, 6, 35, 36, 100_000],
            [InstanceStatus.toCreate, .creating, .creating, .pulling, .pulling, .running, .running]))
    func creation(seconds: Int, status: InstanceStatus) throws {
        var world = World()
        let id = try world.create()
        world.pass(.seconds(seconds))
        #expect(try world.status(id) == status)
    }

    @Test("stop, start, restart and delete go through their words, and the record goes at last")
    func wholeLife() throws {
        var world = World()
        let id = try world.createRunning()
        var seen: [String] = []
        func note(_ world: inout World) throws { seen.append(try world.status(id).rawValue) }

        try world.simulator.stopInstance(id, at: world.now)
        for wait in [0, 1, 9] {
            world.pass(.seconds(wait))
            try note(&world)
        }
        try world.simulator.startInstance(id, at: world.now)
        for wait in [0, 1, 10, 2] {
            world.pass(.seconds(wait))
            try note(&world)
        }
        try world.simulator.restartInstance(id, at: world.now)
        for wait in [0, 1, 8] {
            world.pass(.seconds(wait))
            try note(&world)
        }
        try world.simulator.deleteInstance(id, at: world.now)
        for wait in [0, 1, 3, 59] {
            world.pass(.seconds(wait))
            try note(&world)
        }
        world.pass(.seconds(1))

        #expect(
            seen == [
                "toStop", "stopping", "exited", "toStart", "starting", "pulling", "running", "toRestart", "restarting", "running",
                "toRemove", "removing", "removed", "removed",
            ])
        #expect(throws: APIError(status: 400, reason: "RESOURCE_NOT_FOUND", message: "instance not found")) { try world.get(id) }
        #expect(try world.list().total == 0)
    }

    enum Act: String, CaseIterable {
        case start, stop, restart

        func callAsFunction(_ id: String, _ world: inout World) throws {
            switch self {
            case .start: try world.simulator.startInstance(id, at: world.now)
            case .stop: try world.simulator.stopInstance(id, at: world.now)
            case .restart: try world.simulator.restartInstance(id, at: world.now)
            }
        }
    }

    @Test(
        "an act that does not fit the status is an invalid state change and changes nothing",
        arguments: [
            (InstanceStatus.toCreate, [Act.start, .stop, .restart]), (.pulling, [.start, .stop, .restart]), (.running, [.start]),
            (.stopping, [.start, .stop, .restart]), (.exited, [.stop, .restart]), (.removing, [.start, .stop, .restart]),
        ])
    func misfits(status: InstanceStatus, acts: [Act]) throws {
        var world = World()
        let id = try world.create()
        if status == .pulling { world.pass(.seconds(6)) }
        if [.running, .stopping, .exited, .removing].contains(status) { world.pass(.seconds(36)) }
        if [.stopping, .exited].contains(status) { try world.simulator.stopInstance(id, at: world.now) }
        if status == .removing { try world.simulator.deleteInstance(id, at: world.now) }
        if status == .stopping || status == .removing { world.pass(.seconds(1)) }
        if status == .exited { world.pass(.seconds(10)) }
        for act in acts {
            #expect(throws: APIError.invalidStateChange, "\(act) while \(status)") { try act(id, &world) }
        }
        #expect(try world.status(id) == status)
    }

    @Test("delete works in every status; a second one finds nothing", arguments: [0, 3, 20, 36])
    func delete(seconds: Int) throws {
        var world = World()
        let id = try world.create()
        world.pass(.seconds(seconds))
        try world.simulator.deleteInstance(id, at: world.now)
        world.pass(.seconds(2))
        #expect(throws: APIError(status: 400, reason: "RESOURCE_NOT_FOUND", message: "instance not found")) {
            try world.simulator.deleteInstance(id, at: world.now)
        }
        world.pass(.seconds(100))
        #expect(throws: APIError.self) { try world.get(id) }
    }

    @Test("ports and password are new at each start, and kept by a restart")
    func connections() throws {
        var world = World()
        let id = try world.createRunning()
        let first = try #require(try world.get(id).connection)
        #expect(Array(first.tcpPorts.keys) == [ExposedPort(number: 22, kind: .tcp)])
        try world.simulator.restartInstance(id, at: world.now)
        world.pass(.seconds(9))
        #expect(try world.get(id).connection == first)
        try world.simulator.stopInstance(id, at: world.now)
        world.pass(.seconds(10))
        #expect(try world.get(id).connection == nil)
        try world.simulator.startInstance(id, at: world.now)
        world.pass(.seconds(13))
        let second = try #require(try world.get(id).connection)
        #expect(second.sshPassword != first.sshPassword)
        #expect(second.sshPort != first.sshPort)
        #expect(second.tcpPorts != first.tcpPorts)
    }

    @Test("pulling takes as long as the image is large, each time the same", arguments: ["a:1", "b:2", "myteam/trainer:1.4", "x"])
    func pullingTime(image: String) throws {
        func pulling(seed: UInt64) throws -> Duration {
            var world = World(seed: seed) { $0.timings.pulling = .seconds(20) ... .seconds(120) }
            let id = try world.create(World.request { $0.imageURL = image })
            while try world.status(id) != .running { world.now = try #require(world.simulator.nextEvent) }
            return world.now - World.epoch - .seconds(6)
        }
        let duration = try pulling(seed: 1)
        #expect(duration >= .seconds(20) && duration <= .seconds(120))
        #expect(try pulling(seed: 2) == duration)
    }

    @Test("a monthly machine is prepaid, cannot be deleted before its end, and freezes at its end")
    func monthly() throws {
        var world = World()
        let id = try world.createRunning(
            World.request {
                $0.month = 1
                $0.gpuCount = 2
                $0.billingMode = "onDemand"
            })
        #expect(try world.get(id).billingMode == .monthly)
        #expect(throws: APIError.self) { try world.simulator.deleteInstance(id, at: world.now) }
        world.pass(.seconds(30 * 86_400 - 36))
        #expect(try world.status(id) == .freezing)
        world.pass(.seconds(60))
        #expect(try world.status(id) == .exited)
        #expect(throws: APIError.invalidStateChange) { try world.simulator.startInstance(id, at: world.now) }
        try world.simulator.deleteInstance(id, at: world.now)
        #expect(try world.bill().amount == 2 * 220_000_000)
    }

    @Test("a machine that fails while it is made keeps its status and its meter; one that runs exits")
    func failures() throws {
        var world = World()
        let stuck = try world.create()
        world.pass(.seconds(10))
        try world.simulator.failInstance(stuck, message: "image not found", at: world.now)
        world.pass(.seconds(1000))
        #expect(try world.status(stuck) == .pulling)
        #expect(try world.get(stuck).statusError?.message == "image not found")
        #expect(try world.bill().billedSeconds == 1004)

        let running = try world.createRunning()
        try world.simulator.failInstance(running, message: "node lost", at: world.now)
        #expect(try world.status(running) == .exited)
        #expect(world.simulator.ledger(at: world.now).last?.isMetered == false)
    }

    @Test("a machine that vanishes is unknown at once and costs nothing more")
    func vanishing() throws {
        var world = World()
        let id = try world.createRunning()
        try world.simulator.vanishInstance(id, at: world.now)
        #expect(throws: APIError.self) { try world.get(id) }
        #expect(try world.list().total == 0)
        #expect(try world.bill().released == world.now)
    }
}
