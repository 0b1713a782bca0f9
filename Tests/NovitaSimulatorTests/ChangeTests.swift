import NovitaSimulator
import Testing

@Suite("Changes of a machine")
struct ChangeTests {
    @Test("an edit opens ports at once and keeps the numbers of those that stay; the disk only grows")
    func edit() throws {
        var world = World()
        let id = try world.createRunning()
        let before = try #require(try world.get(id).connection)
        let ports = [ExposedPort(number: 22, kind: .tcp), ExposedPort(number: 6006, kind: .tcp)]
        #expect(world.call(.editInstance(EditRequest(id: id, ports: ports, expandRootDisk: 40))).error == nil)
        let machine = try world.get(id)
        #expect(machine.status == .running && machine.ports == ports && machine.request.rootfsSize == 100)
        let after = try #require(machine.connection)
        #expect(after.sshPassword == before.sshPassword && after.tcpPorts[ports[0]] == before.tcpPorts[ports[0]])
        #expect(after.tcpPorts[ports[1]] != nil && Set(after.tcpPorts.values).count == 2)
        #expect(world.call(.editInstance(EditRequest(id: id, ports: [], expandRootDisk: -1))).error?.reason == "VALIDATOR_PARAM")
        #expect(world.call(.editInstance(EditRequest(id: id, ports: [], expandRootDisk: 9000))).error?.reason == "VALIDATOR_PARAM")
    }

    @Test("an upgrade makes the container anew on the same GPUs, and what is not given is cleared")
    func upgrade() throws {
        var world = World()
        let id = try world.createRunning(World.request { $0.command = "old" })
        let stock = world.simulator.freeStock.first?.free
        #expect(world.call(.upgradeInstance(UpgradeRequest(id: id, imageURL: "team/image:2"))).error == nil)
        #expect(try world.status(id) == .toReset)
        world.pass(.seconds(2))
        #expect(try world.status(id) == .resetting)
        #expect(world.call(.upgradeInstance(UpgradeRequest(id: id, imageURL: "i"))).error == .invalidStateChange)
        world.pass(.seconds(60))
        let machine = try world.get(id)
        #expect(machine.status == .running && machine.request.imageURL == "team/image:2" && machine.request.command.isEmpty)
        #expect(world.simulator.freeStock.first?.free == stock)
    }

    @Test("a stopped machine is moved by a job, and runs where there was room")
    func migrate() throws {
        var world = World()
        let id = try world.createRunning(World.request { $0.clusterID = "us-ca-6" })
        #expect(world.call(.migrateInstance(id: id)).error == .invalidStateChange)
        #expect(world.call(.stopInstance(id: id)).error == nil)
        world.pass(.seconds(20))
        world.simulator.setStock(0, at: world.now)
        #expect(world.call(.migrateInstance(id: id)).error?.reason == "MIGRATE_INSUFFICIENT_RESOURCE")
        world.simulator.setStock(4, clusterID: "eu-de-1", at: world.now)
        #expect(world.call(.migrateInstance(id: id)).error == nil)
        #expect(try world.status(id) == .migrating)
        #expect(try world.get(id).jobs.map(\.kind) == [.instanceMigrate])
        world.pass(.seconds(300))
        let machine = try world.get(id)
        #expect(machine.status == .running && machine.cluster.id == "eu-de-1" && machine.jobs.isEmpty)
        #expect(try Self.jobs(&world).map(\.state) == [.success])
    }

    @Test("a migration that fails leaves the machine migrating, and gives its GPUs back")
    func failedMigration() throws {
        var world = World()
        let id = try world.createRunning(World.request { $0.clusterID = "us-ca-6" })
        #expect(world.call(.stopInstance(id: id)).error == nil)
        world.pass(.seconds(20))
        let stock = world.simulator.freeStock.first?.free
        world.simulator.arm(Mishap(.failedMigration))
        #expect(world.call(.migrateInstance(id: id)).error == nil)
        world.pass(.seconds(3600))
        #expect(try world.status(id) == .migrating)
        #expect(try Self.jobs(&world).map(\.state) == [.fail])
        #expect(world.simulator.freeStock.first?.free == stock)
        #expect(world.call(.deleteInstance(id: id)).error == nil)
    }

