import CurlClient
import Fleet
import NovitaSimulator
import NovitaSimulatorHTTP
import Testing

@testable import NovitaCloud

@Suite("Against the simulated provider")
struct SimulatorTests {
    private func created(_ outcome: CreateOutcome) throws -> UpstreamID {
        guard case .created(let id) = outcome else {
            Issue.record("\(outcome)")
            throw CancellationError()
        }
        return id
    }

    @Test("a machine's life, in every style that the provider may write", arguments: [false, true], [(400, false), (404, true)])
    func life(isDocumented: Bool, variant: (notFoundStatus: Int, isZeroBased: Bool)) async throws {
        var style = WireStyle()
        style.usesDocumentedNumbers = isDocumented
        style.writesTotalAsString = isDocumented
        style.hasEmptyBodies = isDocumented
        try await World.run(
            {
                $0.notFoundStatus = variant.notFoundStatus
                $0.hasZeroBasedPages = variant.isZeroBased
            }, style: style
        ) { world in
            let catalogue = try await world.cloud.catalogue(call: world.call)
            let product = try #require(catalogue.products.first { $0.id == "4090.16c62g" })
            #expect(product.onDemandPrice == MicroUSD(micros: 350_000))
            #expect(product.clusterIDs.contains("us-ca-6"))

            let id = try self.created(await world.cloud.create(.simulated, call: world.call))
            world.advance(300)
            let machine = try #require(try await world.cloud.machine(id, call: world.call))
            #expect(machine.token == MachineOrder.token)
            #expect(machine.status == "running")
            #expect(machine.productID == "4090.16c62g")
            #expect(machine.clusterID == "us-ca-6")
            #expect(machine.endpoints.map(\.port) == [8080, 22])
            let listing = try await world.cloud.machines(status: "running", call: world.call)
            #expect(listing.machines.map(\.token) == [MachineOrder.token])
            #expect(try await world.cloud.machines(status: "exited", call: world.call).machines.isEmpty)

            try await world.cloud.stop(id, call: world.call)
            world.advance(60)
            #expect(try await world.cloud.machine(id, call: world.call)?.status == "exited")
            let again = await #expect(throws: CloudError.self) { try await world.cloud.stop(id, call: world.call) }
            #expect(again?.code == .invalidState)
            try await world.cloud.start(id, call: world.call)
            world.advance(60)
            try await world.cloud.restart(id, call: world.call)
            world.advance(60)
            #expect(try await world.cloud.machine(id, call: world.call)?.status == "running")

            try await world.cloud.delete(id, call: world.call)
            world.advance(10)
            #expect(try await world.cloud.machine(id, call: world.call) == nil)
            world.advance(120)
            #expect(try await world.cloud.machine(id, call: world.call) == nil)
            try await world.cloud.delete(id, call: world.call)
            #expect(try await world.cloud.machines(status: nil, call: world.call).machines.isEmpty)
            #expect(try await world.cloud.balance(call: world.call) > .zero)
            #expect(world.machineCount == 1)
            #expect(world.requests.allSatisfy { $0.requestID == "request-1" })
        }
    }

    enum Outcome { case refused, unclear }

    @Test(
        "whatever happens to a create, it is called once and told apart",
        arguments: [
            (.dropBefore, .unclear, 0), (.dropAfter, .unclear, 1), (.html(status: 502), .unclear, 0), (.html(status: 404), .unclear, 0),
            (.statusBefore(APIError(status: 500, reason: "UNKNOWN", message: "x")), .unclear, 0),
            (.statusAfter(APIError(status: 500, reason: "UNKNOWN", message: "x")), .unclear, 1),
            (.statusBefore(APIError(status: 400, reason: "INSUFFICIENT_RESOURCE", message: "x")), .refused, 0),
            (.rateLimit(retryAfter: 3), .refused, 0), (.rateLimit(retryAfter: nil), .refused, 0), (.late(by: .seconds(60)), .unclear, 1),
        ] as [(Fault.Effect, Outcome, Int)])
    func create(_ effect: Fault.Effect, outcome: Outcome, machines: Int) async throws {
        try await World.run { world in
            // Connections are open already, so that a resend by the client would be possible.
            _ = try await world.cloud.balance(call: world.call)
            world.arm(Fault(effect, method: "POST", path: "/gpu/instance/create"))
            switch (await world.cloud.create(.simulated, call: world.call), outcome) {
            case (.refused, .refused), (.unclear, .unclear): break
            case (let other, _): Issue.record("\(other)")
            }
            world.advance(120)
            #expect(world.machineCount == machines)
            #expect(world.requests.count { $0.path.hasSuffix("/gpu/instance/create") } == 1)
        }
    }

