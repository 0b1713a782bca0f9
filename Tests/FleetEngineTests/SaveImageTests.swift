import Fleet
import NovitaSimulator
import Testing

@testable import FleetSimulation

@Suite("Saved images")
struct SaveImageTests {
    private func save(_ universe: Universe, _ id: InstanceID, _ requestID: String = "s") async throws -> Job {
        let reply = try await universe.running().mutations.saveImage(
            ImageSave(image: "registry.example/saved:1"), of: id,
            request: RequestKey(tenant: .default, method: "save", requestID: requestID), payloadDigest: [1], actor: "ann")
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

    @Test("A call that came to nothing does not take the image that was saved a moment before for its own")
    func second() throws {
        var provider = SimulatorConfiguration()
        provider.timings.savingImage = .seconds(10)
        try Universe.play(provider: provider) { universe in
            let instance = try await universe.ready()
            #expect(try await self.save(universe, instance.id).state == .succeeded)
            universe.arm(
                ProviderFault(.statusBefore(ProviderError(status: 503, reason: "UNKNOWN", message: "away")), on: .saveImage, times: 1))
            let job = try await self.save(universe, instance.id, "s2")
            #expect(job.state == .failed && job.errorMessage.contains("shows no job"))
        }
    }

    @Test("While the provider's jobs cannot be read a stop waits for a save that has begun, says so, and goes on when it is given up")
    func blind() throws {
        var provider = SimulatorConfiguration()
        provider.timings.savingImage = .seconds(7200)
        try Universe.play(provider: provider) { universe in
            let instance = try await universe.ready()
            let save = try await universe.running().mutations.saveImage(
                ImageSave(image: "registry.example/saved:1"), of: instance.id,
                request: RequestKey(tenant: .default, method: "save", requestID: "s"), payloadDigest: [1], actor: "ann")
            await universe.sleep(.seconds(5))
            universe.arm(ProviderFault(.html(status: 502), on: .listJobs, times: nil))
            let stop = try await universe.change(.stop, instance.id)
            #expect(stop.job.progress.contains("saves the machine's image"))
            let begunAt = universe.clock.now
            #expect(try await universe.end(of: stop.job).state == .succeeded)
            #expect(universe.clock.now - begunAt < StepLimits.blindnessMax + .seconds(300))
            let ended = try await universe.end(of: save.job)
            #expect(ended.state == .failed && ended.errorMessage.contains("could not be read"))
        }
    }

    @Test("A save that could not be begun gives way to a stop at once")
    func unbegun() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            universe.arm(ProviderFault(.html(status: 502), on: .listJobs, times: nil))
            let save = try await universe.running().mutations.saveImage(
                ImageSave(image: "registry.example/saved:1"), of: instance.id,
                request: RequestKey(tenant: .default, method: "save", requestID: "s"), payloadDigest: [1], actor: "ann")
            await universe.sleep(.seconds(5))
            let (stop, begunAt) = (try await universe.change(.stop, instance.id), universe.clock.now)
            #expect(try await universe.end(of: stop.job).state == .succeeded && universe.clock.now - begunAt < .seconds(60))
            #expect(try await universe.end(of: save.job).errorReason == "SUPERSEDED")
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
