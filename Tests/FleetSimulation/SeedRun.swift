import Foundation

/// One seed, played to its end.
package struct SeedRun: Sendable {
    package let seed: UInt64
    /// Everything that does not hold; empty when all is well.
    package let violations: [String]
    /// What happened, oldest first; of a run in which all is well nothing.
    let trace: [Trace.Line]
    package let tally: SimulationTally
}

extension SeedRun {
    /// Runs on the calling thread until the simulated world has come to rest.
    package init(playing seed: UInt64) throws {
        let played = try withTemporaryDirectory { directory in
            let universe = Universe(Scenario(seed: seed), directory: directory)
            do {
                return universe.scenario.isRestored
                    ? SeedRun(seed: seed, of: try universe.runRestored()) : SeedRun(of: try universe.run())
            } catch let stuck as Universe.Stuck {
                return SeedRun(seed: seed, violations: ["stuck: \(stuck.reason)"], trace: universe.trace.lines, tally: SimulationTally())
            }
        }
        self = played
    }

    private init(of finding: Finding) {
        let violations = finding.violations
        self.init(
            seed: finding.scenario.seed, violations: violations, trace: violations.isEmpty ? [] : finding.trace,
            tally: SimulationTally(of: finding))
    }

    private init(seed: UInt64, of finding: RestoredFinding) {
        self.init(seed: seed, violations: finding.violations, trace: finding.trace, tally: SimulationTally(of: finding))
    }

    /// Plays all seeds, `atOnce` at a time, each on a thread of the pool. `each` is told of every one as it ends.
    package static func playAll(
        _ seeds: some Sequence<UInt64>, atOnce: Int, each: (SeedRun) -> Void = { _ in }
    ) async throws -> (tally: SimulationTally, failed: [SeedRun]) {
        try await withThrowingTaskGroup(of: SeedRun.self) { group in
            var waiting = seeds.makeIterator()
            for _ in 0..<atOnce {
                if let seed = waiting.next() { group.addTask { try SeedRun(playing: seed) } }
            }
            var (tally, failed) = (SimulationTally(), [SeedRun]())
            while let run = try await group.next() {
                tally.add(run.tally)
                if !run.violations.isEmpty { failed.append(run) }
                each(run)
                if let seed = waiting.next() { group.addTask { try SeedRun(playing: seed) } }
            }
            return (tally, failed.sorted { $0.seed < $1.seed })
        }
    }

    /// What does not hold, and how it came to it.
    package func excerpt(lines: Int) -> String {
        (self.violations + self.trace.suffix(lines).map(\.description)).joined(separator: "\n")
    }
}

/// A directory that is gone when `body` has ended.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("novitai-simulation-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    return try body(directory)
}
