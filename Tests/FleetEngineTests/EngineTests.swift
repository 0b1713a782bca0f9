import Fleet
import FleetEngine
import NovitaSimulator
import SQLiteStore
import Synchronization
import Testing

@testable import FleetSimulation

@Suite("Engine")
struct EngineTests {
    @Test("200 creates at once are all asked for within the call budget, and none waits for another's boot")
    func burst() throws {
        var provider = SimulatorConfiguration()
        provider.timings.pulling = .seconds(400) ... .seconds(400)
        let settings = FleetSettings(
            ceilings: Ceilings(maxInstances: 200, maxHourlySpend: .dollars(1000)), maxConcurrentJobs: 10, startupTimeout: .seconds(3600))
        try Universe.play(settings: settings, provider: provider) { universe in
            let begunAt = universe.clock.now
            var replies: [Mutations.Reply] = []
            for number in 0..<200 { replies.append(try await universe.create(number)) }
            while universe.ledger.count < 200, universe.clock.now < begunAt + .seconds(600) { await universe.sleep(.seconds(1)) }
            let asked = universe.clock.now - begunAt
            #expect(universe.ledger.count == 200)
            #expect(asked < .seconds(300), "200 creates took \(asked)")
            #expect(universe.ledger.allSatisfy { $0.released == nil })
            for (first, last) in zip(universe.provider.callTimes, universe.provider.callTimes.dropFirst(112)) {
                #expect(last - first >= .seconds(60), "more than 111 calls in a minute")
            }
            for reply in replies { #expect(try await universe.end(of: reply.job).state == .succeeded) }
            #expect(universe.ledger.count == 200)
            #expect(universe.count(of: .createInstance(CreateRequest())) == 200)
        }
    }

    @Test("Beyond MAX_INSTANCES and MAX_HOURLY_SPEND a create is refused with the ceiling and what is in use")
    func ceilings() throws {
        let settings = FleetSettings(ceilings: Ceilings(maxInstances: 2, maxHourlySpend: MicroUSD(micros: 900_000)))
        try Universe.play(settings: settings) { universe in
            for number in 0..<2 { _ = try await universe.create(number) }
            let machines = await #expect(throws: FleetError.self) { try await universe.create(2) }
            #expect(machines?.code == .ceilingReached)
            #expect(machines?.ceiling == CeilingReached(ceiling: .instances, limit: 2, inUse: 2, requested: 1))
        }
        let spend = FleetSettings(ceilings: Ceilings(maxInstances: 9, maxHourlySpend: MicroUSD(micros: 900_000)))
        try Universe.play(settings: spend) { universe in
            for number in 0..<2 { _ = try await universe.create(number) }
            let money = await #expect(throws: FleetError.self) { try await universe.create(2) }
            #expect(money?.ceiling == CeilingReached(ceiling: .hourlySpend, limit: 900_000, inUse: 700_000, requested: 350_000))
        }
    }

    @Test("The balance is read at the start and every hour; a reading that fails is made again in a minute and changes nothing")
    func balance() throws {
        try Universe.play { universe in
            let monitor = await universe.running().monitor
            await universe.sleep(.seconds(60))
            let first = try #require(monitor.report.funds)
            #expect(first.balance == .dollars(100_000))
            universe.arm(ProviderFault(.html(status: 502), on: .getBalance, times: 3))
            await universe.sleep(.seconds(3600))
            #expect(monitor.report.funds == first && monitor.report.lastBalanceError != nil)
            await universe.sleep(.seconds(240))
            #expect(monitor.report.lastBalanceError == nil)
            #expect((monitor.report.funds?.readAt).map { $0 > first.readAt } == true)
            #expect(universe.count(of: .getBalance) == 5)
        }
    }

    @Test("A page that the provider loses for longer than the settle window is no proof that a create brought nothing")
    func lostPage() throws {
        try Universe.play { universe in
            universe.arm(ProviderFault(.dropAfter, on: .createInstance))
            universe.arm(ProviderFault(.shortPage, on: .listInstances, times: nil))
            let reply = try await universe.create(1)
            await universe.sleep(FleetSettings().settleWindow + .seconds(600))
            #expect(universe.ledger.count == 1)
            universe.provider.withSimulator { simulator, _ in simulator.clearFaults() }
            #expect(try await universe.end(of: reply.job).state == .succeeded)
            #expect(universe.ledger.count == 1)
        }
    }

    @Test("A search that the provider does not count proves only after an hour that a create brought nothing; what it shows is taken")
    func uncounted() throws {
        try Universe.play { universe in
            universe.provider.statesTotals.withLock { $0 = false }
            universe.arm(ProviderFault(.dropBefore, on: .createInstance))
            let reply = try await universe.create(1)
            await universe.sleep(FleetSettings().settleWindow + .seconds(900))
            #expect(universe.count(of: .createInstance(CreateRequest())) == 1)
            #expect(await universe.running().view.job(reply.job.id)?.step.isSettling == true)
            #expect(try await universe.end(of: reply.job).state == .failed, "the start has taken too long by now")
            let settled = universe.clock.now - reply.job.createdAt
            #expect(settled > FleetSettings().settleWindow * 6 && settled < FleetSettings().settleWindow * 7)
            #expect(universe.ledger.isEmpty)
        }
        try Universe.play { universe in
            universe.provider.statesTotals.withLock { $0 = false }
            universe.arm(ProviderFault(.dropAfter, on: .createInstance))
            let reply = try await universe.create(1)
            #expect(try await universe.end(of: reply.job).state == .succeeded && universe.ledger.count == 1)
        }
    }

    @Test("A request id that comes again answers with the same objects; with another payload it is refused")
    func repeats() throws {
        try Universe.play { universe in
            let first = try await universe.create(1)
            let again = try await universe.create(1)
            #expect(again.isRepeat && again.instance.id == first.instance.id && again.job.id == first.job.id)
            let planner = Planner(
                catalogue: universe.provider.catalogue(at: universe.clock.now), cooldowns: Cooldowns(), defaultRegion: nil)
            let other = await #expect(throws: FleetError.self) {
                try await universe.running().mutations.create(
                    Admission.NewInstance(tenant: .default, name: "other", spec: .small), planner: planner,
                    request: RequestKey(tenant: .default, method: "create", requestID: "1"), payloadDigest: [2])
            }
            #expect(other?.code == .requestIDReused)
            _ = try await universe.end(of: first.job)
            #expect(universe.ledger.count == 1)
        }
    }

