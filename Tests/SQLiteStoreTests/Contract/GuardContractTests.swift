import Fleet
import StoreContract
import Testing

/// A condition that does not hold in a store where instance 1 lives, its job is leased under `held` and its request id is used.
struct GuardCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var condition: Guard
    var error: StoreError

    static let failing: [GuardCase] = [
        GuardCase(
            testDescription: "lease under another token", condition: .lease(Sample.jobID(1), Sample.token("stale")),
            error: .leaseLost(Sample.jobID(1))),
        GuardCase(
            testDescription: "lease of a job that is not leased", condition: .lease(Sample.jobID(2), Sample.token("held")),
            error: .leaseLost(Sample.jobID(2))),
        GuardCase(
            testDescription: "lease of no job", condition: .lease(Sample.jobID(99), Sample.token("held")),
            error: .leaseLost(Sample.jobID(99))),
        GuardCase(
            testDescription: "an older revision", condition: .instance(InstanceID(rawValue: "i-1"), .zero),
            error: .conflict(InstanceID(rawValue: "i-1"))),
        GuardCase(
            testDescription: "no such instance", condition: .instance(InstanceID(rawValue: "i-99"), Revision(1)),
            error: .conflict(InstanceID(rawValue: "i-99"))),
        GuardCase(
            testDescription: "name in use", condition: .nameIsFree(Sample.tenant, "name-1"),
            error: .nameTaken(InstanceID(rawValue: "i-1"))),
        GuardCase(
            testDescription: "request id in use", condition: .requestIsNew(Sample.requestKey("r-1")),
            error: .requestExists(Sample.request("r-1"))),
        GuardCase(
            testDescription: "ceiling of instances", condition: .ceilings(Ceilings(maxInstances: 2, maxHourlySpend: .dollars(100))),
            error: .ceilingReached(CeilingReached(ceiling: .instances, limit: 2, inUse: 2, requested: 1))),
        GuardCase(
            testDescription: "ceiling of spend",
            condition: .ceilings(Ceilings(maxInstances: 3, maxHourlySpend: MicroUSD(micros: 2_999_999))),
            error: .ceilingReached(
                CeilingReached(ceiling: .hourlySpend, limit: 2_999_999, inUse: 2_000_000, requested: 1_000_000))),
    ]

    static let holding: [Guard] = [
        .lease(Sample.jobID(1), Sample.token("held")),
        .instance(InstanceID(rawValue: "i-1"), Revision(1)),
        .nameIsFree(Sample.tenant, "name-3"),
        .nameIsFree(TenantID(rawValue: "other"), "name-1"),
        .requestIsNew(Sample.requestKey("r-3")),
        .requestIsNew(Sample.requestKey("r-1", tenant: TenantID(rawValue: "other"))),
        .requestIsNew(Sample.requestKey("r-1", method: "DeleteInstance")),
        .ceilings(Ceilings(maxInstances: 3, maxHourlySpend: .dollars(3))),
    ]
}

@Suite("Store contract: guards")
struct GuardContractTests {
    private func prepare(_ store: any Store) async throws {
        _ = try await store.commit(Sample.creation(1))
        _ = try await store.commit(Sample.creation(2))
        let leased = try await store.lease(LeaseRequest("held", at: 1000, limit: 1))
        #expect(leased.jobs.map(\.id) == [Sample.jobID(1)])
    }

    @Test(
        "A commit whose guard does not hold fails with that guard's error and changes nothing",
        arguments: StoreKind.all, GuardCase.failing)
    func failing(_ kind: StoreKind, _ failing: GuardCase) async throws {
        try await kind.withStore { store in
            try await self.prepare(store)
            let before = try await StoreState(of: store)
            await #expect(throws: failing.error) { try await store.commit(Sample.creation(3, guards: [failing.condition])) }
            #expect(try await StoreState(of: store) == before)
        }
    }

    @Test("A commit whose guard holds is applied", arguments: StoreKind.all, GuardCase.holding)
    func holding(_ kind: StoreKind, _ condition: Guard) async throws {
        try await kind.withStore { store in
            try await self.prepare(store)
            let committed = try await store.commit(Sample.creation(3, guards: [condition]))
            #expect(committed.events.count == 2)
            #expect(try await store.instance(InstanceID(rawValue: "i-3")) != nil)
        }
    }

    @Test("The first guard that does not hold decides the error", arguments: StoreKind.all)
    func order(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            try await self.prepare(store)
            for (first, second) in zip(GuardCase.failing, GuardCase.failing.dropFirst()) {
                let guards = [GuardCase.holding[0], first.condition, second.condition]
                await #expect(throws: first.error) { try await store.commit(Sample.creation(3, guards: guards)) }
            }
        }
    }

    @Test("Among concurrent commits the refused ones fail alone", arguments: StoreKind.all)
    func aloneAmongOthers(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let outcomes = await withTaskGroup(of: (Int, Bool).self) { group in
                for number in 0..<60 {
                    let guards: [Guard] = number % 3 == 0 ? [.lease(Sample.jobID(number), Sample.token("none"))] : []
                    group.addTask { (number, (try? await store.commit(Sample.creation(number, guards: guards))) != nil) }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(outcomes.filter(\.value).keys.sorted() == (0..<60).filter { $0 % 3 != 0 })
            let stored = try await store.instances(HistoryQuery(tenant: nil, limit: 1000))
            #expect(Set(stored.map(\.id.rawValue)) == Set(outcomes.filter(\.value).keys.map { "i-\($0)" }))
        }
    }

    @Test(
        "An instance's name cannot be given to a second one, guarded or not, until it has ended, debts or no debts",
        arguments: StoreKind.all)
    func names(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let first = Sample.instance(1, name: "web")
            _ = try await store.commit(Commit(instances: [first]))
            let second = Commit(instances: [Sample.instance(2, name: "web")])
            await #expect(throws: StoreError.nameTaken(first.id)) { try await store.commit(second) }
            var indebted = first.deleted()
            indebted.debts = [Debt(upstreamID: UpstreamID(rawValue: "m-1"), hourlyPrice: .dollars(1), since: Sample.start)]
            _ = try await store.commit(Commit(instances: [indebted]))
            _ = try await store.commit(second)
            await #expect(throws: StoreError.nameTaken(InstanceID(rawValue: "i-2"))) { try await store.commit(Commit(instances: [first])) }
            #expect(try await store.instance(first.id)?.name == "web")
            #expect(try await store.attach(RecordingFollower()).instances.map(\.id.rawValue) == ["i-1", "i-2"])
        }
    }

    @Test("A request id stands for its first use for ever, guarded or not", arguments: StoreKind.all)
    func requests(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            #expect(try await store.request(Sample.requestKey("r-1")) == nil)
            _ = try await store.commit(Sample.creation(1))
            #expect(try await store.request(Sample.requestKey("r-1")) == Sample.request("r-1"))
            var second = Sample.creation(2)
            second.request = Sample.request("r-1", instance: 2)
            await #expect(throws: StoreError.requestExists(Sample.request("r-1"))) { try await store.commit(second) }
            #expect(try await store.instance(InstanceID(rawValue: "i-2")) == nil)
        }
    }
}
