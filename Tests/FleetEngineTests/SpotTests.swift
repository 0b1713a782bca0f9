import Fleet
import NovitaSimulator
import SQLiteStore
import Testing

@testable import FleetSimulation

@Suite("Machines that the provider takes back")
struct SpotTests {
    private static let spot: InstanceSpec = {
        var spec = InstanceSpec.small
        spec.billingMode = .spot
        return spec
    }()

    private static func play(
        _ recovery: SpotRecovery?, _ settings: FleetSettings = FleetSettings(),
        _ script: @escaping @Sendable (Universe, Instance) async throws -> Void
    ) throws {
        try Universe.play(settings: settings) { universe in
            try await script(universe, try await universe.ready(1, Self.spot, policies: InstancePolicies(spotRecovery: recovery)))
        }
    }

    @Test("A notice is a change of the instance, and by itself no reason to do anything to it")
    func notice() throws {
        try Self.play(.migrate) { universe, instance in
            universe.notify(instance, .seconds(3600))
            await universe.sleep(.seconds(120))
            let noticed = try #require(try await universe.instance(instance.id))
            #expect(noticed.state == .running && noticed.spot?.isNotice == true && noticed.revision > instance.revision)
            #expect(universe.count(of: .migrateInstance(id: "")) == 0)
        }
    }

    @Test("With a replacement another machine runs before the first one goes, and the record names it")
    func makeBeforeBreak() throws {
        try Self.play(.replace) { universe, instance in
            universe.notify(instance, .seconds(3600))
            await universe.sleep(.seconds(900))
            let replaced = try #require(try await universe.instance(instance.id))
            #expect(replaced.state == .running && replaced.upstream?.id != instance.upstream?.id && replaced.replacement == nil)
            #expect(replaced.spot?.reclaimAt == nil)
            let machines = universe.ledger
            #expect(machines.count == 2 && machines.count { $0.released == nil } == 1)
            #expect(machines.first { $0.released == nil }?.id == replaced.upstream?.id.rawValue)
            // The first one went long before the provider would have taken it.
            await universe.sleep(.seconds(3600))
            #expect(universe.ledger.count == 2)
            #expect(try await universe.end(of: universe.change(.delete, instance.id).job).state == .succeeded)
            #expect(universe.ledger.allSatisfy { $0.released != nil })
        }
    }

    @Test("What was taken back is moved by the provider, and runs again under its id")
    func migrated() throws {
        try Self.play(nil) { universe, instance in
            universe.reclaim(instance)
            await universe.sleep(.seconds(600))
            let moved = try #require(try await universe.instance(instance.id))
            #expect(moved.state == .running && moved.upstream?.id == instance.upstream?.id && moved.recoveries?.count == 1)
            #expect(universe.ledger.count == 1)
            let entry = try await universe.running().store.inner.audit(AuditQuery(limit: 10)).map(\.entry.action)
            #expect(entry.contains("RecoverMachine"))
        }
    }

    @Test("A move that fails half-way is found in the provider's jobs: another machine is made, then the first one deleted")
    func failedMigration() throws {
        try Self.play(.migrate) { universe, instance in
            universe.provider.withSimulator { simulator, _ in simulator.arm(Mishap(.failedMigration)) }
            universe.reclaim(instance)
            await universe.sleep(.seconds(1200))
            let relinked = try #require(try await universe.instance(instance.id))
            #expect(relinked.state == .running && relinked.upstream?.id != instance.upstream?.id)
            let machines = universe.ledger
            #expect(machines.count == 2 && machines.filter { $0.released == nil }.map(\.id) == [relinked.upstream?.id.rawValue])
        }
    }

