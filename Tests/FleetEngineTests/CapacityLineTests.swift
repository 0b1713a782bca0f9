import Fleet
import NovitaSimulator
import SQLiteStore
import Testing

@testable import FleetSimulation

@Suite("Creates that wait for capacity")
struct CapacityLineTests {
    private static func spec(_ universe: Universe, for duration: Duration = .seconds(7200)) -> InstanceSpec {
        var spec = InstanceSpec.small
        spec.waitForCapacityUntil = universe.clock.now + duration
        return spec
    }

    private static func stock(_ free: Int, _ universe: Universe) {
        universe.provider.withSimulator { simulator, now in
            simulator.setStock(0, at: now)
            simulator.setStock(free, productID: "4090.16c62g", clusterID: "us-ca-6", at: now)
        }
    }

    private static func asked(_ universe: Universe) -> Int { universe.count(of: .createInstance(CreateRequest())) }

    private static func names(_ universe: Universe) -> [InstanceID] {
        universe.ledger.sorted { $0.created < $1.created }.compactMap { OwnershipToken($0.name)?.instance }
    }

    @Test("While there is no room nothing is asked and nobody works on it; once there is, it is asked within a round, with a fresh clock")
    func waits() throws {
        try Universe.play { universe in
            Self.stock(0, universe)
            let reply = try await universe.create(1, Self.spec(universe))
            #expect(reply.instance.stateReason == .noCapacity && reply.instance.placement != nil)
            // Longer than INSTANCE_STARTUP_TIMEOUT.
            await universe.sleep(.seconds(3000))
            let server = await universe.running()
            #expect(universe.ledger.isEmpty && Self.asked(universe) == 0 && server.monitor.report.runningSteps == 0)
            let waiting = try #require(try await universe.instance(reply.instance.id))
            #expect(waiting.state == .pending && waiting.stateReason == .noCapacity && waiting.revision == reply.instance.revision)
            Self.stock(1, universe)
            await universe.sleep(.seconds(75))
            #expect(universe.ledger.count == 1)
            #expect(try await universe.end(of: reply.job).state == .succeeded)
        }
    }

    @Test("At its deadline it fails for NO_CAPACITY, and nothing was billed")
    func deadline() throws {
        try Universe.play { universe in
            Self.stock(0, universe)
            let reply = try await universe.create(1, Self.spec(universe, for: .seconds(605)))
            await universe.sleep(.seconds(600))
            #expect(try await universe.instance(reply.instance.id)?.state == .pending)
            await universe.sleep(.seconds(10))
            let job = try await universe.end(of: reply.job)
            #expect(job.state == .failed && job.errorReason == "NO_CAPACITY")
            #expect(try await universe.instance(reply.instance.id)?.stateReason == .noCapacity)
            Self.stock(9, universe)
            await universe.sleep(.seconds(300))
            #expect(universe.ledger.isEmpty)
        }
    }

    @Test("A server that has come up ends no wait by its own clock before the provider has answered once")
    func unknownTime() throws {
        try Universe.play { universe in
            Self.stock(0, universe)
            let reply = try await universe.create(1, Self.spec(universe, for: .seconds(605)))
            universe.crash(downFor: .seconds(30))
            for endpoint in Endpoint.allCases { universe.arm(ProviderFault(.dropBefore, on: endpoint, times: nil)) }
            await universe.sleep(.seconds(1200))
            let server = await universe.running()
            #expect(try await universe.instance(reply.instance.id)?.state == .pending && server.monitor.report.lastUpstreamSuccessAt == nil)
            universe.provider.withSimulator { simulator, _ in simulator.clearFaults() }
            let job = try await universe.end(of: reply.job)
            #expect(job.state == .failed && job.errorReason == "NO_CAPACITY" && universe.ledger.isEmpty)
        }
    }

