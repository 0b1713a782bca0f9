import Fleet
import NovitaSimulator
import SQLiteStore
import Testing

@testable import FleetSimulation

@Suite("Moves that fail without a job of ours")
struct StuckMigrationEngineTests {
    /// Enough for the patience, a look, and another machine to come up.
    private static let enough: Duration = .seconds(1800)

    private static func play(
        _ settings: FleetSettings = FleetSettings(), policies: InstancePolicies = InstancePolicies(),
        _ script: @escaping @Sendable (Universe, Instance) async throws -> Void
    ) throws {
        try Universe.play(settings: settings) { universe in
            try await script(universe, try await universe.ready(1, policies: policies))
        }
    }

    @Test("A move asked for in the provider's console that fails: another machine is made, and the first goes once that runs")
    func console() throws {
        try Self.play { universe, instance in
            await universe.moveByConsole([instance], fails: true)
            await universe.sleep(StuckMigration.patience - .seconds(60))
            let waiting = try await universe.instance(instance.id)
            #expect(waiting?.state == .migrating && waiting?.recoveries == nil)
            #expect(universe.count(of: .listJobs(JobQuery())) == 0, "nobody asks while it may go well")
            await universe.sleep(Self.enough)
            let relinked = try #require(try await universe.instance(instance.id))
            #expect(relinked.state == .running && relinked.upstream?.id != instance.upstream?.id && relinked.recoveries?.count == 1)
            let machines = universe.ledger
            #expect(machines.count == 2 && machines.filter { $0.released == nil }.map(\.id) == [relinked.upstream?.id.rawValue])
            let entries = try await universe.running().store.inner.audit(AuditQuery(limit: 20)).map(\.entry)
            #expect(entries.contains { $0.action == "RecoverMachine" && $0.cause == "MIGRATION_FAILED" })
            // Nothing hangs any more, so nobody asks.
            let asked = universe.count(of: .listJobs(JobQuery()))
            await universe.sleep(Self.enough)
            #expect(universe.count(of: .listJobs(JobQuery())) == asked)
        }
    }

    @Test("A move that a job of ours gave up before it failed is found too")
    func givenUp() throws {
        var provider = SimulatorConfiguration()
        provider.timings.migrating = .seconds(1500)
        var spot = InstanceSpec.small
        spot.billingMode = .spot
        let (spec, settings) = (spot, FleetSettings(startupTimeout: .seconds(600)))
        try Universe.play(settings: settings, provider: provider) { universe in
            let instance = try await universe.ready(1, spec)
            universe.provider.withSimulator { simulator, now in
                simulator.arm(Mishap(.failedMigration))
                try? simulator.reclaimSpot(instance.upstream?.id.rawValue ?? "", at: now)
            }
            await universe.sleep(.seconds(1200))
            let hanging = try #require(try await universe.instance(instance.id))
            #expect(hanging.state == .migrating && hanging.stateMessage == "not moved in time" && hanging.recoveries?.count == 1)
            await universe.sleep(.seconds(2400))
            let relinked = try #require(try await universe.instance(instance.id))
            #expect(relinked.state == .running && relinked.upstream?.id != instance.upstream?.id && relinked.recoveries?.count == 2)
            #expect(universe.ledger.filter { $0.released == nil }.map(\.id) == [relinked.upstream?.id.rawValue])
        }
    }

    @Test("A move that goes well, however long it takes, is left alone")
    func slow() throws {
        var provider = SimulatorConfiguration()
        provider.timings.migrating = .seconds(1800)
        try Universe.play(provider: provider) { universe in
            let instance = try await universe.ready()
            await universe.moveByConsole([instance], fails: false)
            await universe.sleep(.seconds(2400))
            let moved = try #require(try await universe.instance(instance.id))
            #expect(moved.upstream?.id == instance.upstream?.id && moved.recoveries == nil && moved.state == .running)
            let asked = universe.count(of: .listJobs(JobQuery()))
            #expect(asked > 0 && asked <= 15, "once in two minutes")
            #expect(universe.ledger.count == 1)
        }
    }