    @Test("A machine that does not come up in time is deleted, and the instance ends as FAILED with the reason", arguments: [true, false])
    func startupTimeout(saysWhy: Bool) throws {
        try Universe.play { universe in
            let reply = try await universe.create(1)
            while universe.ledger.isEmpty { await universe.sleep(.seconds(1)) }
            try universe.provider.withSimulator { simulator, now in
                try simulator.failInstance(universe.firstMachine(&simulator, now), message: saysWhy ? "no such image" : nil, at: now)
            }
            let begunAt = universe.clock.now
            let job = try await universe.end(of: reply.job)
            #expect(job.state == .failed)
            #expect(job.errorReason == (saysWhy ? "PROVIDER_ERROR" : "STARTUP_TIMEOUT"))
            #expect(saysWhy == (universe.clock.now - begunAt < .seconds(60)))
            await universe.sleep(.seconds(60))
            let instance = try await universe.instance(reply.instance.id)
            #expect(instance?.state == .failed)
            #expect(instance?.stateReason == (saysWhy ? .providerError : .startupTimeout))
            #expect(universe.ledger.allSatisfy { $0.released != nil })
        }
    }

    @Test("A refusal for want of capacity goes to the next offer; when none is left the create fails and nothing is left behind")
    func capacity() throws {
        try Universe.play { universe in
            universe.arm(ProviderFault(.statusBefore(.insufficientResource), on: .createInstance, times: 2))
            let reply = try await universe.create(1)
            #expect(try await universe.end(of: reply.job).state == .succeeded)
            #expect(universe.count(of: .createInstance(CreateRequest())) == 3)
            universe.arm(ProviderFault(.statusBefore(.insufficientResource), on: .createInstance, times: nil))
            await universe.sleep(.seconds(120))
            let second = try await universe.create(2)
            let job = try await universe.end(of: second.job)
            #expect(job.state == .failed && job.errorReason == "NO_CAPACITY")
            #expect(job.attempts.count == 3, "one refusal of each place")
            #expect(try await universe.instance(second.instance.id)?.state == .failed)
            #expect(universe.ledger.count == 1)
        }
    }

