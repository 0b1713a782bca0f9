import Fleet
import StoreContract
import Testing

@Suite("Store contract: control and audit")
struct ControlContractTests {
    private static let frozen = FleetControl(freeze: FleetControl.Freeze(actor: "op", reason: "r", since: Sample.start))

    private static func entry(_ seconds: Int64, endsAutomatically: Bool = false) -> AuditEntry {
        AuditEntry(
            at: Sample.time(seconds), tenant: Sample.tenant, actor: "op", action: "A", cause: "C", effect: "e\(seconds)",
            hourlyPrice: .dollars(1), endsAutomatically: endsAutomatically)
    }

    @Test("What is said holds for the next commit, is told to the follower, and is there after a restart", arguments: StoreKind.all)
    func control(_ kind: StoreKind) async throws {
        try await kind.withDatabase { database in
            var store = try await database.open()
            let follower = RecordingFollower()
            #expect(try await store.attach(follower).control == FleetControl())
            _ = try await store.commit(Commit(guards: [.control(FleetControl())], control: Self.frozen))
            #expect(follower.controls == [Self.frozen])
            let refusal = StoreError.controlled(try #require(Self.frozen.refusal(of: .begin)))
            await #expect(throws: refusal) { try await store.commit(Sample.creation(1, guards: [.permitted(.begin)])) }
            _ = try await store.commit(Sample.creation(1, guards: [.permitted(.obey)]))
            await #expect(throws: StoreError.controlChanged) {
                try await store.commit(Commit(guards: [.control(FleetControl())], control: FleetControl()))
            }
            store = try await database.reopen()
            #expect(try await store.attach(RecordingFollower()).control == Self.frozen)
        }
    }

    @Test("When there was a server is there after a restart, and is no event", arguments: StoreKind.all)
    func service(_ kind: StoreKind) async throws {
        try await kind.withDatabase { database in
            var store = try await database.open()
            let first = try await store.attach(RecordingFollower())
            #expect(first.service == ServiceRecord())
            var record = first.service
            for (second, isStart) in [(0, true), (60, false), (3600, false), (7200, true)] {
                record.serve(at: Sample.time(Int64(second)), isStart: isStart)
                try await store.keep(record)
                store = try await database.reopen()
                let snapshot = try await store.attach(RecordingFollower())
                #expect(snapshot.service == record && snapshot.revision == first.revision)
            }
            #expect(record.absences.count > 1)
        }
    }

    @Test("An entry is written with its commit or not at all, and pages run newest first", arguments: StoreKind.all)
    func audit(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            _ = try await store.commit(Commit(audit: [Self.entry(1), Self.entry(2)]))
            await #expect(throws: StoreError.self) {
                try await store.commit(Commit(guards: [.lease(Sample.jobID(1), Sample.token("t"))], audit: [Self.entry(3)]))
            }
            _ = try await store.commit(Commit(audit: [Self.entry(4)]))
            let newest = try await store.audit(AuditQuery(limit: 2))
            #expect(newest.map(\.entry) == [Self.entry(4), Self.entry(2)])
            #expect(try await store.audit(AuditQuery(before: newest[1].sequence, limit: 9)).map(\.entry) == [Self.entry(1)])
        }
    }

    @Test("Old entries go, and those beyond the number that is kept", arguments: StoreKind.all)
    func trimming(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            _ = try await store.commit(Commit(audit: (1...9).map { Self.entry($0) }))
            try await store.trimAudit(before: Sample.time(4), keeping: 100)
            #expect(try await store.audit(AuditQuery(limit: 99)).map(\.entry.effect) == (4...9).reversed().map { "e\($0)" })
            try await store.trimAudit(before: Sample.time(0), keeping: 2)
            #expect(try await store.audit(AuditQuery(limit: 99)).map(\.entry.effect) == ["e9", "e8"])
        }
    }

    @Test("The brake counts what was entered as automatic, within its minute and its share of the machines", arguments: StoreKind.all)
    func brake(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            _ = try await store.commit(Commit(instances: (1...10).map { Sample.instance($0) }))
            func end(_ seconds: Int64, _ brake: Brake) async -> StoreError? {
                let commit = Commit(
                    guards: [.brake(brake, Sample.time(seconds))], audit: [Self.entry(seconds, endsAutomatically: true)])
                do throws(StoreError) {
                    _ = try await store.commit(commit)
                    return nil
                } catch {
                    return error
                }
            }
            let perMinute = Brake(maxPerMinute: 2, maxFleetPercent: 100)
            #expect(await end(100, perMinute) == nil)
            #expect(await end(110, perMinute) == nil)
            #expect(await end(120, perMinute) == .braked(BrakeReached(limit: .perMinute, allowed: 2, used: 2)))
            #expect(await end(160, perMinute) == nil, "the first is a minute ago")
            let percent = Brake(maxPerMinute: 100, maxFleetPercent: 30)
            #expect(await end(300, percent) == .braked(BrakeReached(limit: .fleetPercent, allowed: 3, used: 3)))
            #expect(await end(700, percent) == nil, "the first is ten minutes ago")
            let ahead = (0..<5).map { Self.entry(86_400 + $0, endsAutomatically: true) }
            _ = try await store.commit(Commit(audit: ahead))
            #expect(await end(800, perMinute) == nil, "a clock that was ahead has entered them")
        }
    }

    @Test("A create that stands in line is no machine of the brake's fleet, and is one once it has asked", arguments: StoreKind.all)
    func brakeAndLine(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            var waiting = (11...30).map { Sample.instance($0) }
            for index in waiting.indices {
                (waiting[index].state, waiting[index].stateReason, waiting[index].upstream) = (.pending, .noCapacity, nil)
            }
            _ = try await store.commit(Commit(instances: (1...10).map { Sample.instance($0) } + waiting))
            _ = try await store.commit(
                Commit(audit: (0..<3).map { Self.entry(100 + $0, endsAutomatically: true) }))
            let brake = Guard.brake(Brake(maxPerMinute: 100, maxFleetPercent: 30), Sample.time(200))
            await #expect(throws: StoreError.braked(BrakeReached(limit: .fleetPercent, allowed: 3, used: 3))) {
                try await store.commit(Commit(guards: [brake]))
            }
            for index in waiting.indices { waiting[index].stateReason = .requested }
            _ = try await store.commit(Commit(instances: waiting))
            _ = try await store.commit(Commit(guards: [brake]))
        }
    }
}
