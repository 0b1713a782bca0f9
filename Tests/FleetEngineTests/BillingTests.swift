import Fleet
import NovitaSimulator
import Synchronization
import Testing

@testable import FleetSimulation

@Suite("Changes of billing")
struct BillingTests {
    /// A month of the one product that is asked for here, by the simulator's catalogue.
    private static let month = MicroUSD(micros: 220_000_000)

    private func change(_ change: BillingChange, of id: InstanceID, _ universe: Universe, requestID: String = "b") async throws -> Job {
        let server = await universe.running()
        let price = change.months.flatMap {
            universe.provider.catalogue(at: universe.clock.now).price(ofMonths: $0, product: "4090.16c62g", gpuCount: 1)
        }
        return try await server.mutations.changeBilling(
            change, of: id, price: price, request: RequestKey(tenant: .default, method: "billing", requestID: requestID),
            payloadDigest: [1], actor: "ann"
        ).job
    }

    private static func prepaid(_ universe: Universe) -> Int64 { universe.ledger.reduce(0) { $0 + $1.prepaid } }

    private static func renewalCalls(_ universe: Universe) -> Int { universe.count(of: .changeTerms(.autoRenew(ids: [], months: nil))) }

    private static func calls(_ universe: Universe) -> Int { universe.count(of: .changeTerms(.makeMonthly(id: "", months: 1))) }