    @Test("A failed start deletes nothing: the instance is stopped as before")
    func failedStart() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            #expect(try await universe.end(of: universe.change(.stop, instance.id).job).state == .succeeded)
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(0, at: now) }
            let job = try await universe.end(of: universe.change(.start, instance.id).job)
            #expect(job.state == .failed && job.errorReason == "NO_CAPACITY")
            let after = try await universe.instance(instance.id)
            #expect(after?.state == .stopped && after?.desiredState == .stopped && after?.stateReason == .noCapacity)
            #expect(universe.ledger.allSatisfy { $0.released == nil })
        }
    }

    @Test("A delete goes on until the provider shows that the machine is gone")
    func stubbornDelete() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            universe.arm(ProviderFault(.statusBefore(.named(by: 503)), on: .deleteInstance, times: 25))
            let job = try await universe.end(of: universe.change(.delete, instance.id).job)
            #expect(job.state == .succeeded)
            #expect(job.attemptCount == 25)
            #expect(try await universe.instance(instance.id)?.state == .deleted)
            #expect(universe.ledger.allSatisfy { $0.released != nil })
        }
    }

    @Test("A server that comes up after a crash goes on at once: nobody holds a lease on its file any more")
    func recovery() throws {
        try Universe.play { universe in
            universe.arm(ProviderFault(.dropAfter, on: .createInstance, times: 1, delay: .seconds(20)))
            let reply = try await universe.create(1)
            while universe.ledger.isEmpty { await universe.sleep(.milliseconds(10)) }
            let begunAt = universe.clock.now
            universe.crash()
            let job = try await universe.end(of: reply.job)
            #expect(job.state == .succeeded && universe.ledger.count == 1)
            let adopted = try #require(
                try await universe.running().store.inner.events(after: .zero, limit: 100).first { event in
                    if case .instance(let instance) = event.object { instance.upstream != nil } else { false }
                })
            guard case .instance(let instance) = adopted.object else { return }
            #expect(instance.updatedAt - begunAt < .seconds(10), "found at the first look")
        }
    }

    @Test("A provider that does not answer keeps no server from ending: only steps of jobs are waited for")
    func shutdownBesideSilence() throws {
        try Universe.play { universe in
            universe.arm(ProviderFault(.delay, on: .listInstances, times: nil, delay: .seconds(250)))
            universe.arm(ProviderFault(.delay, on: .getBalance, times: nil, delay: .seconds(100)))
            let server = await universe.running()
            await universe.sleep(.seconds(5))
            try #require(universe.count(of: .getBalance) > 0 && universe.count(of: .listInstances(InstanceQuery())) > 0)
            let toldAt = universe.clock.now
            server.beginGracefulShutdown()
            while !server.hasEnded { await universe.sleep(.milliseconds(10)) }
            #expect(universe.clock.now - toldAt < .seconds(1))
        }
    }

    @Test("The job of a worker that is dead, or hangs, runs elsewhere after two missed beats")
    func deadWorker() throws {
        try Universe.play { universe in
            let job = try await universe.create(1).job
            await universe.sleep(.seconds(1))
            let (store, dead) = (try #require(universe.server).store.inner, LeaseToken(rawValue: "dead"))
            let now = universe.clock.now
            let leased = try await store.lease(
                LeaseRequest(token: dead, now: now + .seconds(60), expiresAt: now + EngineLimits.leaseDuration, limit: 8))
            #expect(leased.jobs.map(\.id) == [job.id])
            await universe.sleep(EngineLimits.heartbeatInterval * 3)
            #expect(try await store.renew([job.id], token: dead, until: universe.clock.now + .seconds(1)) == [job.id])
            #expect(try await universe.end(of: job).state == .succeeded)
        }
    }

    @Test("A server that shuts down gives its leases back: the next one goes on at once")
    func shutdown() throws {
        try Universe.play { universe in
            let reply = try await universe.create(1)
            while universe.count(of: .createInstance(CreateRequest())) == 0 { await universe.sleep(.milliseconds(10)) }
            let first = await universe.running()
            first.beginGracefulShutdown()
            while !first.hasEnded { await universe.sleep(.milliseconds(10)) }
            let job = try await first.store.inner.job(reply.job.id)
            #expect(job?.step == .boot, "the answer was awaited and written down")
            let leased = try await first.store.inner.lease(
                LeaseRequest(
                    token: LeaseToken(rawValue: "next"), now: universe.clock.now + .seconds(10),
                    expiresAt: universe.clock.now + .seconds(40),
                    limit: 9))
            #expect(leased.jobs.map(\.id) == [reply.job.id])
        }
    }
}

extension Universe {
    /// The provider's id of the machine that was made first.
    func firstMachine(_ simulator: inout NovitaSimulator, _ now: SimulatorTime) -> String {
        simulator.ledger(at: now, includingUnbilled: true).first?.id ?? ""
    }
}