    @Test("It is started again where that is said")
    func started() throws {
        try Self.play(.start) { universe, instance in
            universe.reclaim(instance)
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(8, isSpot: true, at: now) }
            await universe.sleep(.seconds(300))
            let state = try await universe.instance(instance.id)?.state
            #expect(state == .running)
            #expect(universe.count(of: .startInstance(id: "")) == 1 && universe.count(of: .migrateInstance(id: "")) == 0)
        }
    }

    @Test("What its user has stopped stays stopped, noticed or not")
    func stoppedByUser() throws {
        try Self.play(.replace) { universe, instance in
            let stop = try await universe.end(of: universe.change(.stop, instance.id).job)
            #expect(stop.state == .succeeded)
            await universe.sleep(.seconds(600))
            #expect(universe.ledger.count == 1 && universe.count(of: .migrateInstance(id: "")) == 0)
            #expect(try await universe.instance(instance.id)?.state == .stopped)
        }
    }

    @Test("What its user has stopped after the provider took it stays stopped, though there is evidence and by now room")
    func stoppedAfterReclaim() throws {
        try Self.play(.migrate) { universe, instance in
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(0, at: now) }
            universe.reclaim(instance)
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(0, at: now) }
            await universe.sleep(.seconds(600))
            let asked = universe.count(of: .migrateInstance(id: ""))
            #expect(asked > 0)
            #expect(try await universe.end(of: universe.change(.stop, instance.id).job).state == .succeeded)
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(8, isSpot: true, at: now) }
            await universe.sleep(.seconds(6 * 3600))
            let stopped = try #require(try await universe.instance(instance.id))
            #expect(stopped.state == .stopped && stopped.spot?.reclaimAt != nil)
            #expect(universe.count(of: .migrateInstance(id: "")) == asked && universe.count(of: .startInstance(id: "")) == 0)
        }
    }

    @Test("A dry run changes nothing, and without recovery nothing is done", arguments: [true, false])
    func nothing(_ isDryRun: Bool) throws {
        let settings = isDryRun ? FleetSettings(isRecoveryDryRun: true) : FleetSettings(spotRecovery: nil)
        try Self.play(.migrate, settings) { universe, instance in
            universe.reclaim(instance)
            await universe.sleep(.seconds(300))
            let stopped = try #require(try await universe.instance(instance.id))
            #expect(stopped.state == .stopped && stopped.stateReason == .reclaimed && stopped.recoveries == nil)
            await universe.sleep(.seconds(600))
            #expect(try await universe.instance(instance.id)?.revision == stopped.revision)
            #expect(universe.count(of: .migrateInstance(id: "")) == 0)
            let said = universe.trace.all.contains { $0.contains("would recover") }
            #expect(said == isDryRun)
        }
    }

    @Test("A place that has no room is asked five times in a day, further and further apart")
    func budget() throws {
        try Self.play(.migrate) { universe, instance in
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(0, at: now) }
            universe.reclaim(instance)
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(0, at: now) }
            await universe.sleep(.seconds(6 * 3600))
            #expect(universe.count(of: .migrateInstance(id: "")) == RecoveryBudget.attemptsMax)
            let stopped = try #require(try await universe.instance(instance.id))
            #expect(stopped.state == .stopped && stopped.desiredState == .running)
        }
    }

    @Test("A replacement that finds no room leaves the machine as it is")
    func noRoom() throws {
        try Self.play(.replace) { universe, instance in
            universe.provider.withSimulator { simulator, now in _ = simulator.setStock(0, at: now) }
            universe.notify(instance, .seconds(3600))
            await universe.sleep(.seconds(600))
            let kept = try #require(try await universe.instance(instance.id))
            #expect(kept.state == .running && kept.upstream?.id == instance.upstream?.id && kept.replacement == nil)
            #expect(universe.ledger.count == 1)
        }
    }
}

extension Universe {
    fileprivate func notify(_ instance: Instance, _ notice: Duration) {
        self.provider.withSimulator { simulator, now in
            _ = try? simulator.notifySpot(instance.upstream?.id.rawValue ?? "", notice: notice, at: now)
        }
    }

    fileprivate func reclaim(_ instance: Instance) {
        self.provider.withSimulator { simulator, now in
            try? simulator.reclaimSpot(instance.upstream?.id.rawValue ?? "", at: now)
        }
    }
}