    @Test(
        "Whatever becomes of the call, months are asked for once and paid at most once, and the job says which",
        arguments: [
            (nil, true), (.dropAfter, true), (.dropBefore, false), (.late(by: .seconds(60)), true),
            (.statusBefore(ProviderError(status: 503, reason: "UNKNOWN", message: "away")), false),
            (.statusAfter(ProviderError(status: 502, reason: "UNKNOWN", message: "bad gateway")), true),
        ] as [(ProviderFault.Effect?, Bool)])
    func faults(_ effect: ProviderFault.Effect?, isPaid: Bool) throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            if let effect { universe.arm(ProviderFault(effect, on: .makeMonthly, times: 1)) }
            let asked = try await self.change(BillingChange(months: 1, maxPrice: Self.month), of: instance.id, universe)
            let job = try await universe.end(of: asked)
            #expect(Self.prepaid(universe) == (isPaid ? Self.month.micros : 0) && Self.calls(universe) == 1)
            #expect(job.state == (isPaid ? .succeeded : .failed), "\(job.errorMessage)")
            let after = try #require(try await universe.instance(instance.id))
            #expect((after.billing?.paidUntil != nil) == isPaid && after.state == .running)
            #expect(after.upstream?.id == instance.upstream?.id)
        }
    }

    @Test("A refusal of the provider that did nothing is asked again", arguments: [ProviderFault.Effect.rateLimit(retryAfter: 3)])
    func refused(_ effect: ProviderFault.Effect) throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            universe.arm(ProviderFault(effect, on: .makeMonthly, times: 2))
            let asked = try await self.change(BillingChange(months: 1, maxPrice: Self.month), of: instance.id, universe)
            #expect(try await universe.end(of: asked).state == .succeeded)
            #expect(Self.prepaid(universe) == Self.month.micros)
        }
    }

    @Test("A server that is killed while the months are asked for asks no second time", arguments: [100, 2000, 12_000])
    func crash(_ milliseconds: Int) throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            universe.arm(ProviderFault(.delay, on: .makeMonthly, times: 1, delay: .seconds(10)))
            let asked = try await self.change(BillingChange(months: 1, maxPrice: Self.month), of: instance.id, universe)
            await universe.sleep(.milliseconds(milliseconds))
            universe.crash(downFor: .seconds(5))
            let job = try await universe.end(of: asked)
            #expect(Self.calls(universe) <= 1)
            #expect(Self.prepaid(universe) == (job.state == .succeeded ? Self.month.micros : 0), "\(job.errorMessage)")
        }
    }

    @Test("Months are added to those that are paid, and renewals and moves by itself are shown as they were last asked for")
    func terms() throws {
        try Universe.play { universe in
            let id = try await universe.ready().id
            func end(_ change: BillingChange, _ requestID: String) async throws -> BillingFacts? {
                let job = try await universe.end(of: self.change(change, of: id, universe, requestID: requestID))
                #expect(job.state == .succeeded, "\(job.errorMessage)")
                return try await universe.instance(id)?.billing
            }
            let first = try #require(try await end(BillingChange(months: 1, maxPrice: Self.month), "1")?.paidUntil)
            universe.arm(ProviderFault(.dropAfter, on: .renewInstance, times: 1))
            let second = try await end(BillingChange(months: 2, maxPrice: Self.month * 2), "2")?.paidUntil
            #expect(second == first + .seconds(60 * 86_400) && Self.prepaid(universe) == Self.month.micros * 3)
            universe.arm(ProviderFault(.dropAfter, on: .setAutoRenew, times: 1))
            #expect(try await end(BillingChange(autoRenewMonths: 3), "3")?.autoRenewMonths == 3)
            universe.provider.termPriorities.withLock { $0 = [] }
            #expect(try await end(BillingChange(autoRenewMonths: 0), "4")?.autoRenewMonths == 0)
            #expect(universe.provider.termPriorities.withLock { $0 } == [.release], "a renewal that is called off goes ahead")
            let migration = AutoMigration(isOn: true, includesSystemDisk: true)
            let facts = try await end(BillingChange(autoMigration: migration), "5")
            #expect(facts == BillingFacts(paidUntil: second, autoRenewMonths: 0, autoMigration: migration))
        }
    }

    @Test("A machine whose months renew themselves goes with those that are paid, once somebody deletes it")
    func endsWithMonths() throws {
        try Universe.play { universe in
            let id = try await universe.ready().id
            _ = try await universe.end(of: self.change(BillingChange(months: 1, maxPrice: Self.month), of: id, universe, requestID: "1"))
            _ = try await universe.end(of: self.change(BillingChange(autoRenewMonths: 1), of: id, universe, requestID: "2"))
            #expect(Self.renewalCalls(universe) == 1)
            _ = try await universe.change(.delete, id)
            await universe.sleep(.seconds(60))
            #expect(Self.renewalCalls(universe) > 1, "it is called off")
            #expect(try await universe.instance(id)?.state == .deleting)
            // Who takes the delete back wants it renewed as before.
            #expect(try await universe.instance(id)?.billing?.autoRenewMonths == 0)
            let job = try #require(try await universe.instance(id)?.jobID)
            while true {
                do {
                    _ = try await universe.running().mutations.cancel(
                        job, request: RequestKey(tenant: .default, method: "cancel", requestID: "c"), payloadDigest: [1], actor: "op")
                    break
                } catch let error as FleetError where error.code == .invalidState || error.code == .contention {
                    await universe.sleep(.milliseconds(500))
                }
            }
            await universe.sleep(.seconds(60))
            let kept = try #require(try await universe.instance(id))
            #expect(kept.state == .running && kept.billing?.autoRenewMonths == 1 && kept.billing?.endedRenewalMonths == nil)
        }
    }

    @Test("What costs more than was agreed to, and what is not sold by the month, is refused before anything is asked")
    func admission() throws {
        try Universe.play { universe in
            let instance = try await universe.ready()
            var refusals: [FleetError.Code] = []
            for change in [
                BillingChange(months: 1, maxPrice: MicroUSD(micros: Self.month.micros - 1)), BillingChange(months: 1),
                BillingChange(months: 13, maxPrice: Self.month * 20), BillingChange(),
                BillingChange(months: 1, maxPrice: Self.month, autoRenewMonths: 1), BillingChange(maxPrice: Self.month, autoRenewMonths: 1),
            ] {
                do { _ = try await self.change(change, of: instance.id, universe) } catch let error as FleetError {
                    refusals.append(error.code)
                }
            }
            #expect(refusals == Array(repeating: .invalidArgument, count: 6))
            var spec = InstanceSpec.small
            spec.billingMode = .spot
            let spot = try await universe.ready(2, spec)
            let error = await #expect(throws: FleetError.self) {
                try await self.change(BillingChange(months: 1, maxPrice: Self.month), of: spot.id, universe)
            }
            #expect(error?.code == .invalidState && Self.calls(universe) == 0)
        }
    }
}
