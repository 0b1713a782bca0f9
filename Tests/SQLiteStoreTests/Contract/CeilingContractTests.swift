import Fleet
import StoreContract
import Testing

@Suite("Store contract: ceilings")
struct CeilingContractTests {
    static let limits: [Ceilings] = [
        Ceilings(maxInstances: 37, maxHourlySpend: .dollars(1000)),
        Ceilings(maxInstances: 1000, maxHourlySpend: MicroUSD(micros: 37 * 350_000 + 349_999)),
    ]

    @Test("Of 200 concurrent admissions exactly as many pass as the ceilings allow", arguments: StoreKind.all, limits)
    func storm(_ kind: StoreKind, _ ceilings: Ceilings) async throws {
        try await kind.withStore { (store: any Store) async throws in
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    let commit = Sample.creation(number, guards: [.ceilings(ceilings)], price: MicroUSD(micros: 350_000))
                    group.addTask { (try? await store.commit(commit)) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(admitted == 37)
            #expect(try await store.instances(HistoryQuery(tenant: nil, limit: 1000)).count == 37)
        }
    }

    @Test("Ceilings count over all tenants, and a debt as a machine until it is settled", arguments: StoreKind.all)
    func liabilities(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let ceilings = Ceilings(maxInstances: 2, maxHourlySpend: .dollars(100))
            let other = Sample.instance(1, tenant: TenantID(rawValue: "other"))
            var indebted = other.deleted()
            indebted.debts = [Debt(upstreamID: UpstreamID(rawValue: "m-1"), hourlyPrice: .dollars(7), since: Sample.start)]
            _ = try await store.commit(Commit(instances: [other, Sample.instance(2)]))
            let full = CeilingReached(ceiling: .instances, limit: 2, inUse: 2, requested: 1)
            let third = Commit(guards: [.ceilings(ceilings)], instances: [Sample.instance(3)])

            await #expect(throws: StoreError.ceilingReached(full)) { try await store.commit(third) }
            _ = try await store.commit(Commit(instances: [indebted]))
            await #expect(throws: StoreError.ceilingReached(full)) { try await store.commit(third) }
            let spend = Commit(guards: [.ceilings(Ceilings(maxInstances: 9, maxHourlySpend: .dollars(8)))], instances: [Sample.instance(3)])
            await #expect(
                throws: StoreError.ceilingReached(
                    CeilingReached(ceiling: .hourlySpend, limit: 8_000_000, inUse: 8_000_000, requested: 1_000_000))
            ) { try await store.commit(spend) }
            _ = try await store.commit(Commit(instances: [other.deleted()]))
            _ = try await store.commit(third)
        }
    }

    @Test("A principal's own ceilings count what it asked for, and nothing else", arguments: StoreKind.all)
    func own(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let (ann, bob) = (PrincipalID(rawValue: "ann"), PrincipalID(rawValue: "bob"))
            let two = Ceilings(maxInstances: 2, maxHourlySpend: .dollars(5))
            func creation(_ number: Int, of principal: PrincipalID, price: MicroUSD = .dollars(1)) -> Commit {
                Commit(
                    guards: [.ownCeilings(two, principal)],
                    instances: [Sample.instance(number, owner: Owner(principal: principal, ceilings: two), price: price)])
            }
            _ = try await store.commit(Commit(instances: [Sample.instance(1)]))
            for number in 2...3 { _ = try await store.commit(creation(number, of: ann)) }
            let full = CeilingReached(ceiling: .instances, principal: ann, limit: 2, inUse: 2, requested: 1)
            await #expect(throws: StoreError.ceilingReached(full)) { try await store.commit(creation(4, of: ann)) }
            _ = try await store.commit(creation(5, of: bob))
            let dear = CeilingReached(ceiling: .hourlySpend, principal: bob, limit: 5_000_000, inUse: 1_000_000, requested: 6_000_000)
            await #expect(throws: StoreError.ceilingReached(dear)) { try await store.commit(creation(6, of: bob, price: .dollars(6))) }
            _ = try await store.commit(Commit(instances: [Sample.instance(2, owner: Owner(principal: ann)).deleted()]))
            _ = try await store.commit(creation(4, of: ann))
        }
    }

    @Test("Of 200 concurrent admissions of one principal exactly as many pass as its ceilings allow", arguments: StoreKind.all, limits)
    func ownStorm(_ kind: StoreKind, _ ceilings: Ceilings) async throws {
        try await kind.withStore { (store: any Store) async throws in
            let ann = PrincipalID(rawValue: "ann")
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    let instance = Sample.instance(number, owner: Owner(principal: ann), price: MicroUSD(micros: 350_000))
                    group.addTask { (try? await store.commit(Commit(guards: [.ownCeilings(ceilings, ann)], instances: [instance]))) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(admitted == 37)
        }
    }

    @Test("A replaced instance counts by what it becomes", arguments: StoreKind.all)
    func replacement(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let ceilings = Ceilings(maxInstances: 1, maxHourlySpend: .dollars(3))
            _ = try await store.commit(Commit(guards: [.ceilings(ceilings)], instances: [Sample.instance(1, price: .dollars(3))]))
            _ = try await store.commit(Commit(guards: [.ceilings(ceilings)], instances: [Sample.instance(1, price: .dollars(2))]))
            await #expect(
                throws: StoreError.ceilingReached(
                    CeilingReached(ceiling: .hourlySpend, limit: 3_000_000, inUse: 2_000_000, requested: 2_000_000))
            ) {
                try await store.commit(Commit(guards: [.ceilings(ceilings)], instances: [Sample.instance(1, price: .dollars(4))]))
            }
        }
    }
}
