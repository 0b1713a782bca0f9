import Fleet
import SQLiteStore
import StoreContract
import TestSupport
import Testing

@Suite("Write-ahead log")
struct CheckpointTests {
    /// Bytes of the log's file after each of 300 commits, and what the store says of itself when it is closed.
    private static func steadyCommits(_ limits: SQLiteLimits) async throws -> (sizes: [Int], statistics: SQLiteStatistics) {
        var sizes: [Int] = []
        var statistics: SQLiteStatistics?
        try await withFile { file in
            let store = try file.open(limits: limits)
            for number in 0..<300 {
                _ = try await store.commit(Sample.creation(number))
                sizes.append(store.statistics.walBytes)
            }
            await store.close()
            statistics = store.statistics
        }
        return (sizes, try #require(statistics))
    }

    @Test("Under steady commits the log's file stays within its limit and one group")
    func bounded() async throws {
        var limits = SQLiteLimits()
        limits.walBytesMax = 256 << 10
        let (sizes, statistics) = try await Self.steadyCommits(limits)
        #expect(statistics.checkpointLatency.count > 1)
        #expect(statistics.failedCheckpoints == 0)
        #expect(try #require(sizes.max()) < limits.walBytesMax + (256 << 10))
    }

    @Test("Under steady commits the log is written back again and again, and its file overwritten and not cut")
    func steady() async throws {
        var limits = SQLiteLimits()
        limits.logBytesMax = 256 << 10
        let (sizes, statistics) = try await Self.steadyCommits(limits)
        #expect(statistics.checkpointLatency.count > 3)
        #expect(statistics.failedCheckpoints == 0)
        #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(try #require(sizes.last) < limits.logBytesMax + (256 << 10))
    }

    @Test("The core asks for a checkpoint beyond the limit, and a log written back is overwritten instead of growing")
    func overwritten() async throws {
        try await withFile { file in
            let store = try file.openInline()
            var sizes: [Int] = []
            for number in 0..<20 {
                _ = try await store.commit(Sample.creation(number))
                #expect(try store.core.checkpoint())
                sizes.append(store.core.walBytes)
            }
            #expect(try !store.core.checkpoint(), "nothing was written since")
            #expect(sizes.allSatisfy { $0 > 0 })
            #expect(try #require(sizes.last) < sizes[0] * 3)
            store.close()
        }
    }

    @Test("In a quiet moment the log is written back without being asked")
    func idle() async throws {
        try await withFile { file in
            var limits = SQLiteLimits()
            limits.idleBeforeCheckpoint = .zero
            let store = try file.open(limits: limits)
            _ = try await store.commit(Sample.creation(1))
            try await eventually("the log is written back") { store.statistics.checkpointLatency.count > 0 }
            _ = try await store.commit(Sample.creation(2))
            await store.close()
            #expect(store.statistics.failedCheckpoints == 0)
        }
    }
}
