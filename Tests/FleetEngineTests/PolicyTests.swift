import Fleet
import NovitaSimulator
import SQLiteStore
import Synchronization
import Testing

@testable import FleetSimulation

@Suite("Policies at work")
struct PolicyRunnerTests {
    private static func play(_ policies: InstancePolicies, _ script: @escaping @Sendable (Universe, Instance) async throws -> Void) throws {
        try Universe.play { universe in try await script(universe, try await universe.ready(1, policies: policies)) }
    }

    @Test("An idle machine is warned of, stopped with its cause, and not deleted; started again, its clock is fresh")
    func idle() throws {
        try Self.play(InstancePolicies(idleStop: .seconds(1200))) { universe, instance in
            await universe.sleep(.seconds(960))
            #expect(try await universe.instance(instance.id)?.stateMessage.contains("stop because of IDLE") == true)
            await universe.sleep(.seconds(400))
            let stopped = try #require(try await universe.instance(instance.id))
            #expect(stopped.state == .stopped && stopped.stateReason == .policy && stopped.desiredState == .stopped)
            let entry = try await universe.running().store.inner.audit(AuditQuery(limit: 1)).first?.entry
            #expect(entry?.action == "StopMachine" && entry?.cause == "IDLE")
            #expect(try await universe.end(of: universe.change(.start, instance.id).job).state == .succeeded)
            await universe.sleep(.seconds(900))
            #expect(try await universe.instance(instance.id)?.state == .running)
            #expect(universe.count(of: .deleteInstance(id: "")) == 0)
        }
    }

    @Test("A machine that the provider's metrics show busy is not idle; once they show it idle it is, and it is not stopped without them")
    func busy() throws {
        let policies = InstancePolicies(idleStop: .seconds(1200), idlePercent: 10, maxLifetime: .seconds(20_000))
        try Self.play(policies) { universe, instance in
            let machine = try #require(instance.upstream?.id.rawValue)
            await universe.sleep(.seconds(4000))
            let busy = try #require(try await universe.instance(instance.id))
            #expect(busy.state == .running && busy.busyAt != nil && busy.touchedAt == nil)
            #expect(universe.count(of: .getMetrics(MetricQuery(id: ""))) < 12, "they are read when something depends on them")
            universe.provider.withSimulator { simulator, now in try? simulator.setLoad(MachineLoad(gpu: 3), of: machine, at: now) }
            universe.arm(ProviderFault(.html(status: 502), on: .getMetrics, times: nil))
            await universe.sleep(.seconds(4000))
            #expect(try await universe.instance(instance.id)?.state == .running, "nobody knows whether it is idle")
            universe.provider.withSimulator { simulator, _ in simulator.clearFaults() }
            await universe.sleep(.seconds(900))
            let stopped = try #require(try await universe.instance(instance.id))
            #expect(stopped.state == .stopped && stopped.stateReason == .policy)
        }
    }

    @Test("What its metrics do not prove idle is ended by its other policies all the same")
    func unproven() throws {
        try Self.play(InstancePolicies(idleStop: .seconds(600), idlePercent: 10, maxLifetime: .seconds(7200))) { universe, instance in
            universe.arm(ProviderFault(.html(status: 502), on: .getMetrics, times: nil))
            await universe.sleep(.seconds(6600))
            let before = try await universe.instance(instance.id)
            await universe.sleep(.seconds(900))
            let after = try await universe.instance(instance.id)
            #expect(before?.state == .running && after?.state == .deleted)
            let told = universe.trace.all.filter { $0.contains("unknown: ") && $0.contains("use of") }
            #expect(told.count == 1, "said once, not with each reading")
        }
    }

    @Test("What is touched runs on, also over a restart of the server")
    func touched() throws {
        try Self.play(InstancePolicies(idleStop: .seconds(600))) { universe, instance in
            for round in 0..<12 {
                await universe.running().view.touches.note(instance.id, at: universe.clock.now)
                await universe.sleep(.seconds(300))
                if round % 4 == 3 { universe.crash() }
            }
            let state = try await universe.instance(instance.id)?.state
            #expect(state == .running)
        }
    }

    private static let lives: [(InstancePolicies, served: Int, down: Int, kills: Bool)] = [
        (InstancePolicies(lease: .seconds(10_800)), 1800, 300, true), (InstancePolicies(lease: .seconds(10_800)), 1800, 300, false),
        (InstancePolicies(idleStop: .seconds(10_800)), 1200, 1, true), (InstancePolicies(idleStop: .seconds(10_800)), 3000, 7200, false),
    ]

