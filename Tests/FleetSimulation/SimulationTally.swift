import Fleet

/// How often many runs came to what they are there for: a storm that never hits says nothing.
package struct SimulationTally: Sendable {
    package private(set) var runs = 0
    /// How far the create had got that was at work when a server died.
    package private(set) var deathsByPhase: [String: Int] = [:]
    /// Commits of a delete that were refused: what they were decided on had changed meanwhile.
    package private(set) var overtakenDeletes = 0
    /// Commits of workers whose lease was over.
    package private(set) var fencedWorkers = 0
    /// By what ended them.
    package private(set) var endingsByPolicies: [String: Int] = [:]
    /// Of machines that were taken back.
    package private(set) var recoveries = 0
    package private(set) var replacements = 0
    package private(set) var runsWithWaste = 0
    /// A create was proven to have brought nothing, and another was made.
    package private(set) var runsWithSecondAttempt = 0
    /// An older backup was put back; machines that were in use then; and how often the backup held that another was being made in the place of
    /// one.
    package private(set) var runsPutBack = 0
    package private(set) var machinesUsedThroughIt = 0
    package private(set) var runsPutBackWhileReplacing = 0

    package init() {}

    init(of finding: RestoredFinding) {
        self.runs = 1
        self.runsPutBack = 1
        self.machinesUsedThroughIt = finding.machinesInUse
        self.runsPutBackWhileReplacing = finding.wasReplacing ? 1 : 0
    }

    init(of finding: Finding) {
        self.runs = 1
        self.deathsByPhase = Dictionary(uniqueKeysWithValues: finding.crashesByPhase.map { ($0.key.rawValue, $0.value) })
        self.deathsByPhase["elsewhere"] = finding.crashesElsewhere
        self.overtakenDeletes = finding.refusals("conflict", "delete")
        self.fencedWorkers = finding.refusals("leaseLost")
        self.endingsByPolicies = Dictionary(uniqueKeysWithValues: finding.endingsByCause.map { ($0.key.rawValue, $0.value) })
        self.recoveries = finding.recoveries
        self.replacements = finding.replacements.values.reduce(0, +)
        self.runsWithWaste = finding.hasWaste ? 1 : 0
        self.runsWithSecondAttempt = finding.hasSecondAttempt ? 1 : 0
    }

    package mutating func add(_ other: SimulationTally) {
        self.runs += other.runs
        self.deathsByPhase.merge(other.deathsByPhase, uniquingKeysWith: +)
        self.overtakenDeletes += other.overtakenDeletes
        self.fencedWorkers += other.fencedWorkers
        self.endingsByPolicies.merge(other.endingsByPolicies, uniquingKeysWith: +)
        self.recoveries += other.recoveries
        self.replacements += other.replacements
        self.runsWithWaste += other.runsWithWaste
        self.runsWithSecondAttempt += other.runsWithSecondAttempt
        self.runsPutBack += other.runsPutBack
        self.machinesUsedThroughIt += other.machinesUsedThroughIt
        self.runsPutBackWhileReplacing += other.runsPutBackWhileReplacing
    }

    /// Runs from which on every count has to be above zero: fewer may miss one by chance.
    private static let runsThatHitAll = 300

    /// What so many runs should have come to, and none has.
    package var missed: [String] {
        self.runs < Self.runsThatHitAll ? [] : self.counts.filter { $0.count == 0 }.map(\.name)
    }

    /// All of it, by name, in one order.
    package var counts: [(name: String, count: Int)] {
        let phases = CreatePhase.allCases.map(\.rawValue) + ["elsewhere"]
        let causes: [JobCause] = [.idle, .leaseLapsed, .lifetime, .schedule]
        return phases.map { ("server died: \($0)", self.deathsByPhase[$0, default: 0]) }
            + causes.map { ("ended by policy: \($0.rawValue)", self.endingsByPolicies[$0.rawValue, default: 0]) } + [
                ("deletes decided on what had changed meanwhile", self.overtakenDeletes), ("stale workers fenced off", self.fencedWorkers),
                ("recoveries of machines that were taken back", self.recoveries), ("machines replaced", self.replacements),
                ("runs with a machine too many, accounted as waste", self.runsWithWaste),
                ("runs that proved a machine absent and made another", self.runsWithSecondAttempt),
                ("runs with an older backup put back", self.runsPutBack),
                ("machines in use when it was", self.machinesUsedThroughIt),
                ("runs in which it held a replacement under way", self.runsPutBackWhileReplacing),
            ]
    }
}
