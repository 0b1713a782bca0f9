import Fleet
import NovitaSimulator
import SQLiteStore
import Testing

@testable import FleetSimulation

@Suite("Readiness of running machines")
struct ReadinessRunnerTests {
    private static func spec(successes: Int = 1) -> InstanceSpec {
        var spec = InstanceSpec.small
        spec.ports = [PortSpec(port: 8080, protocol: .http, probe: PortProbe(path: "/healthz"))]
        spec.readiness = ReadinessRule(consecutiveSuccesses: successes, thresholdPercent: 100)
        return spec
    }

    @Test("A create waits for the program, and ends ready")
    func ready() throws {
        try Universe.play { universe in
            let instance = try await universe.ready(1, Self.spec())
            #expect(instance.readiness == .ready && instance.probes?.first?.isHealthy == true && instance.notReadyReason == "")
        }
    }

    @Test("A program that never answers well leaves the machine running and the create done, with the reason; nothing is deleted")
    func never() throws {
        try Universe.play { universe in
            universe.prober.force(ProbeOutcome(isHealthy: false, detail: "status 502"))
            let reply = try await universe.create(1, Self.spec())
            let job = try await universe.end(of: reply.job)
            #expect(job.state == .succeeded && job.progress == "running, but not ready: port 8080: status 502")
            let instance = try await universe.instance(reply.instance.id)
            #expect(instance?.state == .running && instance?.readiness == .notReady)
            #expect(universe.count(of: .deleteInstance(id: "")) == 0)
            universe.prober.force(nil)
            await universe.sleep(.seconds(90))
            #expect(try await universe.instance(reply.instance.id)?.readiness == .ready, "it is asked on")
        }
    }

    @Test(
        "HEALTH_CHECK_*: the time of one try, the tries of a round, what is between them, and how long a create waits",
        arguments: [
            (ProbeSettings(timeout: .seconds(3), attempts: 1, delay: .seconds(5), maxWait: .seconds(60)), 10...17),
            (ProbeSettings(timeout: .seconds(7), attempts: 4, delay: .seconds(1), maxWait: .seconds(60)), 35...70),
            (ProbeSettings(timeout: .seconds(7), attempts: 1, delay: .seconds(1), maxWait: .seconds(20)), 10...25),
        ] as [(ProbeSettings, ClosedRange<Int>)])
    func settings(_ probing: ProbeSettings, _ asked: ClosedRange<Int>) throws {
        var settings = FleetSettings()
        settings.probing = probing
        try Universe.play(settings: settings) { universe in
            universe.prober.force(ProbeOutcome(isHealthy: false, detail: "status 502"))
            let reply = try await universe.create(1, Self.spec())
            let job = try await universe.end(of: reply.job)
            #expect(job.state == .succeeded && job.progress.hasPrefix("running, but not ready"))
            #expect(universe.prober.timeouts == [probing.timeout])
            #expect(asked.contains(universe.prober.asked), "asked \(universe.prober.asked) times")
            let waited = universe.clock.now - (try #require(try await universe.instance(reply.instance.id)?.runningSince))
            #expect(waited >= probing.maxWait && waited < probing.maxWait + .seconds(30))
        }
    }

    @Test("A second start waits for the program as long as the first did")
    func secondStart() throws {
        try Universe.play { universe in
            let instance = try await universe.ready(1, Self.spec())
            await universe.sleep(.seconds(3600))
            #expect(try await universe.end(of: universe.change(.stop, instance.id, requestID: "1").job).state == .succeeded)
            universe.prober.force(ProbeOutcome(isHealthy: false, detail: "status 502"))
            let job = try await universe.end(of: universe.change(.start, instance.id, requestID: "2").job)
            #expect(job.state == .succeeded && job.progress.hasPrefix("running, but not ready"))
            let runningSince = try #require(try await universe.instance(instance.id)?.runningSince)
            #expect(universe.clock.now - runningSince >= ProbeSettings().maxWait)
        }
    }

    @Test("A program that dies makes its instance not ready, and one event of it; only turns of health are written")
    func dies() throws {
        try Universe.play { universe in
            let instance = try await universe.ready(1, Self.spec(successes: 3))
            let asked = universe.prober.asked
            #expect(asked >= 3)
            let revision = await universe.running().view.revision
            await universe.sleep(.seconds(300))
            #expect(universe.prober.asked > asked + 5)
            #expect(await universe.running().view.revision == revision, "nothing changed")
            universe.prober.force(ProbeOutcome(isHealthy: false, detail: "no connection"))
            await universe.sleep(.seconds(60))
            let dead = try #require(try await universe.instance(instance.id))
            #expect(dead.readiness == .notReady && dead.notReadyReason == "port 8080: no connection" && dead.state == .running)
            #expect(dead.revision.number == revision.number + 1)
        }
    }
}
