import Foundation
import Testing

@testable import FleetSimulation

/// The engine, the real store's core and the provider in one process, under one seeded scheduler on virtual time, cut off at any
/// point between two jobs of the scheduler. `scripts/storm` plays many more seeds; `scripts/test` has it play a thousand.
///
/// `NOVITAI_SEEDS=1000` runs more seeds, `NOVITAI_SEED=42` one, with its whole trace when it fails.
@Suite("Simulated crashes")
struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let onlySeed = environment["NOVITAI_SEED"].flatMap { UInt64($0) }
    private static let seeds = onlySeed.map { $0...$0 } ?? 1...(environment["NOVITAI_SEEDS"].flatMap { UInt64($0) } ?? 20)

    @Test("Whatever fails and crashes: one machine per request, released in the end, and a log without gaps")
    func seeds() async throws {
        let (tally, failed) = try await SeedRun.playAll(Self.seeds, atOnce: ProcessInfo.processInfo.activeProcessorCount)
        for run in failed {
            Issue.record("replay with NOVITAI_SEED=\(run.seed)\n\(run.excerpt(lines: Self.onlySeed == nil ? 30 : .max))")
        }
        #expect(tally.runs == Self.seeds.count)
        #expect(tally.missed.isEmpty)
    }

    @Test("What the brake or a freeze keeps back is waited for before a run is judged", arguments: [12_853, 61_356])
    func held(_ seed: UInt64) throws {
        #expect(try SeedRun(playing: seed).violations.isEmpty)
    }

    @Test("A restored create that finds two machines gives up neither: the second may be the one in use", arguments: [44_831])
    func restored(_ seed: UInt64) throws {
        #expect(try SeedRun(playing: seed).violations.isEmpty)
    }

    @Test("A machine that comes late while its instance is deleted is owed, and does not bring it back", arguments: [97_198])
    func lateAfterDelete(_ seed: UInt64) throws {
        #expect(try SeedRun(playing: seed).violations.isEmpty)
    }

    @Test("The same seed gives the same trace", arguments: [1, 7, 23, 111, 222])
    func repeated(_ seed: UInt64) throws {
        func play() throws -> Finding {
            try withTemporaryDirectory { try Universe(Scenario(seed: seed), directory: $0).run() }
        }
        let (first, second) = (try play(), try play())
        #expect(first.trace.count > 20)
        #expect(first.trace == second.trace)
        #expect(first.events == second.events)
    }
}
