import Testing

@testable import FleetSimulation

@Suite("Planted bugs")
struct PlantedBugTests {
    /// More seeds than the best hidden of them needs.
    private static let seedsMax: UInt64 = 300
    /// More than the first seeds need without a bug.
    private static let jobsMax = 300_000

    @Test("The simulation finds every bug of the kind it hunts", arguments: PlantedBug.allCases)
    func found(_ bug: PlantedBug) throws {
        for seed in 1...Self.seedsMax {
            guard let violation = try Self.violation(of: bug, seed) else { continue }
            print("planted: \(bug.rawValue); found with seed \(seed): \(violation)")
            return
        }
        Issue.record("\(bug.rawValue): not found within \(Self.seedsMax) seeds")
    }

    private static func violation(of bug: PlantedBug, _ seed: UInt64) throws -> String? {
        do {
            return try withTemporaryDirectory { directory in
                let universe = Universe(Scenario(seed: seed), directory: directory, bug: bug, jobsMax: self.jobsMax)
                return universe.scenario.isRestored ? try universe.runRestored().violations.first : try universe.run().violations.first
            }
        } catch let stuck as Universe.Stuck {
            return stuck.reason
        }
    }
}
