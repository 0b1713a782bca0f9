import Fleet
import NovitaSimulator
import SQLiteStore
import Testing

@testable import FleetSimulation

@Suite("Freeze, brake, alarm")
struct GovernanceTests {
    private static func caller(_ word: String) -> FleetGovernor.Caller {
        FleetGovernor.Caller(
            actor: "op", request: RequestKey(tenant: .default, method: "SetFreeze", requestID: word), payloadDigest: [1])
    }

    @Test("A frozen fleet takes no create and no start, sends none that it has taken, and obeys stops and deletes")
    func frozen() throws {
        try Universe.play { universe in
            let server = await universe.running()
            let ready = try await universe.ready(1)
            let other = try await universe.ready(2)
            let early = try await universe.create(3)
            _ = try await server.governor.setFreeze(true, reason: "looking", by: Self.caller("on"))
            await universe.sleep(.seconds(60))
            let held = try #require(try await universe.instance(early.instance.id))
            #expect(held.upstream != nil || server.view.job(early.job.id)?.progress.contains("frozen by op: looking") == true)
            await #expect(throws: FleetError.self) { try await universe.create(4) }
            #expect(try await universe.end(of: universe.change(.stop, ready.id).job).state == .succeeded)
            await #expect(throws: FleetError.self) { try await universe.change(.start, ready.id) }
            #expect(try await universe.end(of: universe.change(.delete, other.id).job).state == .succeeded)
            _ = try await server.governor.setFreeze(false, reason: "seen", by: Self.caller("off"))
            #expect(try await universe.end(of: early.job).state == .succeeded)
            #expect(try await universe.end(of: universe.change(.start, ready.id, requestID: "again").job).state == .succeeded)
            // A repeated request does not freeze it once more.
            #expect(try await server.governor.setFreeze(true, reason: "looking", by: Self.caller("on")).freeze == nil)
        }
    }

    @Test("A start that was sent before a freeze is followed through it, and makes way for a stop")
    func frozenStart() throws {
        try Universe.play { universe in
            let server = await universe.running()
            var ids: [InstanceID] = []
            for number in 1...2 {
                let id = try await universe.ready(number).id
                #expect(try await universe.end(of: universe.change(.stop, id).job).state == .succeeded)
                ids.append(id)
            }
            // Neither is taken up at first.
            let refusal = ProviderError(status: 503, reason: "UNKNOWN", message: "service unavailable")
            universe.arm(ProviderFault(.statusBefore(refusal), on: .startInstance, times: 2))
            let taken = try await universe.change(.start, ids[0])
            let untaken = try await universe.change(.start, ids[1])
            await universe.sleep(.seconds(1))
            _ = try await server.governor.setFreeze(true, reason: "looking", by: Self.caller("on"))
            let machine = try #require(try await universe.instance(ids[0])?.upstream?.id.rawValue)
            try universe.provider.withSimulator { simulator, now in try simulator.startInstance(machine, at: now) }
            await universe.sleep(.seconds(90))
            #expect(server.view.job(taken.job.id)?.state == .succeeded, "frozen or not, it runs")
            #expect(try await universe.instance(ids[0])?.state == .running)
            let askedAt = universe.clock.now
            let stop = try await universe.change(.stop, ids[1], requestID: "again")
            #expect(try await universe.end(of: stop.job).state == .succeeded)
            #expect(universe.clock.now - askedAt < .seconds(60))
            #expect(try await universe.end(of: untaken.job).errorReason == "SUPERSEDED")
        }
    }

    @Test("A frozen fleet keeps a machine too many until it may go")
    func frozenDebt() throws {
        try Universe.play { universe in
            universe.arm(ProviderFault(.late(by: .seconds(1000)), on: .createInstance, times: 1))
            let reply = try await universe.create(1)
            #expect(try await universe.end(of: reply.job).state == .succeeded)
            let server = await universe.running()
            _ = try await server.governor.setFreeze(true, reason: "looking", by: Self.caller("on"))
            await universe.sleep(.seconds(1500))
            #expect(universe.ledger.filter { $0.released == nil }.count == 2)
            let owing = try #require(try await universe.instance(reply.instance.id))
            #expect(owing.owedMachines.map(\.kind) == [.extra] && FleetDebts(of: [owing]).leakedHourly > .zero)
            #expect(universe.trace.all.contains { $0.contains("overdue, level 1") }, "nobody was told")
            _ = try await server.governor.setFreeze(false, reason: "seen", by: Self.caller("off"))
            await universe.sleep(.seconds(150))
            #expect(universe.ledger.filter { $0.released == nil }.count == 1)
            #expect(try await universe.instance(reply.instance.id)?.wastedMachines?.count == 1)
        }
    }

