import Fleet
import NovitaSimulator
import SQLiteStore
import Testing

@testable import FleetSimulation

@Suite("What an older system got wrong")
struct PromiseTests {
    @Test("A server that crashes while a machine comes up gives it no more time: the deadline runs from being accepted")
    func deadlineOverRestart() throws {
        let settings = FleetSettings(startupTimeout: .seconds(900))
        try Universe.play(settings: settings) { universe in
            let reply = try await universe.create(1)
            while universe.ledger.isEmpty { await universe.sleep(.seconds(1)) }
            try universe.provider.withSimulator { simulator, now in
                let machine = try #require(simulator.ledger(at: now, includingUnbilled: true).first?.id)
                try simulator.failInstance(machine, message: nil, at: now)
            }
            for _ in 0..<2 {
                await universe.sleep(.seconds(350))
                universe.crash()
            }
            let job = try await universe.end(of: reply.job)
            #expect(job.errorReason == "STARTUP_TIMEOUT")
            let given = (job.endedAt ?? universe.clock.now) - reply.job.createdAt
            #expect(given >= settings.startupTimeout && given < settings.startupTimeout + .seconds(60), "it had \(given)")
        }
    }

    @Test("A call that takes longer than a lease keeps its job: the lease is renewed, and no other worker takes it up")
    func longCall() throws {
        var settings = FleetSettings()
        settings.requestTimeout = .seconds(110)
        try Universe.play(settings: settings) { universe in
            universe.arm(ProviderFault(.delay, on: .createInstance, delay: .seconds(100)))
            let reply = try await universe.create(1)
            let job = try await universe.end(of: reply.job)
            #expect(job.state == .succeeded && job.createCalls == 1 && job.attemptCount == 0)
            #expect(await universe.running().monitor.report.stepsAbandoned == 0)
            #expect(universe.ledger.count == 1)
        }
    }

    @Test("One call that hangs delays nobody else's job")
    func hungCall() throws {
        try Universe.play { universe in
            universe.arm(ProviderFault(.delay, on: .createInstance, times: 1, delay: .seconds(29)))
            let begunAt = universe.clock.now
            let hung = try await universe.create(0)
            await universe.sleep(.milliseconds(500))
            var others: [Mutations.Reply] = []
            for number in 1...5 { others.append(try await universe.create(number)) }
            while universe.ledger.count < 5, universe.clock.now < begunAt + .seconds(60) { await universe.sleep(.milliseconds(100)) }
            #expect(universe.clock.now - begunAt < .seconds(10))
            for reply in others + [hung] { #expect(try await universe.end(of: reply.job).state == .succeeded) }
            #expect(universe.ledger.count == 6)
        }
    }

    @Test("Deletes that all hang leave workers for creates")
    func hungDeletes() throws {
        try Universe.play(settings: FleetSettings(maxConcurrentJobs: 4)) { universe in
            var ready: [Instance] = []
            for number in 1...6 { ready.append(try await universe.ready(number)) }
            universe.arm(ProviderFault(.delay, on: .deleteInstance, times: nil, delay: .seconds(29)))
            for instance in ready { _ = try await universe.change(.delete, instance.id) }
            await universe.sleep(.milliseconds(500))
            let begunAt = universe.clock.now
            _ = try await universe.create(7)
            while universe.ledger.count < 7, universe.clock.now < begunAt + .seconds(60) { await universe.sleep(.milliseconds(100)) }
            #expect(universe.clock.now - begunAt < .seconds(10))
            await universe.sleep(.seconds(300))
            #expect(universe.ledger.filter { $0.released == nil }.count == 1)
        }
    }

    @Test("Looks that all wait, for a listing that takes long, leave workers for what is asked for")
    func slowLooks() throws {
        try Universe.play(settings: FleetSettings(maxConcurrentJobs: 10)) { universe in
            let ready = try await universe.ready(1)
            universe.arm(ProviderFault(.delay, on: .getInstance, times: nil, delay: .seconds(29)))
            universe.arm(ProviderFault(.delay, on: .listInstances, times: nil, delay: .seconds(29)))
            for number in 2...21 { _ = try await universe.create(number) }
            while universe.ledger.count < 21 { await universe.sleep(.seconds(1)) }
            // All twenty look by now, or wait for their turn.
            await universe.sleep(.seconds(40))
            let begunAt = universe.clock.now
            _ = try await universe.create(22)
            _ = try await universe.change(.delete, ready.id)
            while universe.ledger.count < 22 || universe.count(of: .deleteInstance(id: "")) == 0,
                universe.clock.now < begunAt + .seconds(60)
            {
                await universe.sleep(.milliseconds(100))
            }
            #expect(universe.clock.now - begunAt < .seconds(2))
        }
    }
}
