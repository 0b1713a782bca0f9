import Fleet
import Foundation
import GRDB
import SQLiteStore
import StoreContract
import Testing

/// A database that an earlier release wrote, opened by this one. Its rows are never edited: a release reads what the ones before it left.
@Suite("Rows of earlier releases")
struct GoldenRowsTests {
    private static func withGolden(changedBy sql: String = "", _ body: (InlineSQLiteStore) async throws -> Void) async throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
        let dump = try String(contentsOf: folder.appendingPathComponent("generation-1.sql"), encoding: .utf8)
        try await withFile { file in
            let directory = URL(fileURLWithPath: file.path).deletingLastPathComponent().path
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let queue = try DatabaseQueue(path: file.path)
            try await queue.writeWithoutTransaction { try $0.execute(sql: dump + sql) }
            try queue.close()
            let store = try file.openInline()
            defer { store.close() }
            try await body(store)
        }
    }

    @Test("Every row of the first release can be read, and nothing of it is lost")
    func rows() async throws {
        try await Self.withGolden { store in
            let all = HistoryQuery(tenant: nil, limit: 100)
            let instances = try await store.instances(all)
            #expect(instances.map(\.name) == ["three", "two", "one"])
            #expect(instances.map(\.state) == [.deleted, .pending, .running])
            let one = instances[2]
            #expect(one.endpoints.count == 2 && one.spec.environmentNames == ["A"] && one.spec.maxHourlyPrice == .dollars(2))
            #expect(one.deletionProtection && one.labels == ["team": "x"] && one.readiness == .ready)
            #expect(try await store.environment(of: one.id) == InstanceEnvironment(["A": "b"]))
            #expect(instances[1].debts.map(\.hourlyPrice.micros) == [180_000] && instances[1].wastedCost == MicroUSD(micros: 1234))
            #expect(instances[1].liableMachines == 2)
            let jobs = try await store.jobs(all)
            #expect(jobs.count == 7 && Set(jobs.map(\.type)) == Set(JobType.allCases.prefix(5)))
            #expect(try await store.events(after: .zero, limit: 1000).count == 49)
        }
    }

    @Test("Fields that a later release has added to a row are left aside, so that it can be taken back")
    func later() async throws {
        let sql =
            "UPDATE job SET payload = json_set(payload, '$.later', json('{\"a\":[1]}'));"
            + "UPDATE instance SET payload = json_set(payload, '$.later', 'x');"
        try await Self.withGolden(changedBy: sql) { store in
            let all = HistoryQuery(tenant: nil, limit: 100)
            let jobs = try await store.jobs(all)
            #expect(jobs.count == 7 && jobs.allSatisfy { $0.trace == nil })
            #expect(try await store.instances(all).count == 3)
        }
    }

    @Test("An unsettled create of the first release is leased and goes on where it was")
    func unsettled() async throws {
        try await Self.withGolden { store in
            let snapshot = try await store.attach(RecordingFollower())
            #expect(snapshot.instances.map(\.name) == ["one", "two"] && snapshot.jobs.count == 1)
            let now = Timestamp(seconds: 1_795_690_000)
            let leased = try await store.lease(
                LeaseRequest(token: Sample.token("t"), now: now, expiresAt: now + .seconds(30), limit: 10))
            let job = try #require(leased.jobs.first)
            guard case .settle(let attempt, 0) = job.step else {
                Issue.record("the step is \(job.step)")
                return
            }
            #expect(attempt.number == 1 && attempt.placement.hourlyPrice.micros == 180_000 && job.createCalls == 1)
        }
    }
}