    @Test("The brake lets so many automatic deletes past in a minute, and the others wait their turn")
    func braked() throws {
        var settings = FleetSettings(startupTimeout: .seconds(300))
        settings.brake = Brake(maxPerMinute: 2, maxFleetPercent: 100)
        try Universe.play(settings: settings) { universe in
            var ids: [InstanceID] = []
            for number in 0..<6 { ids.append(try await universe.create(number).instance.id) }
            await universe.sleep(.seconds(2))
            try universe.provider.withSimulator { simulator, now in
                for entry in simulator.ledger(at: now, includingUnbilled: true) {
                    try simulator.failInstance(entry.id, message: nil, at: now)
                }
            }
            await universe.sleep(.seconds(1200))
            #expect(universe.ledger.allSatisfy { $0.released != nil })
            let store = await universe.running().store.inner
            let endings = try await store.audit(AuditQuery(limit: 1000)).map(\.entry).filter(\.endsAutomatically).reversed()
            #expect(endings.count == 6 && endings.allSatisfy { $0.cause == "STARTUP_TIMEOUT" })
            for (first, third) in zip(endings, endings.dropFirst(2)) { #expect(third.at - first.at >= Brake.minute) }
        }
    }

    @Test("A dry run tells every difference and changes nothing, and is the same as what a real run looks into")
    func dryRun() throws {
        try Universe.play { universe in
            let server = await universe.running()
            let deployment = try #require(server.view.deployment)
            _ = try universe.rent(named: "somebody else's")
            await universe.sleep(.seconds(40))
            let token = OwnershipToken(deployment: deployment.id, instance: InstanceID(rawValue: "i-lost"), attempt: 1)
            _ = try universe.rent(named: token.text)
            let before = server.view.revision
            let dry = try #require(try await server.reconcile(isDryRun: true))
            #expect(dry.differences.map(\.question.kind) == [.stranger] && dry.foreign.map(\.name) == ["somebody else's"])
            #expect(!dry.wasApplied && server.view.revision == before)
            let real = try #require(try await server.reconcile(isDryRun: false))
            #expect(real.wasApplied && real.differences.map(\.question) == dry.differences.map(\.question))
            #expect(try await universe.instance(token.instance)?.isOrphan == true)
            _ = try await universe.change(.start, token.instance)
            #expect(try await universe.instance(token.instance)?.isOrphan == false, "somebody has claimed it")
        }
    }
}

@Suite("Queues and jobs under way")
struct QueueTests {
    private static func caller(_ word: String) -> FleetGovernor.Caller {
        FleetGovernor.Caller(
            actor: "op", request: RequestKey(tenant: .default, method: "PauseQueue", requestID: word), payloadDigest: [1])
    }

    private static func key(_ word: String) -> RequestKey { RequestKey(tenant: .default, method: "jobs", requestID: word) }

    @Test("A paused queue begins nothing new, and follows what has been asked for to its end")
    func paused() throws {
        try Universe.play { universe in
            let ready = try await universe.ready(1)
            let server = await universe.running()
            let stop = try await universe.change(.stop, ready.id)
            await universe.sleep(.seconds(1))
            _ = try await server.governor.setPause(true, of: .stopInstance, reason: "r", by: Self.caller("on"))
            #expect(try await universe.end(of: stop.job).state == .succeeded, "it had been asked for")
            #expect(try await universe.end(of: universe.change(.start, ready.id).job).state == .succeeded, "another queue")
            let held = try await universe.change(.stop, ready.id, requestID: "again")
            await universe.sleep(.seconds(120))
            #expect(server.view.job(held.job.id)?.progress.contains("paused by op") == true)
            #expect(try await universe.instance(ready.id)?.upstream?.status == "running")
            _ = try await server.governor.setPause(false, of: .stopInstance, reason: "r", by: Self.caller("off"))
            #expect(try await universe.end(of: held.job).state == .succeeded)
        }
    }

    @Test(
        "A create that is cancelled while its call is open leaves nothing behind, wherever the call had got",
        arguments: [0, 5, 50, 400, 3000])
    func cancelled(_ milliseconds: Int) throws {
        try Universe.play { universe in
            universe.arm(ProviderFault(.dropAfter, on: .createInstance, times: 1))
            let reply = try await universe.create(1)
            await universe.sleep(.milliseconds(milliseconds))
            let server = await universe.running()
            _ = try await server.mutations.cancel(reply.job.id, request: Self.key("c"), payloadDigest: [1], actor: "op")
            #expect(try await universe.end(of: reply.job).state == .cancelled)
            await universe.sleep(.seconds(1500))
            #expect(universe.ledger.allSatisfy { $0.released != nil })
            #expect(try await universe.instance(reply.instance.id)?.isLiving == false)
        }
    }

    @Test("A create that found no capacity is tried again for the same instance, and makes one machine")
    func retried() throws {
        try Universe.play { universe in
            let refusal = ProviderError(status: 400, reason: "INSUFFICIENT_RESOURCE", message: "none left")
            universe.arm(ProviderFault(.statusBefore(refusal), on: .createInstance, times: 20))
            let reply = try await universe.create(1)
            #expect(try await universe.end(of: reply.job).state == .failed)
            universe.provider.withSimulator { simulator, _ in simulator.clearFaults() }
            await universe.sleep(.seconds(120))
            let server = await universe.running()
            let again = try await server.mutations.retry(reply.job.id, request: Self.key("r"), payloadDigest: [1], actor: "op")
            #expect(again.instance.id == reply.instance.id && again.job.retryOf == reply.job.id)
            #expect(try await universe.end(of: again.job).state == .succeeded)
            #expect(universe.ledger.count == 1 && universe.ledger[0].released == nil)
        }
    }
}