    @Test("Many machines are asked about by one reading of the jobs")
    func many() throws {
        try Universe.play { universe in
            var instances: [Instance] = []
            for number in 1...3 { instances.append(try await universe.ready(number)) }
            await universe.moveByConsole(instances, fails: true)
            await universe.sleep(StuckMigration.patience + .seconds(300))
            let now = try await universe.instances(instances.map(\.id))
            #expect(now.allSatisfy { $0.recoveries?.count == 1 })
            #expect((1...3).contains(universe.count(of: .listJobs(JobQuery()))), "not one for each machine")
            await universe.sleep(Self.enough)
            let owned = try await universe.instances(instances.map(\.id)).compactMap { $0.upstream?.id.rawValue }
            #expect(Set(universe.ledger.filter { $0.released == nil }.map(\.id)) == Set(owned) && owned.count == 3)
        }
    }

    enum Case: CaseIterable {
        case dryRun, disabled, none, protected, stopped, frozen
    }

    @Test("What may not be recovered stays as it is, and is shown", arguments: Case.allCases)
    func kept(_ what: Case) throws {
        let settings =
            switch what {
            case .dryRun: FleetSettings(isRecoveryDryRun: true)
            case .disabled: FleetSettings(spotRecovery: nil)
            case .none, .protected, .stopped, .frozen: FleetSettings()
            }
        try Self.play(settings, policies: InstancePolicies(spotRecovery: what == .none ? SpotRecovery.none : nil)) { universe, instance in
            if what == .stopped { _ = try await universe.end(of: universe.change(.stop, instance.id).job) }
            if what == .protected { try await universe.protect(instance.id) }
            await universe.moveByConsole([instance], fails: true)
            if what == .frozen { try await universe.freeze() }
            await universe.sleep(Self.enough)
            let kept = try #require(try await universe.instance(instance.id))
            #expect(kept.state == .migrating && kept.upstream?.id == instance.upstream?.id && kept.recoveries == nil)
            #expect(universe.ledger.count == 1)
            let said = universe.trace.all.contains { $0.contains("would recover") }
            #expect(said == (what == .dryRun))
            #expect(universe.trace.all.contains { $0.contains("held") } == (what == .frozen))
        }
    }

    @Test("Where there is no room it is tried five times in a day, further and further apart, and the machine is kept")
    func budget() throws {
        try Self.play { universe, instance in
            await universe.moveByConsole([instance], fails: true)
            // The move has failed, and given back what it had taken.
            await universe.sleep(.seconds(200))
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(0, at: now) }
            await universe.sleep(.seconds(6 * 3600))
            let kept = try #require(try await universe.instance(instance.id))
            #expect(kept.state == .migrating && kept.recoveries?.count == RecoveryBudget.attemptsMax && kept.replacement == nil)
            #expect(universe.ledger.count == 1 && kept.desiredState == .running)
        }
    }
}

extension Universe {
    /// Past us: stopped, and moved once it is down.
    fileprivate func moveByConsole(_ instances: [Instance], fails: Bool) async {
        let ids = instances.compactMap { $0.upstream?.id.rawValue }
        self.provider.withSimulator { simulator, now in
            if fails { for id in ids { simulator.arm(Mishap(.failedMigration, machineID: id)) } }
            for id in ids { _ = simulator.call(.stopInstance(id: id), at: now, requestID: "console") }
        }
        await self.sleep(.seconds(120))
        self.provider.withSimulator { simulator, now in
            for id in ids { _ = simulator.call(.migrateInstance(id: id), at: now, requestID: "console") }
        }
    }

    fileprivate func protect(_ id: InstanceID) async throws {
        var update = InstanceUpdate()
        update.deletionProtection = true
        let request = RequestKey(tenant: .default, method: "UpdateInstance", requestID: "protect")
        _ = try await self.running().mutations.update(update, of: id, request: request, payloadDigest: [1], actor: "ann")
    }

    fileprivate func freeze() async throws {
        let caller = FleetGovernor.Caller(
            actor: "op", request: RequestKey(tenant: .default, method: "SetFreeze", requestID: "on"), payloadDigest: [1])
        _ = try await self.running().governor.setFreeze(true, reason: "looking", by: caller)
    }

    fileprivate func instances(_ ids: [InstanceID]) async throws -> [Instance] {
        var found: [Instance] = []
        for id in ids { if let instance = try await self.instance(id) { found.append(instance) } }
        return found
    }
}
