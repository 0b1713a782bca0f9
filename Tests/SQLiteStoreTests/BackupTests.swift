import Fleet
import Foundation
import GRDB
import StoreContract
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Backup and restore")
struct BackupTests {
    private func write(_ backup: any BackupCopy, to path: String, changing: Int? = nil) throws {
        defer { backup.release() }
        var bytes: [UInt8] = []
        while true {
            let part = try backup.read(upTo: 1000)
            guard !part.isEmpty else { break }
            bytes += part
        }
        #expect(bytes.count == backup.byteCount)
        if let changing { bytes[changing] ^= 0xFF }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private func restore(_ backup: String, to path: String) -> Result<Deployment, Restoring.Failure> {
        var generator = SystemRandomNumberGenerator()
        let options = SQLiteOptions(path: path, isDurable: false)
        do throws(Restoring.Failure) {
            return .success(try Restoring.restore(from: backup, to: options, now: Sample.start, using: &generator))
        } catch {
            return .failure(error)
        }
    }

    @Test("A backup holds what was committed before it and nothing later, and becomes a database with a history of its own")
    func restored() async throws {
        try await withFile { file in
            let store = try file.open()
            let original = try await store.attach(RecordingFollower())
            let first = try await store.commit(Sample.creation(1))
            let backup = try await store.makeBackup()
            _ = try await store.commit(Sample.creation(2))
            #expect(backup.revision == first.revision && backup.deployment == original.deployment)
            let path = file.directory + "/backup"
            try self.write(backup, to: path)
            await store.close()

            let copy = TemporaryDatabase()
            defer { copy.destroy() }
            let deployment = try self.restore(path, to: copy.path).get()
            #expect(deployment.id == original.deployment.id && deployment.history != original.deployment.history)
            let restored = try copy.openInline()
            let snapshot = try await restored.attach(RecordingFollower())
            #expect(snapshot.deployment == deployment && snapshot.revision == first.revision)
            #expect(snapshot.instances.map(\.id) == [Sample.instance(1).id] && snapshot.jobs.map(\.id) == [Sample.jobID(1)])
            restored.close()
            let again = try copy.openInline()
            #expect(try await again.attach(RecordingFollower()).deployment == deployment, "it is doubted once, not at each opening")
            again.close()
            #expect(self.restore(path, to: copy.path) == .failure(.exists(path: copy.path)))
        }
    }

    @Test("One backup at a time, and nothing of one stays on the disk")
    func slot() async throws {
        try await withFile { file in
            let store = try file.open()
            let first = try await store.makeBackup()
            await #expect(throws: StoreError.unavailable("another backup is being read")) { _ = try await store.makeBackup() }
            first.release()
            first.release()
            let second = try await store.makeBackup()
            let left = try FileManager.default.contentsOfDirectory(atPath: file.directory + "/store")
            #expect(left.filter { $0.contains("backup") }.isEmpty)
            second.release()
            await store.close()
        }
    }

    @Test("A closed store makes no backup, and one that failed does not hold the place of the next")
    func closed() async throws {
        try await withFile { file in
            let store = try file.open()
            await store.close()
            for _ in 1...2 {
                await #expect(throws: StoreError.unavailable("the store is closed")) { _ = try await store.makeBackup() }
            }
        }
    }

    @Test("A restored database is only observed, and says since when and why")
    func observed() async throws {
        try await withFile { file in
            let store = try file.open()
            let path = file.directory + "/backup"
            try self.write(try await store.makeBackup(), to: path)
            await store.close()
            let copy = TemporaryDatabase()
            defer { copy.destroy() }
            _ = try self.restore(path, to: copy.path).get()
            let restored = try copy.openInline()
            let control = try await restored.attach(RecordingFollower()).control
            #expect(control.observation == FleetControl.Observation(reason: "the database was restored from a backup", since: Sample.start))
            #expect(try await restored.audit(AuditQuery(limit: 9)).map(\.entry.action) == ["ObserveDeployment"])
            restored.close()
        }
    }

    /// More pages than one step copies, so that commits come in between: each of them is answered, and the copy has every one that was
    /// answered before it was complete, whole.
    @Test("Commits go on while a backup is made, and it is of one moment")
    func concurrent() async throws {
        try await withFile { file in
            var limits = SQLiteLimits()
            limits.backupPagesPerStep = 1
            let store = try file.open(limits: limits)
            _ = try await store.attach(RecordingFollower())
            for number in 1...40 { _ = try await store.commit(Sample.creation(number)) }
            let before = try await store.events(after: .zero, limit: 1000).count
            async let making = store.makeBackup()
            var during = 0
            for number in 41...80 {
                _ = try await store.commit(Sample.creation(number))
                during += 1
            }
            let backup = try await making
            #expect(during == 40 && backup.revision.number >= before)
            let path = file.directory + "/backup"
            try self.write(backup, to: path)
            await store.close()

            let copy = TemporaryDatabase()
            defer { copy.destroy() }
            _ = try self.restore(path, to: copy.path).get()
            let restored = try copy.openInline()
            let snapshot = try await restored.attach(RecordingFollower())
            #expect(snapshot.revision == backup.revision && snapshot.instances.count * 2 == Int(backup.revision.number))
            #expect(try await restored.events(after: .zero, limit: 1000).map(\.revision.number) == Array(1...backup.revision.number))
            restored.close()
        }
    }

    @Test("What is committed between two steps is in the copy, also in pages that were copied before")
    func betweenSteps() async throws {
        try await withFile { file in
            var limits = SQLiteLimits()
            limits.backupPagesPerStep = 1
            let store = try file.openInline(limits: limits)
            for number in 1...20 { _ = try await store.commit(Sample.creation(number)) }
            let path = file.directory + "/copy.db"
            let destination = try DatabaseQueue(path: path)
            var number = 20
            try store.core.copy(to: destination) { database in
                guard number < 30 else { return }
                number += 1
                store.core.apply([BatchItem(try StoreOperation<Committed>.commit(Sample.creation(number))) { _ in }], in: database)
            }
            store.close()
            let (names, check) = try await destination.read { database in
                (
                    try String.fetchAll(database, sql: "SELECT id FROM instance ORDER BY created_at"),
                    try String.fetchOne(database, sql: "PRAGMA integrity_check")
                )
            }
            try destination.close()
            #expect(names == (1...30).map { "i-\($0)" } && check == "ok")
        }
    }

    @Test("A backup that takes too long ends, and the store goes on")
    func tooLong() async throws {
        try await withFile { file in
            var limits = SQLiteLimits()
            (limits.backupPagesPerStep, limits.backupDurationMax) = (1, .zero)
            let store = try file.open(limits: limits)
            await #expect(throws: StoreError.unavailable("the backup took too long")) { _ = try await store.makeBackup() }
            _ = try await store.commit(Sample.creation(1))
            await store.close()
        }
    }

    @Test("A database that a server has open is not restored over, though it was moved away")
    func inUse() async throws {
        try await withFile { file in
            let store = try file.open()
            let path = file.directory + "/backup"
            try self.write(try await store.makeBackup(), to: path)
            for suffix in ["", "-wal"] {
                try? FileManager.default.moveItem(atPath: file.path + suffix, toPath: file.path + suffix + ".old")
            }
            #expect(self.restore(path, to: file.path) == .failure(.inUse(path: file.path)))
            await store.close()
            #expect((try? self.restore(path, to: file.path).get()) != nil)
        }
    }

    /// In the header, in the schema's page, and in a page of rows.
    @Test("A damaged backup is refused, and no database is made of it", arguments: [20, 100])
    func damaged(_ position: Int) async throws {
        try await withFile { file in
            let store = try file.open()
            _ = try await store.commit(Sample.creation(1))
            let backup = try await store.makeBackup()
            let path = file.directory + "/backup"
            try self.write(backup, to: path, changing: position)
            await store.close()
            let target = file.directory + "/elsewhere/novitai.db"
            guard case .failure(.damaged) = self.restore(path, to: target) else {
                Issue.record("it was restored")
                return
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: file.directory + "/elsewhere") == ["novitai.db.lock"])
        }
    }

    @Test("The database of another program is refused")
    func foreign() async throws {
        try await withFile { file in
            let path = file.directory + "/text"
            try FileManager.default.createDirectory(atPath: file.directory, withIntermediateDirectories: true)
            try Data("no database".utf8).write(to: URL(fileURLWithPath: path))
            guard case .failure(.damaged) = self.restore(path, to: file.path) else {
                Issue.record("it was restored")
                return
            }
        }
    }
}
