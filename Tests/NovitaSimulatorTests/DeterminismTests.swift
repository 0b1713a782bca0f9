import NovitaSimulator
import Testing

@Suite("Repeatable runs") struct DeterminismTests {
    /// A random life under random faults, as text.
    private static func trace(seed: UInt64) -> [String] {
        var choices = SeededGenerator(seed: seed &+ 1000)
        var world = World(seed: seed) { $0.timings.stopping = .seconds(5) ... .seconds(15) }
        world.simulator.arm(Fault(.dropAfter, method: "POST", times: nil, probability: 0.2))
        world.simulator.arm(Fault(.late(by: .seconds(40)), on: .createInstance, times: nil, probability: 0.2))
        world.simulator.arm(Fault(.staleList(lag: .seconds(60)), times: nil, probability: 0.3))
        var trace: [String] = []
        for step in 0..<300 {
            world.pass(.milliseconds(Int64.random(in: 0...20_000, using: &choices)))
            let ids = (try? world.list(InstanceQuery(pageSize: 100)))?.instances.map(\.id) ?? []
            let id = ids.randomElement(using: &choices) ?? "none"
            let operation: Operation =
                switch Int.random(in: 0..<6, using: &choices) {
                case 0, 1: .createInstance(World.request("job-\(step)") { $0.billingMode = step % 2 == 0 ? "spot" : "onDemand" })
                case 2: .stopInstance(id: id)
                case 3: .startInstance(id: id)
                case 4: .deleteInstance(id: id)
                default: .listInstances(InstanceQuery(pageSize: 100))
                }
            if step % 17 == 0 { try? world.simulator.reclaimSpot(id, at: world.now) }
            trace.append("\(world.now.microseconds) \(Self.text(world.call(operation)))")
        }
        trace += world.simulator.ledger(at: world.now).map { "\($0.id) \($0.name) \($0.billedSeconds) \($0.amount)" }
        return trace
    }

    private static func text(_ exchange: Exchange) -> String {
        switch exchange.outcome {
        case .answered(.success(.instances(let page))):
            page.instances.map { "\($0.id)=\($0.status)/\($0.connection?.sshPassword ?? "-")" }.joined(separator: ",")
        case .answered(.success(let reply)): "\(reply)"
        case .answered(.failure(let error)): "\(error)"
        case .gatewayPage(let status): "page \(status)"
        case .connectionClosed: "closed"
        }
    }

    @Test("the same seed gives the same trace, another seed another", arguments: [1, 2, 77] as [UInt64])
    func sameTrace(seed: UInt64) {
        let trace = Self.trace(seed: seed)
        #expect(trace == Self.trace(seed: seed))
        #expect(trace != Self.trace(seed: seed + 1))
    }

    @Test("it does not matter in how many steps time passes", arguments: [1, 7, 1000] as [Int64])
    func stepSize(step: Int64) throws {
        func run(step: Int64) throws -> [LedgerEntry] {
            var world = World()
            for number in 1...20 { _ = try world.create(World.request("job-\(number)") { $0.imageURL = "image-\(number)" }) }
            world.simulator.arm(Fault(.late(by: .seconds(33)), on: .createInstance))
            _ = world.call(.createInstance(World.request("late")))
            let end = World.epoch + .seconds(5000)
            while world.now < end { world.pass(.seconds(step)) }
            world.now = max(end, world.now)
            return world.simulator.ledger(at: end)
        }
        #expect(try run(step: step).map(\.created) == run(step: 5000).map(\.created))
        if 5000 % step == 0 { #expect(try run(step: step) == run(step: 5000)) }
    }

    @Test("time does not go back")
    func monotonic() throws {
        var world = World()
        let id = try world.createRunning()
        #expect(try world.simulator.getInstance(id, at: World.epoch).status == .running)
        #expect(world.simulator.now == world.now)
    }

    @Test("ids are 16 lower-case hexadecimal digits and differ")
    func ids() throws {
        var world = World()
        let ids = try (0..<2000).map { _ in try world.create() }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.count == 16 && $0.allSatisfy { "0123456789abcdef".contains($0) } })
    }

    @Test("ten thousand machines and 100 pages of them are quick")
    func scale() throws {
        var world = World { $0.initialInstances = 10_000 }
        var seen = 0
        for page in 1...100 { seen += try world.list(InstanceQuery(pageSize: 100, pageNumber: page)).instances.count }
        #expect(seen == 10_000)
    }
}
