import ArgumentParser
import FleetSimulation
import Foundation

/// Plays many seeds of the simulation of engine, store and provider. `scripts/storm` builds and starts it.
@main
struct FaultStorm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storm",
        abstract: "Plays seeds of the simulated fleet, and judges each: one machine for each request, whatever fails and crashes.",
        discussion: "Progress on standard error, what was hit on standard output; ends with 1 when a seed fails.")

    /// Seeds between two lines of progress.
    private static let seedsBetweenLines = 1000
    /// Failing seeds that are told with their last lines; of all their numbers.
    private static let failuresTold = 10
    /// Lines of the trace that are told of one; a single seed is told whole.
    private static let linesTold = 30

    @Option(help: "How many.") var seeds: UInt64 = 10_000
    @Option(help: "The first of them.") var first: UInt64 = 1
    @Option(help: "Seeds at a time; each is one thread.") var atOnce = ProcessInfo.processInfo.activeProcessorCount

    @Flag(help: "Print a digest of what happened for each seed, to compare two programs by.") var digests = false

    func validate() throws {
        guard (1...1_000_000_000).contains(self.seeds) else { throw ValidationError("--seeds is a number from 1 to 1000000000") }
        guard self.first <= UInt64.max - self.seeds else { throw ValidationError("--first is too large") }
        guard (1...1024).contains(self.atOnce) else { throw ValidationError("--at-once is a number from 1 to 1024") }
    }

    func run() async throws {
        let begun = ContinuousClock.now
        var (played, told) = (0, 0)
        let seeds = self.first..<(self.first + self.seeds)
        let (tally, failed) = try await SeedRun.playAll(seeds, atOnce: self.atOnce, areDigested: self.digests) { run in
            played += 1
            if self.digests { print("seed \(run.seed): \(String(run.digest, radix: 16))") }
            if !run.violations.isEmpty, told < Self.failuresTold {
                told += 1
                Self.tell("seed \(run.seed) fails:\n\(run.excerpt(lines: self.seeds == 1 ? .max : Self.linesTold))")
            }
            if played.isMultiple(of: Self.seedsBetweenLines) { Self.tell("\(played) of \(self.seeds), \(Self.rate(played, begun))") }
        }
        print("\(tally.runs) runs, \(failed.count) failed, \(Self.rate(played, begun))")
        for (name, count) in tally.counts { print("\(count) \(name)") }
        for name in tally.missed { print("never: \(name)") }
        guard tally.missed.isEmpty else { throw ExitCode.failure }
        guard failed.isEmpty else {
            print("replay: scripts/storm seeds --seeds 1 --first N, with N of \(failed.map { String($0.seed) }.joined(separator: ", "))")
            throw ExitCode.failure
        }
    }

    private static func rate(_ played: Int, _ begun: ContinuousClock.Instant) -> String {
        "\(Int(Double(played) / ((ContinuousClock.now - begun) / .seconds(60)))) a minute"
    }

    private static func tell(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
}
