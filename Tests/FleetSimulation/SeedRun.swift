import Foundation
import SQLiteStore

/// One seed, played to its end.
package struct SeedRun: Sendable {
    package let seed: UInt64
    /// Everything that does not hold; empty when all is well.
    package let violations: [String]
    /// What happened, oldest first; of a run in which all is well nothing.
    let trace: [Trace.Line]
    package let tally: SimulationTally
    /// Of everything that happened, in order (FNV-1a): the same for two programs that play the seed alike.
    package let digest: UInt64
}

extension SeedRun {
    /// Runs on the calling thread until the simulated world has come to rest.
    ///
    /// - Parameter isDigested: whether `digest` is wanted; otherwise it is 0.
    package init(playing seed: UInt64, isDigested: Bool = false) throws {
        let played = try withTemporaryDirectory { directory in
            let universe = Universe(Scenario(seed: seed), directory: directory)
            do {
                return universe.scenario.isRestored
                    ? SeedRun(seed: seed, of: try universe.runRestored(), isDigested: isDigested)
                    : SeedRun(of: try universe.run(), isDigested: isDigested)
            } catch let stuck as Universe.Stuck {
                return SeedRun(
                    seed: seed, violations: ["stuck: \(stuck.reason)"], trace: universe.trace.lines, tally: SimulationTally(), digest: 0)
            }
        }
        self = played
    }

    private init(of finding: Finding, isDigested: Bool) {
        let violations = finding.violations
        self.init(
            seed: finding.scenario.seed, violations: violations, trace: violations.isEmpty ? [] : finding.trace,
            tally: SimulationTally(of: finding), digest: isDigested ? Self.digest(of: finding.trace) : 0)
    }

    private init(seed: UInt64, of finding: RestoredFinding, isDigested: Bool) {
        self.init(
            seed: seed, violations: finding.violations, trace: finding.violations.isEmpty ? [] : finding.trace,
            tally: SimulationTally(of: finding), digest: isDigested ? Self.digest(of: finding.trace) : 0)
    }

    /// Plays all seeds, `atOnce` at a time, each on a thread of the pool. `each` is told of every one as it ends.
    package static func playAll(
        _ seeds: some Sequence<UInt64>, atOnce: Int, areDigested: Bool = false, each: (SeedRun) -> Void = { _ in }
    ) async throws -> (tally: SimulationTally, failed: [SeedRun]) {
        try await withThrowingTaskGroup(of: SeedRun.self) { group in
            var waiting = seeds.makeIterator()
            for _ in 0..<atOnce {
                if let seed = waiting.next() { group.addTask { try SeedRun(playing: seed, isDigested: areDigested) } }
            }
            var (tally, failed) = (SimulationTally(), [SeedRun]())
            while let run = try await group.next() {
                tally.add(run.tally)
                if !run.violations.isEmpty { failed.append(run) }
                each(run)
                if let seed = waiting.next() { group.addTask { try SeedRun(playing: seed, isDigested: areDigested) } }
            }
            return (tally, failed.sorted { $0.seed < $1.seed })
        }
    }

    private static func digest(of trace: [Trace.Line]) -> UInt64 {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for line in trace {
            for byte in line.description.utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return digest
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

/// The file of a database that nobody has used yet: made once, since making its tables takes as long as a good part of a run.
enum NewDatabase {
    private static let content = Result {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/new.db"
            try EmptyDatabase.make(at: path)
            return try Data(contentsOf: URL(fileURLWithPath: path))
        }
    }

    static func write(to path: String) throws {
        try self.content.get().write(to: URL(fileURLWithPath: path))
    }
}