    @Test("Who has waited longest has the first machine, whoever comes when room returns; a restart keeps the order")
    func order() throws {
        try Universe.play { universe in
            Self.stock(0, universe)
            var replies: [Mutations.Reply] = []
            for number in 1...3 {
                replies.append(try await universe.create(number, Self.spec(universe)))
                await universe.sleep(.seconds(5))
            }
            await universe.sleep(.seconds(200))
            universe.crash(downFor: .seconds(30))
            Self.stock(1, universe)
            _ = await universe.running()
            replies.append(try await universe.create(4, Self.spec(universe)))
            var expected: [InstanceID] = []
            for reply in replies {
                #expect(try await universe.end(of: reply.job).state == .succeeded)
                expected.append(reply.instance.id)
                #expect(Self.names(universe) == expected)
                _ = try await universe.change(.delete, reply.instance.id)
            }
        }
    }

    @Test("When room for all returns they are all asked within the round, one a second, and none is made twice")
    func crowd() throws {
        let settings = FleetSettings(ceilings: Ceilings(maxInstances: 40, maxHourlySpend: .dollars(100)), maxConcurrentJobs: 4)
        try Universe.play(settings: settings) { universe in
            Self.stock(0, universe)
            var replies: [Mutations.Reply] = []
            for number in 0..<30 {
                replies.append(try await universe.create(number, Self.spec(universe)))
                await universe.sleep(.milliseconds(1))
            }
            await universe.sleep(.seconds(300))
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(100, at: now) }
            await universe.sleep(.seconds(125))
            #expect(universe.ledger.count == 30 && Self.names(universe) == replies.map(\.instance.id))
            for reply in replies { #expect(try await universe.end(of: reply.job).state == .succeeded) }
            #expect(universe.ledger.count == 30 && Self.asked(universe) == 30)
        }
    }

    @Test("A place that refuses although it is said to have room is asked by one of those who wait, not by all of them")
    func refusing() throws {
        try Universe.play { universe in
            Self.stock(0, universe)
            var replies: [Mutations.Reply] = []
            for number in 0..<5 { replies.append(try await universe.create(number, Self.spec(universe))) }
            Self.stock(100, universe)
            universe.arm(
                ProviderFault(
                    .statusBefore(ProviderError(status: 400, reason: "INSUFFICIENT_RESOURCE", message: "insufficient resource")),
                    on: .createInstance, times: nil))
            await universe.sleep(.seconds(1200))
            // Three places; a refusal rests for a minute, and the next look may come up to a minute after that.
            #expect(universe.ledger.isEmpty && (10...66).contains(Self.asked(universe)))
            universe.provider.withSimulator { simulator, _ in simulator.clearFaults() }
            for reply in replies { #expect(try await universe.end(of: reply.job).state == .succeeded) }
            #expect(universe.ledger.count == 5)
        }
    }

    @Test("A freeze keeps it in line, and the ceilings hold for a dearer offer")
    func held() throws {
        let settings = FleetSettings(ceilings: Ceilings(maxInstances: 5, maxHourlySpend: MicroUSD(micros: 360_000)))
        try Universe.play(settings: settings) { universe in
            Self.stock(0, universe)
            let reply = try await universe.create(1, Self.spec(universe))
            let server = await universe.running()
            func caller(_ id: String) -> FleetGovernor.Caller {
                FleetGovernor.Caller(
                    actor: "a", request: RequestKey(tenant: .default, method: "SetFreeze", requestID: id), payloadDigest: [1])
            }
            _ = try await server.governor.setFreeze(true, reason: "looking", by: caller("on"))
            Self.stock(5, universe)
            await universe.sleep(.seconds(600))
            #expect(Self.asked(universe) == 0)
            try universe.provider.withSimulator { simulator, _ in
                try simulator.setPrice(ofProduct: "4090.16c62g", price: 40_000, spotPrice: nil)
            }
            _ = try await server.governor.setFreeze(false, reason: "seen", by: caller("off"))
            await universe.sleep(.seconds(300))
            #expect(Self.asked(universe) == 0)
            try universe.provider.withSimulator { simulator, _ in
                try simulator.setPrice(ofProduct: "4090.16c62g", price: 36_000, spotPrice: nil)
            }
            #expect(try await universe.end(of: reply.job).state == .succeeded)
            #expect(universe.ledger.count == 1)
        }
    }
}
