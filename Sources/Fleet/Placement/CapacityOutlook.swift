internal import Synchronization

/// What a create has to know beside the offers before it asks for a machine that others may have waited for.
package struct CapacityOutlook: Sendable {
    /// An older create that stands in line.
    package struct Waiter: Sendable {
        package var spec: InstanceSpec
        /// It has looked at the offers of this round and been turned away.
        package var hasLooked: Bool

        package init(spec: InstanceSpec, hasLooked: Bool) {
            self.spec = spec
            self.hasLooked = hasLooked
        }
    }

    package var older: [Waiter]
    /// What the account has, as far as that is known.
    package var funds: Funds?
    /// Of everything else that is not proven gone.
    package var otherHourlySpend: MicroUSD

    package init(older: [Waiter] = [], funds: Funds? = nil, otherHourlySpend: MicroUSD = .zero) {
        self.older = older
        self.funds = funds
        self.otherHourlySpend = otherHourlySpend
    }

    /// Those who would ask for the same place and go first, at most so many as can have their turn in a round. Who stands in line itself
    /// goes after those who have not looked yet in this round; who comes anew, after all of them.
    func countAhead(at place: CandidateKey, isInLine: Bool, planner: Planner, now: Timestamp) -> Int {
        let limit = Int(StepLimits.capacityInterval / StepLimits.capacityTurn)
        var count = 0
        for waiter in self.older where count < limit {
            guard !(isInLine && waiter.hasLooked) else { continue }
            if planner.isEligible(place, for: waiter.spec, at: now) { count += 1 }
        }
        return count
    }
}

/// Which of those in line have looked at the offers, and when. Kept in memory only: forgetting it costs a turn of a second, and nothing more.
package final class CapacityLooks: Sendable {
    private let looks = Mutex<[JobID: Timestamp]>([:])

    package init() {}

    package func note(_ job: JobID, at now: Timestamp) {
        let round = now.capacityRound
        self.looks.withLock { looks in
            looks[job] = now
            if looks.count > Self.keptMax { looks = looks.filter { $0.value >= round } }
        }
    }

    /// In the round of `now`.
    package func contains(_ job: JobID, at now: Timestamp) -> Bool {
        self.looks.withLock { $0[job].map { $0 >= now.capacityRound } ?? false }
    }

    /// From so many on those of earlier rounds are dropped.
    private static let keptMax = 256
}

extension Timestamp {
    /// When the round began in which all who stand in line look at the offers.
    package var capacityRound: Timestamp { self.floored(to: StepLimits.capacityInterval) }
}