    @Test("an image is saved by a job that can be broken off", arguments: [false, true])
    func saveImage(_ isBroken: Bool) throws {
        var world = World()
        let id = try world.createRunning()
        guard case .job(let job)? = world.call(.saveImage(SaveImageRequest(id: id, image: "team/saved:1"))).reply else {
            Issue.record("no job")
            return
        }
        #expect(try world.get(id).jobs.map(\.id) == [job])
        world.pass(.seconds(10))
        if isBroken { #expect(world.call(.breakJob(id: job)).error == nil) }
        world.pass(.seconds(200))
        #expect(try Self.jobs(&world).map(\.state) == [isBroken ? .broken : .success])
        #expect(try world.status(id) == .running)
        #expect(world.call(.breakJob(id: job)).error == .invalidStateChange)
    }

    @Test("a machine paid by the month costs nothing by the second, cannot be deleted, and ends or is renewed", arguments: [false, true])
    func monthly(_ isRenewed: Bool) throws {
        var world = World()
        let id = try world.createRunning()
        world.pass(.seconds(3600))
        #expect(world.call(.changeTerms(.makeMonthly(id: id, months: 1))).error == nil)
        let before = try world.bill()
        #expect(before.prepaid == 220_000_000 && before.billedSeconds == 3630)
        #expect(world.call(.deleteInstance(id: id)).error?.reason == "PREPAID_INSTANCE_NOT_SUPPORT_RELEASE")
        if isRenewed { #expect(world.call(.changeTerms(.autoRenew(ids: [id], months: 2))).error == nil) }
        world.pass(.seconds(30 * 86_400 + 120))
        #expect(try world.status(id) == (isRenewed ? .running : .exited))
        let bill = try world.bill()
        #expect(bill.billedSeconds == 3630 && bill.prepaid == (isRenewed ? 660_000_000 : 220_000_000))
    }

    @Test("metrics lag a minute behind, follow the load, and are empty for a machine that does not run")
    func metrics() throws {
        var world = World()
        let id = try world.createRunning()
        world.pass(.seconds(600))
        try world.simulator.setLoad(MachineLoad(gpu: 0), of: id, at: world.now)
        world.pass(.seconds(600))
        let start = world.now.unixSeconds - 1200
        guard case .metrics(let series)? = world.call(.getMetrics(MetricQuery(id: id, startTime: start, interval: 30))).reply else {
            Issue.record("no metrics")
            return
        }
        #expect(series.samples.last?.time == world.now.unixSeconds - 60)
        #expect(series.samples.first?.load.gpu == 60 && series.samples.last?.load.gpu == 0)
        #expect(zip(series.samples, series.samples.dropFirst()).allSatisfy { $1.time - $0.time == 30 })
        #expect(world.call(.stopInstance(id: id)).error == nil)
        world.pass(.seconds(60))
        guard case .metrics(let stopped)? = world.call(.getMetrics(MetricQuery(id: id))).reply else { return }
        #expect(stopped.samples.isEmpty)
    }

    private static func jobs(_ world: inout World) throws -> [ProviderJob] {
        guard case .jobs(let jobs, _)? = world.call(.listJobs(JobQuery())).reply else { return [] }
        return jobs
    }
}

@Suite("Mishaps")
struct MishapTests {
    @Test("a stuck pull stays, costs, and can be deleted")
    func stuckPull() throws {
        var world = World()
        world.simulator.arm(Mishap(.stuckPull))
        let id = try world.create()
        world.pass(.seconds(7200))
        #expect(try world.status(id) == .pulling)
        #expect(try world.get(id).statusError == nil)
        #expect(try world.bill().billedSeconds > 7000)
        #expect(world.call(.deleteInstance(id: id)).error == nil)
        world.pass(.seconds(10))
        #expect(try world.bill().released != nil)
    }

    @Test("a failed creation stays with an error in its record")
    func failedCreation() throws {
        var world = World()
        world.simulator.arm(Mishap(.failedCreation))
        let id = try world.create()
        world.pass(.seconds(600))
        let machine = try world.get(id)
        #expect(machine.status == .creating && machine.statusError?.state == "failed")
    }

    @Test("a start is refused for capacity although there is stock; the machine stays as it was")
    func startRefused() throws {
        var world = World()
        let id = try world.createRunning()
        #expect(world.call(.stopInstance(id: id)).error == nil)
        world.pass(.seconds(20))
        world.simulator.arm(Mishap(.startRefused, machineID: id))
        #expect(world.call(.startInstance(id: id)).error == .insufficientResource)
        #expect(try world.status(id) == .exited)
        #expect(world.call(.startInstance(id: id)).error == nil)
    }

    @Test("a forgotten delete brings the machine back, billing on; the second call ends it")
    func forgottenDelete() throws {
        var world = World()
        let id = try world.createRunning()
        world.simulator.arm(Mishap(.forgottenDelete))
        #expect(world.call(.deleteInstance(id: id)).error == nil)
        world.pass(.seconds(10))
        #expect(try world.status(id) == .running)
        #expect(try world.bill().isMetered)
        #expect(world.call(.deleteInstance(id: id)).error == nil)
        world.pass(.seconds(10))
        #expect(try world.bill().released != nil)
    }
}
