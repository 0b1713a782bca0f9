import Fleet
import SQLiteStore
import StoreContract
import TestSupport
import Testing

@Suite("Write-ahead log")
struct CheckpointTests {
    @Test("Under steady commits the log's file stays within its limit and one group")
    func bounded() async throws {
        try await withFile { file in
            var limits = SQLiteLimits()
            limits.walBytesMax = 256 << 10
            let store = try file.open(limits: limits)
            var largest = 0
            for number in 0..<300 {
                _ = try await store.commit(Sample.creation(number))
                largest = max(largest, store.statistics.walBytes)
            }
            await store.close()
            #expect(store.statistics.checkpointLatency.count > 1)
            #expect(store.statistics.failedCheckpoints == 0)
            #expect(largest < limits.walBytesMax + (256 << 10))
        }
    }

    @Test("Under steady commits the log is written back again and again, and its file overwritten and not cut")
    func steady() async throws {
        try await withFile { file in
            var limits = SQLiteLimits()
            limits.logBytesMax = 256 << 10
            let store = try file.open(limits: limits)
            var sizes: [Int] = []
            for number in 0..<300 {
                _ = try await store.commit(Sample.creation(number))
                sizes.append(store.statistics.walBytes)
            }
            await store.close()
            #expect(store.statistics.checkpointLatency.count > 3)
            #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(try #require(sizes.last) < limits.logBytesMax + (256 << 10))
        }
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
