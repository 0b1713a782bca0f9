import Fleet
import NovitaSimulator
import SQLiteStore
import Testing

@testable import FleetSimulation

@Suite("After a later release was taken back")
struct LaterReleaseTests {
    /// A job of a kind that nobody here knows, written by whoever ran before.
    private static func job(of instance: Instance, at now: Timestamp) -> Job {
        Job(
            id: JobID(rawValue: "j-later"), type: .unrecognized, tenant: instance.tenant, instanceID: instance.id,
            step: .unrecognized("THAW"), requestID: "", createdAt: now)
    }

    @Test("Its unfinished job keeps the server from nothing but the instance, whose machines are neither changed nor counted as too many")
    func resting() throws {
        try Universe.play { universe in
            let policies = InstancePolicies(maxLifetime: .seconds(900))
            let (first, other) = (try await universe.ready(1, policies: policies), try await universe.ready(2))
            let server = await universe.running()
            _ = try await server.store.inner.commit(Commit(jobs: [.init(Self.job(of: first, at: universe.clock.now))]))
            let kept = try #require(try await universe.instance(first.id))
            universe.crash(downFor: .seconds(1))
            let deployment = try #require(await universe.running().view.deployment)
            let token = OwnershipToken(deployment: deployment.id, instance: kept.id, attempt: 7)
            let second = try universe.rent(named: token.text)
            await universe.sleep(.seconds(1800))
            #expect(try await universe.instance(kept.id)?.revision == kept.revision, "nothing is written of it")
            #expect(universe.ledger.allSatisfy { $0.released == nil } && universe.ledger.contains { $0.id == second })
            for change in Admission.Change.allCases {
                let refusal = await #expect(throws: FleetError.self) { try await universe.change(change, kept.id) }
                #expect(refusal?.code == .invalidState && refusal?.jobID?.rawValue == "j-later")
            }
            let cancel = await #expect(throws: FleetError.self) {
                try await universe.running().mutations.cancel(
                    JobID(rawValue: "j-later"), request: RequestKey(tenant: .default, method: "cancel", requestID: "c"), payloadDigest: [1],
                    actor: "ann")
            }
            #expect(cancel?.code == .invalidState)
            #expect(try await universe.end(of: universe.change(.delete, other.id).job).state == .succeeded)
            #expect(universe.ledger.filter { $0.released != nil }.map(\.id) == [other.upstream?.id.rawValue])
        }
    }
}
