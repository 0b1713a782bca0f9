/// A place to ask for a machine: which product, where, billed how.
package struct CandidateKey: Hashable, Sendable, Codable {
    package var productID: String
    package var clusterID: String
    package var billingMode: BillingMode

    package init(productID: String, clusterID: String, billingMode: BillingMode) {
        self.productID = productID
        self.clusterID = clusterID
        self.billingMode = billingMode
    }
}

extension Placement {
    package var candidate: CandidateKey {
        CandidateKey(productID: self.productID, clusterID: self.clusterID, billingMode: self.billingMode)
    }
}

/// Why a candidate would be asked, or would not.
package enum CandidateVerdict: String, Hashable, Sendable, CaseIterable {
    case eligible
    case unavailable
    case tooExpensive
    case diskOutOfRange
    case notInRegion
    case noPrice
    case coolingDown
    case notRequested
}

/// A candidate, judged for one spec.
package struct Candidate: Hashable, Sendable {
    /// 1 is asked first; 0 when not eligible.
    package var rank: Int
    /// Where it would be and what it would cost; the price is zero when there is none.
    package var placement: Placement
    package var stock: String
    package var verdict: CandidateVerdict
    /// Why, and what would have to change. For people.
    package var reason: String

    package var key: CandidateKey { self.placement.candidate }

    /// It would be asked if it had room.
    package var lacksOnlyCapacity: Bool { self.verdict == .unavailable || self.verdict == .coolingDown }
}

extension [Candidate] {
    /// What a create would wait for: the cheapest of those that only lack room, when none can be asked.
    package var awaited: Candidate? {
        guard !self.contains(where: { $0.verdict == .eligible }) else { return nil }
        return self.filter(\.lacksOnlyCapacity).min { $0.placement.hourlyPrice < $1.placement.hourlyPrice }
    }
}
