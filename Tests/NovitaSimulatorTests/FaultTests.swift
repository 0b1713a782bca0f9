import NovitaSimulator
import Testing

@Suite("Faults") struct FaultTests {
    private static let create = Operation.createInstance(World.request())
    private static let refusal = APIError(status: 500, reason: "UNKNOWN", message: "unknown error")

    /// Arms the fault on create, calls it once, and tells what the caller saw and how many machines there are then.
    private static func strike(_ fault: Fault) throws -> (exchange: Exchange, machines: Int, world: World) {
        var world = World()
        world.simulator.arm(fault)
        let exchange = world.call(Self.create)
        return (exchange, try world.list().total, world)
    }

    @Test("delay: done at once, answered later")
    func delay() throws {
        let (exchange, machines, _) = try Self.strike(Fault(.delay, on: .createInstance, delay: .seconds(7)))
        #expect(exchange.createdID != nil && exchange.delay == .seconds(7) && machines == 1)
    }

    @Test("a dropped connection says nothing, whether the call was done before it or not")
    func drops() throws {
        let before = try Self.strike(Fault(.dropBefore, on: .createInstance))
        #expect(before.exchange.isClosed && before.machines == 0)
        let after = try Self.strike(Fault(.dropAfter, on: .createInstance))
        #expect(after.exchange.isClosed && after.machines == 1)
    }

    @Test("late: the reply is lost and the call is done at its time")
    func late() throws {
        var (exchange, machines, world) = try Self.strike(Fault(.late(by: .seconds(300)), on: .createInstance))
        #expect(exchange.isClosed && machines == 0)
        world.pass(.seconds(299))
        #expect(try world.list().total == 0)
        world.pass(.seconds(50))
        #expect(try world.list().total == 1)
        #expect(try world.bill().created == World.epoch + .seconds(300))
    }

    @Test("an error is answered, whether the call was done before it or not")
    func errors() throws {
        let before = try Self.strike(Fault(.statusBefore(Self.refusal), on: .createInstance))
        #expect(before.exchange.error == Self.refusal && before.machines == 0)
        let after = try Self.strike(Fault(.statusAfter(Self.refusal), on: .createInstance))
        #expect(after.exchange.error == Self.refusal && after.machines == 1)
    }

    @Test("the rate limit comes with and without Retry-After", arguments: [nil, 5])
    func rateLimit(retryAfter: Int?) throws {
        let (exchange, machines, _) = try Self.strike(Fault(.rateLimit(retryAfter: retryAfter), on: .createInstance))
        #expect(exchange.error?.status == 429 && exchange.error?.reason == "RATE_LIMIT_EXCEEDED")
        #expect(exchange.error?.retryAfter == retryAfter && machines == 0)
    }

    @Test("html: a gateway's page, nothing done")
    func html() throws {
        let (exchange, machines, _) = try Self.strike(Fault(.html(status: 502), on: .createInstance))
        guard case .gatewayPage(502) = exchange.outcome else { throw WrongCount(count: 0) }
        #expect(machines == 0)
    }

    @Test("a stale list shows the fleet as it was: new machines missing, gone ones still there, old words")
    func staleList() throws {
        var world = World()
        let gone = try world.createRunning(World.request("gone"))
        let stopped = try world.createRunning(World.request("stopped"))
        world.pass(.seconds(100))
        try world.simulator.deleteInstance(gone, at: world.now)
        try world.simulator.stopInstance(stopped, at: world.now)
        world.pass(.seconds(90))
        _ = try world.create(World.request("new"))
        world.simulator.arm(Fault(.staleList(lag: .seconds(120)), times: 1))

        let get = world.call(.getInstance(id: stopped))
        guard case .instance(let machine)? = get.reply else { throw WrongCount(count: 0) }
        #expect(machine.status == .exited)
        let page = try #require(world.call(.listInstances(InstanceQuery())).page)
        #expect(page.instances.map(\.name) == ["stopped", "gone"])
        #expect(page.instances.allSatisfy { $0.status == .running && $0.lastStoppedAt == nil })
        let truth = try #require(world.call(.listInstances(InstanceQuery())).page)
        #expect(truth.instances.map(\.name) == ["new", "stopped"])
    }

    @Test("a short page brings fewer than asked, the total stays", arguments: [(1, 0), (2, 1), (5, 2), (10, 5)])
    func shortPage(count: Int, shown: Int) throws {
        var world = World()
        for _ in 1...count { _ = try world.create() }
        world.simulator.arm(Fault(.shortPage))
        let page = try #require(world.call(.listInstances(InstanceQuery())).page)
        #expect(page.instances.count == shown && page.total == count)
    }

    @Test(
        "a fault meets the calls that it names, so often as it says",
        arguments: [
            (Fault(.dropBefore, method: "POST", path: "/gpu/instance/create"), [true, false, false]),
            (Fault(.dropBefore, path: "/gpu-instance/openapi/v1/gpu/instance/create", times: 2), [true, true, false]),
            (Fault(.dropBefore, times: nil), [true, true, true]),
            (Fault(.dropBefore, method: "GET", times: nil), [false, false, false]),
            (Fault(.dropBefore, path: "/gpu/instance", times: nil), [false, false, false]),
            (Fault(.dropBefore, times: 5, probability: 0), [false, false, false]),
        ])
    func matching(fault: Fault, struck: [Bool]) {
        var world = World()
        world.simulator.arm(fault)
        #expect(struck.map { _ in world.call(Self.create).isClosed } == struck)
    }

    @Test("a probable fault strikes about as often as it should")
    func probability() {
        var world = World()
        world.simulator.arm(Fault(.dropBefore, times: nil, probability: 0.25))
        let struck = (0..<4000).count { _ in world.call(.listClusters).isClosed }
        #expect((850...1150).contains(struck))
        #expect(world.simulator.armedFaults.first?.strikes == struck)
        world.simulator.clearFaults()
        #expect(!world.call(.listClusters).isClosed)
    }

    @Test("the log tells each call, what the caller saw, and the fault")
    func log() {
        var world = World()
        world.simulator.arm(Fault(.dropAfter, on: .createInstance))
        _ = world.simulator.call(Self.create, at: world.now, requestID: "r-1")
        _ = world.call(.startInstance(id: "nobody"))
        _ = world.call(.unreadable(method: "GET", path: "/nothing", error: APIError.named(by: 404)))
        let records = world.simulator.requests.records
        #expect(records.map(\.sequence) == [1, 2, 3])
        #expect(records.map(\.status) == [nil, 400, 404])
        #expect(records.map(\.fault) == ["drop_after", nil, nil])
        #expect(records.map(\.subject) == ["job-1", "nobody", ""])
        #expect(records[0].requestID == "r-1" && records[2].path == "/nothing")
        #expect(world.simulator.requests.count(of: .createInstance) == 1)
        #expect(world.simulator.requests.total == 3)
    }

    @Test("the log keeps the latest calls and counts all")
    func logLimit() {
        var world = World()
        let extra = 5
        for _ in 0..<RequestLog.recordsMax + extra { _ = world.call(.listClusters) }
        let records = world.simulator.requests.records
        #expect(records.count == RequestLog.recordsMax)
        #expect(records.first?.sequence == extra + 1)
        #expect(records.last?.sequence == RequestLog.recordsMax + extra)
    }
}