    @Test("A lease lapses, and what is idle is stopped, in the time that servers were there, however often they start", arguments: lives)
    func restarts(_ policies: InstancePolicies, _ served: Int, _ down: Int, _ kills: Bool) throws {
        try Self.play(policies) { universe, instance in
            let sign = universe.clock.now
            try await universe.running().mutations.touch(instance.id, at: sign)
            var (away, restarts) = (Duration.zero, 0)
            while try await universe.instance(instance.id)?.state == .running, restarts < 20 {
                await universe.sleep(.seconds(served))
                guard try await universe.instance(instance.id)?.state == .running else { break }
                if !kills { await universe.endServer() }
                universe.crash(downFor: .seconds(down))
                (away, restarts) = (away + .seconds(down), restarts + 1)
                await universe.sleep(.seconds(down))
            }
            let entry = try await universe.running().store.inner.audit(AuditQuery(limit: 1)).first?.entry
            let stopped = try #require(entry.flatMap { $0.action == "StopMachine" ? $0.at : nil }, "never stopped: \(restarts) restarts")
            let due = sign + .seconds(10_800) + away
            // Of each restart a minute of signs and one of presence may not have been written down; then there is a look, and the provider.
            let late = stopped - due
            #expect(late >= .zero && late <= .seconds(180) * restarts + .seconds(60), "\(late.components.seconds) s late")
            #expect(restarts > 1)
        }
    }

    @Test("Who has said that a machine is in use is not forgotten, though the server dies at once, and is heard again before it is stopped")
    func signThenCrash() throws {
        try Self.play(InstancePolicies(lease: .seconds(3600))) { universe, instance in
            await universe.sleep(.seconds(3200))
            let sign = universe.clock.now
            try await universe.running().mutations.touch(instance.id, at: sign)
            universe.crash(downFor: .seconds(7200))
            await universe.sleep(.seconds(7200 + 3500))
            let state = try await universe.instance(instance.id)?.state
            #expect(state == .running)
            await universe.sleep(.seconds(400))
            #expect(try await universe.instance(instance.id)?.state == .stopped)
        }
    }

    @Test("Time by a clock that is in doubt is no time with a server, and is not written down")
    func doubtfulTime() throws {
        try Self.play(InstancePolicies(lease: .seconds(3600))) { universe, instance in
            await universe.sleep(.seconds(1000))
            universe.provider.clockSkew.withLock { $0 = .seconds(-3600) }
            await universe.sleep(.seconds(7200))
            universe.provider.clockSkew.withLock { $0 = .zero }
            await universe.sleep(.seconds(2200))
            let state = try await universe.instance(instance.id)?.state
            #expect(state == .running)
            await universe.sleep(.seconds(700))
            #expect(try await universe.instance(instance.id)?.state == .stopped)
        }
    }

    @Test("A sign of use that comes during a sweep is written down with it")
    func touchedInSweep() throws {
        try Self.play(InstancePolicies(idleStop: .seconds(600))) { universe, instance in
            for _ in 0..<10 {
                await universe.sleep(.seconds(61))
                let sign = universe.clock.now
                async let sweep = universe.running().reconcile(isDryRun: false)
                await universe.running().view.touches.note(instance.id, at: sign)
                _ = try await sweep
                await universe.sleep(.seconds(15))
                #expect(try await universe.instance(instance.id)?.touchedAt == sign)
            }
        }
    }

    @Test("A lease that lapses stops the machine, and deletes it after as long again")
    func lease() throws {
        try Self.play(InstancePolicies(lease: .seconds(900))) { universe, instance in
            await universe.sleep(.seconds(1000))
            let state = try await universe.instance(instance.id)?.state
            #expect(state == .stopped)
            await universe.sleep(.seconds(1000))
            #expect(try await universe.instance(instance.id)?.state == .deleted)
            #expect(universe.ledger.allSatisfy { $0.released != nil })
        }
    }

