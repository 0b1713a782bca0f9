import Fleet
import NovitaSimulator
import Testing

@testable import FleetSimulation

@Suite("What goes wrong with machines at the provider")
struct MishapTests {
    @Test(
        "A machine that does not come up fails its create with the reason, and is deleted",
        arguments: [
            (Mishap.Kind.stuckPull, StateReason.startupTimeout, "not running in time"),
            (.failedCreation, .providerError, "the container could not be created"),
        ])
    func neverUp(_ kind: Mishap.Kind, _ reason: StateReason, _ words: String) throws {
        try Universe.play { universe in
            universe.arm(kind)
            let created = try await universe.create(1)
            let job = try await universe.end(of: created.job)
            #expect(job.state == .failed && job.errorReason == reason.word && job.errorMessage.contains(words), "\(job.errorMessage)")
            let waited = universe.clock.now - created.job.createdAt
            // A machine that says what is wrong with it is not waited for.
            #expect(kind == .stuckPull ? waited >= FleetSettings().startupTimeout : waited < .seconds(300), "\(waited)")
            await universe.sleep(.seconds(300))
            let ended = try #require(try await universe.instance(created.instance.id))
            #expect(ended.state == .failed && ended.stateReason == reason && ended.stateMessage.contains(words) && ended.debts.isEmpty)
            #expect(universe.ledger.count == 1 && universe.ledger.allSatisfy { $0.released != nil })
            // The next one has a machine of its own.
            let next = try await universe.ready(2)
            #expect(universe.billed == [next.upstream?.id.rawValue] && universe.ledger.count == 2)
        }
    }

    @Test("A start that is refused says why and deletes nothing; asked once more, the same machine starts")
    func startRefused() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            let stop = try await universe.end(of: universe.change(.stop, instance.id).job)
            #expect(stop.state == .succeeded && universe.billed.isEmpty)
            universe.arm(.startRefused)
            let job = try await universe.end(of: universe.change(.start, instance.id).job)
            #expect(job.state == .failed && job.errorReason == "NO_CAPACITY" && !job.errorMessage.isEmpty)
            let refused = try #require(try await universe.instance(instance.id))
            #expect(refused.state == .stopped && refused.stateReason == .noCapacity && refused.desiredState == .stopped)
            await universe.sleep(.seconds(600))
            #expect(universe.billed.isEmpty && universe.ledger.map(\.released) == [nil])
            let again = try await universe.end(of: universe.change(.start, instance.id, requestID: "again").job)
            #expect(again.state == .succeeded)
            let started = try #require(try await universe.instance(instance.id))
            #expect(started.state == .running && started.upstream?.id == instance.upstream?.id)
            #expect(universe.billed == [instance.upstream?.id.rawValue])
        }
    }

    @Test("A delete that the provider forgets is asked for again: nothing is shown as deleted before it is gone")
    func forgottenDelete() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            universe.arm(.forgottenDelete)
            let delete = try await universe.change(.delete, instance.id)
            await universe.sleep(.seconds(15))
            let waiting = try #require(try await universe.instance(instance.id))
            #expect(waiting.state == .deleting && waiting.deletedAt == nil)
            // It is back, and costs; its instance has it still.
            #expect(universe.billed == [instance.upstream?.id.rawValue] && waiting.upstream?.id == instance.upstream?.id)
            #expect(try await universe.end(of: delete.job).state == .succeeded)
            #expect(universe.count(of: .deleteInstance(id: "")) >= 2)
            let deleted = try #require(try await universe.instance(instance.id))
            #expect(deleted.state == .deleted && deleted.debts.isEmpty)
            #expect(universe.billed.isEmpty && universe.ledger.allSatisfy { $0.released != nil })
        }
    }
}

extension Universe {
    fileprivate func arm(_ kind: Mishap.Kind) {
        self.provider.withSimulator { simulator, _ in simulator.arm(Mishap(kind)) }
    }

    /// What costs by the hour now.
    fileprivate var billed: [String?] { self.ledger.filter(\.isMetered).map(\.id) }
}
