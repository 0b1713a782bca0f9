import Fleet
import Foundation
import GRDB
import SQLiteStore
import StoreContract
import Testing

@Suite("Restored and copied databases")
struct MarkTests {
    private struct Standing: Equatable {
        var control: FleetControl
        var history: HistoryID
    }

    private static func control(of file: TemporaryDatabase) async throws -> Standing {
        let store = try file.openInline()
        defer { store.close() }
        let snapshot = try await store.attach(RecordingFollower())
        return Standing(control: snapshot.control, history: snapshot.deployment.history)
    }

    private static func copy(_ path: String, to other: String) throws {
        try? FileManager.default.removeItem(atPath: other)
        try FileManager.default.copyItem(atPath: path, toPath: other)
    }

    @Test("A database that is opened again where it was is active, and its history goes on")
    func again() async throws {
        try await withFile { file in
            let first = try await Self.control(of: file)
            for _ in 0..<3 {
                let again = try await Self.control(of: file)
                #expect(again == first)
            }
            #expect(first.control == FleetControl())
        }
    }

    @Test("A backup that is put back is only observed, under another history, until somebody says otherwise")
    func restored() async throws {
        try await withFile { file in
            let first = try await Self.control(of: file)
            let backup = file.directory + "/backup.db"
            try Self.copy(file.path, to: backup)
            _ = try await Self.control(of: file)
            // Written over in place, so that the file is the same one.
            try Data(contentsOf: URL(fileURLWithPath: backup)).write(to: URL(fileURLWithPath: file.path))
            let restored = try await Self.control(of: file)
            #expect(restored.control.observation?.reason.contains("backup was put back") == true)
            #expect(restored.history != first.history)
            let store = try file.openInline()
            #expect(try await store.audit(AuditQuery(limit: 1)).first?.entry.action == "ObserveDeployment")
            #expect(try await store.attach(RecordingFollower()).deployment.history == restored.history, "one new history, not one more")
            _ = try await store.commit(Commit(control: FleetControl()))
            store.close()
            let activated = try await Self.control(of: file)
            #expect(activated.control == FleetControl(), "\(activated.control.observation?.reason ?? "")")
        }
    }

    @Test("A backup that was taken from the running file is known when it is put back, though the server has not been opened since")
    func hotBackup() async throws {
        try await withFile { file in
            let store = try file.openInline()
            _ = try await store.commit(Commit(audit: []))
            _ = try store.core.checkpoint(.truncating)
            let backup = file.directory + "/backup.db"
            try Self.copy(file.path, to: backup)
            store.close()
            try Data(contentsOf: URL(fileURLWithPath: backup)).write(to: URL(fileURLWithPath: file.path))
            #expect(try await Self.control(of: file).control.observation != nil)
        }
    }

    @Test("A backup from before the first mark is known by the mark beside it; a new database beside the mark of an old one is none")
    func unmarked() async throws {
        try await withFile { file in
            _ = try await Self.control(of: file)
            try await DatabaseQueue(path: file.path).write { try $0.execute(sql: "UPDATE deployment SET mark = NULL") }
            #expect(try await Self.control(of: file).control.observation != nil)
            try FileManager.default.removeItem(atPath: file.path)
            #expect(try await Self.control(of: file).control == FleetControl())
        }
    }

    @Test("A copy elsewhere is only observed, with its mark or without", arguments: [true, false])
    func copied(_ withMark: Bool) async throws {
        try await withFile { file in
            _ = try await Self.control(of: file)
            try await withFile { other in
                let folder = URL(fileURLWithPath: other.path).deletingLastPathComponent().path
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Self.copy(file.path, to: other.path)
                if withMark { try Self.copy(file.path + ".mark", to: other.path + ".mark") }
                #expect(try await Self.control(of: other).control.observation != nil)
            }
            #expect(try await Self.control(of: file).control == FleetControl(), "the original is active")
        }
    }

    @Test("A crash between the mark and the database is no restore")
    func crashed() async throws {
        try await withFile { file in
            _ = try await Self.control(of: file)
            let url = URL(fileURLWithPath: file.path + ".mark")
            var mark = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
            (mark["tokenBefore"], mark["token"]) = (mark["token"], "whatever was about to be written")
            try JSONSerialization.data(withJSONObject: mark).write(to: url)
            #expect(try await Self.control(of: file).control == FleetControl())
        }
    }
}