    @Test("A clock that the provider does not confirm ends nothing; when it does, what is due is done")
    func doubtfulClock() throws {
        try Self.play(InstancePolicies(maxLifetime: .seconds(900))) { universe, instance in
            universe.provider.clockSkew.withLock { $0 = .seconds(-3600) }
            await universe.sleep(.seconds(2000))
            let state = try await universe.instance(instance.id)?.state
            #expect(state == .running)
            let doubt = await universe.running().monitor.report.clockDoubt
            #expect(doubt?.contains("3600 s ahead") == true)
            universe.provider.clockSkew.withLock { $0 = .seconds(2) }
            await universe.sleep(.seconds(120))
            #expect(try await universe.instance(instance.id)?.state == .deleted)
        }
    }

    @Test("While the clock is in doubt no machine is asked for, since its call would bear the wrong time; after that it is")
    func doubtfulCreate() throws {
        try Universe.play { universe in
            universe.provider.clockSkew.withLock { $0 = .seconds(900) }
            let reply = try await universe.create(1, .small)
            await universe.sleep(.seconds(600))
            #expect(universe.ledger.isEmpty)
            universe.provider.clockSkew.withLock { $0 = .seconds(1) }
            #expect(try await universe.end(of: reply.job).state == .succeeded && universe.ledger.count == 1)
        }
    }

    @Test("What became due while no server ran is warned of, and done five minutes later")
    func downOverIt() throws {
        try Self.play(InstancePolicies(maxLifetime: .seconds(3600))) { universe, instance in
            universe.crash(downFor: .seconds(7200))
            let begin = universe.clock.now
            await universe.sleep(.seconds(7200 + 200))
            let warned = try #require(try await universe.instance(instance.id))
            #expect(warned.state == .running && warned.stateMessage.contains("delete because of LIFETIME"))
            await universe.sleep(.seconds(300))
            let deleted = try #require(try await universe.instance(instance.id))
            #expect(deleted.state == .deleted)
            let askedAt = try #require(deleted.deleteAskedAt)
            #expect(askedAt >= begin + .seconds(7200 + 300))
        }
    }

    @Test("A freeze holds what is due, and it is done once the fleet may go on")
    func frozen() throws {
        try Self.play(InstancePolicies(maxLifetime: .seconds(900))) { universe, instance in
            let governor = await universe.running().governor
            func caller(_ word: String) -> FleetGovernor.Caller {
                FleetGovernor.Caller(
                    actor: "op", request: RequestKey(tenant: .default, method: "SetFreeze", requestID: word), payloadDigest: [1])
            }
            _ = try await governor.setFreeze(true, reason: "r", by: caller("on"))
            await universe.sleep(.seconds(1500))
            #expect(try await universe.instance(instance.id)?.state == .running)
            _ = try await governor.setFreeze(false, reason: "r", by: caller("off"))
            await universe.sleep(.seconds(120))
            #expect(try await universe.instance(instance.id)?.state == .deleted)
        }
    }

    @Test("A machine is stopped in the evening and started in the morning, each after it was said, over a restart of the server")
    func overNight() throws {
        let begin = Timestamp(seconds: 1_800_000_000)
        let policies = InstancePolicies(stopAt: begin + .seconds(3600), startAt: begin + .seconds(36_000))
        try Self.play(policies) { universe, instance in
            await universe.clock.sleep(until: begin + .seconds(4000))
            let stopped = try #require(try await universe.instance(instance.id))
            #expect(stopped.state == .stopped && stopped.nextAction?.kind == .start && stopped.nextAction?.at == begin + .seconds(36_000))
            universe.crash(downFor: .seconds(600))
            await universe.clock.sleep(until: begin + .seconds(35_900))
            let warned = try #require(try await universe.instance(instance.id))
            #expect(warned.state == .stopped && warned.stateMessage.contains("start because of SCHEDULE"))
            await universe.clock.sleep(until: begin + .seconds(36_200))
            let started = try #require(try await universe.instance(instance.id))
            #expect(started.state == .running && started.desiredState == .running && started.stateReason == .policy)
            #expect(universe.count(of: .startInstance(id: "")) == 1)
            let entries = try await universe.running().store.inner.audit(AuditQuery(limit: 10)).map(\.entry)
            #expect(entries.filter { $0.cause == "SCHEDULE" }.map(\.action) == ["StartMachine", "StopMachine"])
            await universe.sleep(.seconds(7200))
            #expect(universe.count(of: .startInstance(id: "")) == 1 && universe.count(of: .stopInstance(id: "")) == 1)
        }
    }
}