    @Test("a create that is answered too late is unclear, and the machine is found by its token")
    func slowCreate() async throws {
        try await World.run({ _ in }, { $0.requestTimeout = .milliseconds(1500) }) { world in
            world.arm(Fault(.delay, method: "POST", path: "/gpu/instance/create", delay: .seconds(30)))
            guard case .unclear(let error) = await world.cloud.create(.simulated, call: world.call) else {
                Issue.record("not unclear")
                return
            }
            #expect(error.code == .transport)
            let listing = try await world.cloud.machines(status: nil, call: world.call)
            #expect(listing.machines.map(\.token) == [MachineOrder.token])
        }
    }

    @Test(
        "reads outlast what goes wrong",
        arguments: [.dropBefore, .dropAfter, .html(status: 503), .rateLimit(retryAfter: 2)] as [Fault.Effect])
    func reads(_ effect: Fault.Effect) async throws {
        try await World.run({ $0.initialInstances = 3 }) { world in
            world.arm(Fault(effect, times: 2))
            let listing = try await world.cloud.machines(status: nil, call: world.call)
            #expect(listing.machines.count == 3)
            #expect(listing.machines.allSatisfy { $0.token == nil })
        }
    }

    @Test("a large fleet is listed whole, also when a page comes short", arguments: [false, true])
    func largeFleet(isZeroBased: Bool) async throws {
        try await World.run({
            $0.initialInstances = 431
            $0.hasZeroBasedPages = isZeroBased
        }) { world in
            for _ in 0..<2 {
                let listing = try await world.cloud.machines(status: nil, call: world.call)
                #expect(Set(listing.machines.map(\.id)).count == 431)
            }
            world.arm(Fault(.shortPage))
            let listing = try await world.cloud.machines(status: nil, call: world.call)
            #expect(Set(listing.machines.map(\.id)).count == 431)
        }
    }

    @Test("a page that is lost each time makes a listing short, but never a search by name")
    func lostPage() async throws {
        try await World.run { world in
            let id = try self.created(await world.cloud.create(.simulated, call: world.call))
            let prefix = OwnershipToken.prefix(of: MachineOrder.token.instance, in: MachineOrder.token.deployment)
            #expect(try await world.cloud.machines(named: prefix, call: world.call).machines.map(\.id) == [id])
            #expect(try await world.cloud.machines(named: "nobody's", call: world.call).machines.isEmpty)
            world.arm(Fault(.shortPage, times: 2))
            #expect(try await world.cloud.machines(named: prefix, call: world.call).machines.map(\.id) == [id], "found by a second pass")
            world.arm(Fault(.shortPage, times: nil))
            #expect(try await world.cloud.machines(status: nil, call: world.call).machines.isEmpty, "what the search is for")
            let error = await #expect(throws: CloudError.self) { try await world.cloud.machines(named: prefix, call: world.call) }
            #expect(error?.code == .malformedReply)
        }
    }

    @Test("a wrong key is refused, and no machine comes of it")
    func wrongKey() async throws {
        try await World.run(key: "sk_wrong") { world in
            guard case .refused(let error) = await world.cloud.create(.simulated, call: world.call) else {
                Issue.record("not refused")
                return
            }
            #expect(error.code == .unauthorized)
            #expect(world.machineCount == 0)
        }
    }

    @Test("no capacity is a refusal that another offer may do without")
    func capacity() async throws {
        try await World.run { world in
            world.simulator.withSimulator { simulator, now in _ = simulator.setStock(0, isSpot: true, at: now) }
            guard case .refused(let error) = await world.cloud.create(.simulated, call: world.call) else {
                Issue.record("not refused")
                return
            }
            #expect(error.code == .capacity)
        }
    }
}
