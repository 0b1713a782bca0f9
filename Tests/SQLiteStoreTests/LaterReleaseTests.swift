import Fleet
import Foundation
import GRDB
import SQLiteStore
import StoreContract
import Testing

/// What a later release has written and this one finds after it was taken back.
@Suite("Rows of later releases")
struct LaterReleaseTests {
    private static let now = Sample.time(100)

    private static func change(_ path: String, _ sql: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    private static func rows(_ path: String) throws -> [String] {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.inDatabase { database in
            try String.fetchAll(
                database, sql: "SELECT payload || due_at FROM job WHERE is_unfinished = 1 UNION ALL SELECT payload FROM instance ORDER BY 1"
            )
        }
    }

    /// Three instances, each with a create; the job of the first is changed.
    private static func withChanged(_ sql: String, _ body: (TemporaryDatabase) async throws -> Void) async throws {
        try await withFile { file in
            let store = try file.openInline()
            for number in 1...3 { _ = try await store.commit(Sample.creation(number)) }
            store.close()
            try Self.change(
                file.path,
                "\(sql) WHERE id = 'j-1'; UPDATE event SET payload = (SELECT payload FROM job WHERE id = 'j-1') WHERE revision = 2")
            try await body(file)
        }
    }

    private static let changes = [
        (
            "a kind", "UPDATE job SET payload = json_set(payload, '$.type', 'hibernateInstance', '$.thaw', json('{\"a\":1}'))", "PLACE",
            JobType.unrecognized
        ),
        ("a step", "UPDATE job SET payload = json_set(payload, '$.step', json('{\"coolDown\":{\"_0\":7}}'))", "COOL_DOWN", .createInstance),
        ("a state", "UPDATE job SET payload = json_set(payload, '$.state', 'napping')", "PLACE", .createInstance),
        ("a cause", "UPDATE job SET payload = json_set(payload, '$.cause', 'solarFlare')", "PLACE", .createInstance),
    ]

    @Test("A job with a word that this release does not know is shown, not run, and its row stays as it is", arguments: changes)
    func kept(_ word: String, _ sql: String, _ step: String, _ type: JobType) async throws {
        try await Self.withChanged(sql) { file in
            let before = try Self.rows(file.path)
            let store = try file.openInline()
            let snapshot = try await store.attach(RecordingFollower())
            let unread = try #require(snapshot.jobs.first { $0.id == Sample.jobID(1) })
            #expect(unread.isUnread && unread.type == type && unread.step.name == step && unread.state == .waiting)
            #expect(unread.progress.contains("not known to this release") && unread.revision == Revision(2))
            let all = HistoryQuery(tenant: nil, limit: 10)
            #expect(try await store.jobs(all).count == 3)
            #expect(try await store.events(after: .zero, limit: 10).count == 6)
            let leased = try await store.lease(
                LeaseRequest(token: Sample.token("t"), now: Self.now, expiresAt: Self.now + .seconds(30), limit: 1))
            #expect(leased.jobs.map(\.id) == [Sample.jobID(2)], "it takes nobody's turn")
            let rest = try await store.lease(
                LeaseRequest(token: Sample.token("t"), now: Self.now, expiresAt: Self.now + .seconds(30), limit: 9))
            #expect(rest.jobs.map(\.id) == [Sample.jobID(3)] && rest.nextDueAt == nil, "and keeps nobody awake")
            store.close()
            #expect(try Self.rows(file.path) == before)
        }
    }

    @Test("Nothing of its instance is written, whoever decides it; of the others everything is")
    func resting() async throws {
        try await Self.withChanged(Self.changes[0].1) { file in
            let store = try file.openInline()
            defer { store.close() }
            let refusal = StoreError.unread(Sample.jobID(1))
            await #expect(throws: refusal) { try await store.commit(Commit(instances: [Sample.instance(1)])) }
            await #expect(throws: refusal) { try await store.commit(Commit(jobs: [.init(Sample.job(1).ended())])) }
            await #expect(throws: refusal) { try await store.commit(Commit(jobs: [.init(Sample.job(9, of: 1, type: .deleteInstance))])) }
            _ = try await store.commit(Commit(instances: [Sample.instance(2)], jobs: [.init(Sample.job(2).ended())]))
        }
    }

    @Test("The release that knows the word finds its job due as it was")
    func goesOn() async throws {
        try await Self.withChanged(Self.changes[0].1) { file in
            try file.openInline().close()
            try Self.change(file.path, "UPDATE job SET payload = json_set(payload, '$.type', 'createInstance') WHERE id = 'j-1'")
            let store = try file.openInline()
            defer { store.close() }
            let leased = try await store.lease(
                LeaseRequest(token: Sample.token("t"), now: Self.now, expiresAt: Self.now + .seconds(30), limit: 9))
            #expect(leased.jobs.map(\.id) == [1, 2, 3].map(Sample.jobID))
            _ = try await store.commit(Commit(instances: [Sample.instance(1)]))
        }
    }

    @Test("An ended job of an unknown kind is history, and keeps nothing from being done")
    func ended() async throws {
        let sql = """
            UPDATE job SET is_unfinished = 0, payload = json_set(payload, '$.type', 'hibernateInstance', '$.state', 'thawed', '$.endedAt', 1)
            """
        try await Self.withChanged(sql) { file in
            let store = try file.openInline()
            defer { store.close() }
            #expect(try await store.job(Sample.jobID(1))?.state == .failed)
            #expect(try await store.attach(RecordingFollower()).jobs.count == 2)
            _ = try await store.commit(Commit(instances: [Sample.instance(1)]))
        }
    }

    @Test("A row that is no job at all still keeps the file from being opened")
    func damaged() async throws {
        try await Self.withChanged("UPDATE job SET payload = '{}'") { file in
            #expect(throws: SQLiteOpenError.self) { _ = try file.openInline() }
        }
    }

    @Test("The pause of an unknown queue stays whatever else is said, and is shown")
    func pauses() async throws {
        try await withFile { file in
            var store = try file.openInline()
            var control = FleetControl()
            control.pause(.saveImage, by: "op", reason: "r", at: Sample.start)
            _ = try await store.commit(Commit(control: control))
            store.close()
            try Self.change(file.path, "UPDATE control SET payload = replace(payload, 'saveImage', 'hibernateInstance')")
            store = try file.openInline()
            var found = try await store.attach(RecordingFollower()).control
            #expect(found.pauses?.map(\.type) == [.unrecognized] && found.pause(of: .saveImage) == nil)
            let queues = JobQueue.all(of: [], control: found, settings: FleetSettings())
            #expect(queues.last?.type == .unrecognized && queues.last?.pause?.actor == "op")
            found.pause(.startInstance, by: "op", reason: "r", at: Sample.start)
            found.resume(.startInstance)
            _ = try await store.commit(Commit(control: found))
            store.close()
            let queue = try DatabaseQueue(path: file.path)
            let payload = try await queue.read { try String.fetchOne($0, sql: "SELECT payload FROM control") }
            try queue.close()
            #expect(payload?.contains("hibernateInstance") == true)
        }
    }
}
