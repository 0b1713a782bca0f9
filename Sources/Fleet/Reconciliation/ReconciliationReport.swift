/// What a sweep found, for people: the differences between the account and our records, and what is not ours.
package struct ReconciliationReport: Sendable, Hashable {
    /// Differences and foreign machines that a report holds; the counts are whole.
    package static let itemsMax = 500

    package struct Difference: Sendable, Hashable {
        package var question: ReconciliationQuestion
        /// As listed; nil when it is not in the listing.
        package var machine: Machine?

        package init(question: ReconciliationQuestion, machine: Machine?) {
            self.question = question
            self.machine = machine
        }
    }

    package var begunAt: Timestamp
    /// Machines on the account.
    package var machines: Int
    package var differences: [Difference]
    package var differenceCount: Int
    package var foreign: [Machine]
    package var foreignCount: Int
    /// The listing lacked most of what is known, so that nothing is concluded from what it does not show.
    package var wasSuspicious: Bool
    /// So many of the differences were looked into, and what they came to was written down.
    package var wasApplied: Bool
    package var asked: Int
    /// The differences that wait for a later sweep.
    package var left: Int { self.wasApplied ? self.differenceCount - self.asked : 0 }

    package init(
        _ listing: MachineListing, questions: [ReconciliationQuestion], foreign: [Machine], wasSuspicious: Bool, wasApplied: Bool,
        asked: Int = 0
    ) {
        self.asked = asked
        let listed = Dictionary(listing.machines.map { ($0.id, $0) }) { first, _ in first }
        self.begunAt = listing.begunAt
        self.machines = listing.machines.count
        self.differences = questions.prefix(Self.itemsMax).map { Difference(question: $0, machine: listed[$0.upstreamID]) }
        self.differenceCount = questions.count
        self.foreign = Array(foreign.prefix(Self.itemsMax))
        self.foreignCount = foreign.count
        self.wasSuspicious = wasSuspicious
        self.wasApplied = wasApplied
    }
}
