import Fleet
import SQLiteStore
import StoreContract
import Testing

/// Serialized: they wait for processes, and would take each other's time.
@Suite("Crashes of the process", .serialized, .timeLimit(.minutes(2)))
struct CrashTests {
    /// Bytes of a file that is full for them: three of the largest groups fit at least, beside the tables themselves.
    private static let fullSize = 1 << 20

    @Test("After kill -9 in a storm of commits every acknowledged one is there, whole, and nothing is half there")
    func killed() async throws {
        try await withFile { file in
            var acknowledged: [Int] = []
            for round in 0..<4 {
                let child = try await CrashChild.run(path: file.path, first: round * 1_000_000) { child in
                    try await child.read(until: 40 + 60 * round, "acknowledged")
                    child.kill()
                }
                #expect(child.greeting == "open")
                acknowledged += child.numbers("acknowledged")
                try await self.expectWhole(file, containing: acknowledged)
            }
            #expect(acknowledged.count >= 520)
        }
    }

    @Test("While the disk is full commits are refused and leave nothing, also when the process is killed then")
    func killedWhileFull() async throws {
        try await withFile { file in
            let child = try await CrashChild.run(path: file.path, first: 0, fileBytesMax: Self.fullSize) { child in
                try await child.read(until: 100, "unavailable")
                child.kill()
            }
            #expect(child.numbers("acknowledged").count > 0)
            #expect(child.numbers("unavailable").count >= 100)
            try await self.expectWhole(file, containing: child.numbers("acknowledged"), without: child.numbers("unavailable"))
        }
    }

    @Test("When a full disk has room again commits pass, and those that it refused are not there, not even the one group in doubt")
    func fullDisk() async throws {
        try await withFile { file in
            var before = 0
            let child = try await CrashChild.run(path: file.path, first: 0, fileBytesMax: Self.fullSize) { child in
                try await child.read(until: 100, "unavailable")
                before = child.numbers("acknowledged").count
                try await child.liftFileLimit()
                try await child.read(until: before + 50, "acknowledged")
                child.kill()
            }
            #expect(before > 0)
            #expect(child.numbers("unavailable").count >= 100)
            #expect(child.numbers("unknown").count <= 16)
            let refused = child.numbers("unavailable") + child.numbers("unknown")
            try await self.expectWhole(file, containing: child.numbers("acknowledged"), without: refused)
        }
    }

    @Test("A second process is told that the file is in use, and may have it once the first is gone")
    func secondProcess() async throws {
        try await withFile { file in
            let store = try file.open()
            let refused = try await CrashChild.run(path: file.path, first: 0, count: 1)
            #expect(refused.greeting == "in use")
            await store.close()
            let next = try await CrashChild.run(path: file.path, first: 0, count: 1)
            #expect(next.greeting == "open")
            #expect(next.numbers("acknowledged") == [0])
        }
    }

    /// Every commit of the child creates one of each thing: they are there together or not at all, and the log has no gap.
    private func expectWhole(_ file: TemporaryDatabase, containing acknowledged: [Int], without refused: [Int] = []) async throws {
        let store = try file.openInline()
        defer { store.close() }
        let all = HistoryQuery(tenant: nil, limit: 1_000_000)
        let instances = Set(try await store.instances(all).map { String($0.id.rawValue.dropFirst(2)) })
        let jobs = Set(try await store.jobs(all).map { String($0.id.rawValue.dropFirst(2)) })
        let events = try await store.events(after: .zero, limit: 1_000_000)
        #expect(instances == jobs)
        #expect(instances.isSuperset(of: acknowledged.map(String.init)))
        #expect(instances.isDisjoint(with: refused.map(String.init)))
        #expect(events.map(\.revision.number) == Array(1...Int64(instances.count * 2)))
        for number in instances {
            let request = try await store.request(Sample.requestKey("r-\(number)"))
            let environment = try await store.environment(of: InstanceID(rawValue: "i-\(number)"))
            try #require(request != nil && environment.values == ["TOKEN": "secret-\(number)"], "commit \(number)")
        }
    }
}
