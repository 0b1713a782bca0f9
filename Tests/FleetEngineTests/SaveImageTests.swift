import Fleet
import NovitaSimulator
import Testing

@testable import FleetSimulation

@Suite("Saved images")
struct SaveImageTests {
    private func save(_ universe: Universe, _ id: InstanceID) async throws -> Job {
        let reply = try await universe.running().mutations.saveImage(
            ImageSave(image: "registry.example/saved:1"), of: id,
            request: RequestKey(tenant: .default, method: "save", requestID: "s"), payloadDigest: [1], actor: "ann")
        return try await universe.end(of: reply.job)
    }

    @Test(
        "Whatever becomes of the call, the image is saved once and the machine stays as it is",
        arguments: [
            nil, ProviderFault.Effect.dropAfter, .statusBefore(ProviderError(status: 503, reason: "UNKNOWN", message: "away")),
            .statusAfter(ProviderError(status: 502, reason: "UNKNOWN", message: "bad gateway")), .rateLimit(retryAfter: 3),
        ])
    func faults(_ effect: ProviderFault.Effect?) throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            if let effect { universe.arm(ProviderFault(effect, on: .saveImage, times: 1)) }
            let job = try await self.save(universe, instance.id)
            // Of a call that came to nothing without a word there is no job, and nothing is guessed.
            if case .statusBefore = effect {
                #expect(job.state == .failed && job.errorMessage.contains("shows no job"))
            } else {
                #expect(job.state == .succeeded, "\(job.errorMessage)")
                #expect(job.progress == "saved as registry.example/saved:1")
            }
            let after = try #require(try await universe.instance(instance.id))
            #expect(after.state == .running && after.upstream?.id == instance.upstream?.id)
        }
    }

    @Test("A push that the provider gives up fails the job and nothing else")
    func failed() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            universe.provider.withSimulator { simulator, _ in simulator.arm(Mishap(.failedSave)) }
            let job = try await self.save(universe, instance.id)
            #expect(job.state == .failed && job.errorReason == "PROVIDER_ERROR")
            let state = try await universe.instance(instance.id)?.state
            #expect(state == .running)
        }
    }
}
