import Fleet
import Foundation
import Testing

/// The engine, the real store's core and the provider in one process, under one seeded scheduler on virtual time, cut off at any
/// point between two jobs of the scheduler.
///
/// `NOVITAI_SEEDS=1000` runs more seeds, `NOVITAI_SEED=42` one, with its whole trace when it fails.
@Suite("Simulated crashes")
struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let onlySeed = environment["NOVITAI_SEED"].flatMap { UInt64($0) }
    private static let seeds = onlySeed.map { [$0] } ?? Array(1...(environment["NOVITAI_SEEDS"].flatMap { UInt64($0) } ?? 300))
    /// Runs at a time: each is one thread.
    private static let runsAtOnce = max(1, ProcessInfo.processInfo.activeProcessorCount)

    @Test("Whatever fails and crashes: one machine per request, released in the end, and a log without gaps")
    func seeds() async throws {
        let findings = try await Self.runAll(Self.seeds)
        for finding in findings {
            #expect(finding.violations.isEmpty, "replay with NOVITAI_SEED=\(finding.scenario.seed)\n\(Self.excerpt(finding))")
        }
        guard Self.seeds.count >= 300 else { return }
        let hits = Self.table(findings)
        print(hits.map { "server died: \($0.0): \($0.1) times" }.joined(separator: "\n"))
        for (phase, count) in hits { #expect(count >= 5, "too few crashes: \(phase)") }
        let overtaken = findings.reduce(0) { $0 + $1.refusals("conflict", "delete") }
        let fenced = findings.reduce(0) { $0 + $1.refusals("leaseLost") }
        print("deletes decided on what had changed meanwhile: \(overtaken), stale workers fenced off: \(fenced)")
        #expect(overtaken > 0 && fenced > 0)
        let endings = findings.reduce(into: [JobCause: Int]()) { $0.merge($1.endingsByCause, uniquingKeysWith: +) }
        print("endings by policies: \(endings.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" })")
        for cause in [JobCause.idle, .leaseLapsed, .lifetime, .schedule] { #expect(endings[cause, default: 0] > 0, "none by \(cause)") }
        let recoveries = findings.reduce(0) { $0 + $1.recoveries }
        let replacements = findings.reduce(0) { $0 + $1.replacements.values.reduce(0, +) }
        print("recoveries of machines that were taken back: \(recoveries), machines replaced: \(replacements)")
        #expect(recoveries > 0 && replacements > 0)
        #expect(findings.contains { $0.hasWaste }, "no run had a machine too many")
        #expect(findings.contains { $0.hasSecondAttempt }, "no run proved a machine absent")
    }

    @Test("The same seed gives the same trace", arguments: [1, 7, 23, 111, 222])
    func repeated(_ seed: UInt64) throws {
        let first = try Self.run(seed)
        let second = try Self.run(seed)
        #expect(first.trace.count > 20)
        #expect(first.trace == second.trace)
        #expect(first.events == second.events)
    }

    private static func runAll(_ seeds: [UInt64]) async throws -> [Finding] {
        try await withThrowingTaskGroup(of: Finding.self) { group in
            var waiting = seeds.makeIterator()
            for _ in 0..<Self.runsAtOnce {
                if let seed = waiting.next() { group.addTask { try Self.run(seed) } }
            }
            var findings: [Finding] = []
            while let finding = try await group.next() {
                findings.append(finding)
                if let seed = waiting.next() { group.addTask { try Self.run(seed) } }
            }
            return findings.sorted { $0.scenario.seed < $1.scenario.seed }
        }
    }

    private static func run(_ seed: UInt64) throws -> Finding {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("novitai-simulation-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let universe = Universe(Scenario(seed: seed), directory: directory)
        do {
            return try universe.run()
        } catch {
            Issue.record("seed \(seed): \(error)\n\(universe.trace.all.suffix(30).joined(separator: "\n"))")
            throw error
        }
    }

    private static func table(_ findings: [Finding]) -> [(String, Int)] {
        CreatePhase.allCases.map { phase in
            (phase.rawValue, findings.reduce(0) { $0 + ($1.crashesByPhase[phase] ?? 0) })
        } + [("elsewhere", findings.reduce(0) { $0 + $1.crashesElsewhere })]
    }

    private static func excerpt(_ finding: Finding) -> String {
        guard !finding.violations.isEmpty else { return "" }
        let trace = Self.onlySeed == nil ? finding.trace.suffix(30) : finding.trace[...]
        return (finding.violations + trace).joined(separator: "\n")
    }
}
