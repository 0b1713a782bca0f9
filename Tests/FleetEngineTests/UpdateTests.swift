import Fleet
import NovitaSimulator
import Testing

@testable import FleetSimulation

@Suite("Updates of machines")
struct MachineUpdateTests {
    private func update(
        _ universe: Universe, _ id: InstanceID, _ change: (inout InstanceUpdate) -> Void
    ) async throws -> Job {
        var update = InstanceUpdate()
        change(&update)
        let reply = try await universe.running().mutations.update(
            update, of: id, request: RequestKey(tenant: .default, method: "update", requestID: "\(id)"), payloadDigest: [1], actor: "ann")
        return try await universe.end(of: reply.job)
    }

    @Test(
        "Whatever becomes of the call, a disk grows once and a container is made anew",
        arguments: [
            nil, ProviderFault.Effect.dropBefore, .dropAfter, .statusBefore(ProviderError(status: 503, reason: "UNKNOWN", message: "away")),
            .statusAfter(ProviderError(status: 502, reason: "UNKNOWN", message: "bad gateway")), .rateLimit(retryAfter: 3),
        ])
    func faults(_ effect: ProviderFault.Effect?) throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            if let effect {
                universe.arm(ProviderFault(effect, on: .editInstance, times: 1))
                universe.arm(ProviderFault(effect, on: .upgradeInstance, times: 1))
            }
            let job = try await self.update(universe, instance.id) {
                $0.diskGB = 100
                $0.image = "registry.example/worker:2"
            }
            #expect(job.state == .succeeded, "\(job.errorMessage)")
            let after = try #require(try await universe.instance(instance.id))
            #expect(after.state == .running && after.spec.diskGB == 100 && after.upstream?.id == instance.upstream?.id)
            let machine = try universe.provider.withSimulator { simulator, now in
                try simulator.getInstance(universe.firstMachine(&simulator, now), at: now)
            }
            #expect(machine.request.rootfsSize == 100 && machine.request.imageURL == "registry.example/worker:2")
            // Still proven ours: what is one too many of it could be ended.
            #expect(machine.request.environment.contains { $0.key == OwnershipToken.environmentName && $0.value == machine.name })
            #expect(universe.ledger.count == 1)
            // The newest line of its life is that of one new container.
            if case .dropAfter = effect { #expect(universe.count(of: .upgradeInstance(UpgradeRequest(id: "", imageURL: ""))) == 1) }
            #expect(try await universe.end(of: universe.change(.delete, instance.id).job).state == .succeeded)
        }
    }

    @Test("A machine that is stopped gets ports and disk as it is, and stays stopped")
    func stopped() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            #expect(try await universe.end(of: universe.change(.stop, instance.id).job).state == .succeeded)
            let job = try await self.update(universe, instance.id) { $0.diskGB = 80 }
            #expect(job.state == .succeeded, "\(job.errorMessage)")
            let after = try #require(try await universe.instance(instance.id))
            #expect(after.state == .stopped && after.desiredState == .stopped)
        }
    }
}
