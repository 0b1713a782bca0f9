import Fleet
import Foundation
import GRDB
import SQLiteStore
import StoreContract
import TestSupport
import Testing

@Suite("Opening and closing a database file")
struct OpeningTests {
    private func mode(_ path: String) throws -> Int {
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
        return try #require(mode?.intValue)
    }

    /// As another program would, between two runs of ours.
    private func change(_ file: TemporaryDatabase, _ sql: String) throws {
        let queue = try DatabaseQueue(path: file.path)
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    private func openError(_ path: String) -> SQLiteOpenError? {
        var generator = SystemRandomNumberGenerator()
        do {
            try InlineSQLiteStore(opening: SQLiteOptions(path: path), now: Sample.start, using: &generator).close()
            return nil
        } catch {
            return error
        }
    }

    /// The numbers of those of this process.
    private func lockDescriptors(of file: TemporaryDatabase) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { number in
            let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")) ?? ""
            return target.contains(URL(fileURLWithPath: file.directory).lastPathComponent) && target.hasSuffix(".lock")
        }
    }

    @Test("A file that was closed is free, though a process that is being forked still has a copy of its lock's descriptor")
    func inheritedDescriptor() async throws {
        try await withFile { file in
            let store = try file.openInline()
            let copies = try self.lockDescriptors(of: file).compactMap { Int32($0) }.map { dup($0) }
            defer { for copy in copies { close(copy) } }
            #expect(!copies.isEmpty)
            #expect(self.openError(file.path) == .inUse(path: file.path))
            store.close()
            #expect(self.openError(file.path) == nil)
        }
    }

    @Test("The directory and the files are made for their owner only")
    func permissions() async throws {
        try await withFile { file in
            let store = try file.openInline()
            _ = try await store.commit(Sample.creation(1))
            #expect(try self.mode(file.directory + "/store") == 0o700)
            for path in [file.path, file.path + "-wal", file.path + ".lock"] {
                #expect(try self.mode(path) == 0o600, "\(path)")
            }
            store.close()
        }
    }

    @Test("A deployment's ids are made with the database and stay; another database has others")
    func identity() async throws {
        try await withFile { file in
            let first = try file.openInline()
            let deployment = try await first.attach(RecordingFollower()).deployment
            #expect(deployment.createdAt == Sample.start)
            #expect(deployment.id.rawValue.count == 16)
            #expect(deployment.history.rawValue.count == 16)
            first.close()
            let second = try file.openInline()
            #expect(try await second.attach(RecordingFollower()).deployment == deployment)
            second.close()
            try await withFile { other in
                let third = try other.openInline()
                let another = try await third.attach(RecordingFollower()).deployment
                #expect(another.id != deployment.id)
                #expect(another.history != deployment.history)
                third.close()
            }
        }
    }

    @Test("A file has one owner at a time; closing it frees it")
    func ownership() async throws {
        try await withFile { file in
            let first = try file.openInline()
            #expect(self.openError(file.path) == .inUse(path: file.path))
            first.close()
            #expect(self.openError(file.path) == nil)
        }
    }

    @Test("A program started by this process does not inherit the lock")
    func closeOnExec() async throws {
        try await withFile { file in
            let store = try file.openInline()
            let descriptors = try self.lockDescriptors(of: file)
            #expect(!descriptors.isEmpty)
            for number in descriptors {
                let info = try String(contentsOfFile: "/proc/self/fdinfo/\(number)", encoding: .utf8)
                let flags = info.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t").last
                #expect(try #require(Int(flags ?? "", radix: 8)) & 0o2000000 != 0)
            }
            store.close()
        }
    }

    @Test("A lost store ends its thread and frees the file")
    func lost() async throws {
        try await withFile { file in
            var store: SQLiteStore? = try file.open()
            _ = try await store?.commit(Sample.creation(1))
            store = nil
            try await eventually("the file is free") { self.openError(file.path) != .inUse(path: file.path) }
            #expect(self.openError(file.path) == nil)
        }
    }

    @Test("A closed store refuses everything and can be closed again")
    func closed() async throws {
        try await withFile { file in
            let store = try file.open()
            _ = try await store.commit(Sample.creation(1))
            await store.close()
            await store.close()
            await #expect(throws: StoreError.unavailable("the store is closed")) { try await store.commit(Sample.creation(2)) }
            let inline = try file.openInline()
            inline.close()
            inline.close()
            await #expect(throws: StoreError.unavailable("the store is closed")) { try await inline.job(Sample.jobID(1)) }
        }
    }

    @Test("A clean close leaves everything in the one file")
    func checkpointAtClose() async throws {
        try await withFile { file in
            let store = try file.open()
            _ = try await store.commit(Sample.creation(1))
            await store.close()
            #expect(!FileManager.default.fileExists(atPath: file.path + "-wal"))
            let queue = try DatabaseQueue(path: file.path)
            #expect(try await queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM instance") } == 1)
            try queue.close()
        }
    }

    @Test("While it is open no other program can read or write it, so none can checkpoint it")
    func exclusive() async throws {
        try await withFile { file in
            let store = try file.openInline()
            _ = try await store.commit(Sample.creation(1))
            #expect(throws: DatabaseError.self) { try self.change(file, "SELECT count(*) FROM instance") }
            _ = try await store.commit(Sample.creation(2))
            store.close()
        }
    }

    @Test("A schema of a later generation is refused with both generations named, and the file stays as it is")
    func newerSchema() async throws {
        try await withFile { file in
            try file.openInline().close()
            try self.change(file, "PRAGMA user_version = 2")
            let before = try Data(contentsOf: URL(fileURLWithPath: file.path))
            #expect(self.openError(file.path) == .schemaTooNew(path: file.path, generation: 2, supported: 1))
            #expect(try Data(contentsOf: URL(fileURLWithPath: file.path)) == before)
        }
    }

    @Test("What the next release only added is left alone")
    func addedSchema() async throws {
        try await withFile { file in
            let first = try file.openInline()
            _ = try await first.commit(Sample.creation(1))
            first.close()
            try self.change(
                file,
                """
                ALTER TABLE instance ADD COLUMN budget TEXT;
                CREATE TABLE budget (id TEXT PRIMARY KEY);
                INSERT INTO grdb_migrations VALUES ('second slice');
                UPDATE instance SET budget = 'b-1';
                """)
            let second = try file.openInline()
            _ = try await second.commit(Commit(instances: [Sample.instance(1).deleted()]))
            second.close()
            let queue = try DatabaseQueue(path: file.path)
            #expect(try await queue.read { try String.fetchAll($0, sql: "SELECT budget FROM instance") } == ["b-1"])
            try queue.close()
        }
    }

    @Test("Another program's database, and what is none, are refused")
    func foreignFiles() async throws {
        try await withFile { file in
            try FileManager.default.createDirectory(atPath: file.directory + "/store", withIntermediateDirectories: true)
            try self.change(file, "CREATE TABLE other (id INTEGER)")
            #expect(self.openError(file.path) == .notOurs(path: file.path))
            let text = file.directory + "/text"
            try Data(repeating: UInt8(ascii: "x"), count: 5000).write(to: URL(fileURLWithPath: text))
            guard case .failed(text, let reason) = self.openError(text) else {
                Issue.record("a text file was opened")
                return
            }
            #expect(reason.contains("not a database"))
            guard case .failed = self.openError(text + "/below/novitai.db") else {
                Issue.record("a directory was made below a file")
                return
            }
        }
    }

    @Test(
        "DATABASE_URL names a path after sqlite:",
        arguments: [
            ("sqlite:.novitai/novitai.db", ".novitai/novitai.db"), ("sqlite:/var/lib/a b", "/var/lib/a b"), ("sqlite:", nil),
            ("sqlite:a\u{0}b", nil), ("postgres://localhost/db", nil), ("SQLITE:x", nil), ("", nil),
        ] as [(String, String?)])
    func url(_ text: String, _ path: String?) {
        #expect(SQLiteOptions.path(inURL: text) == path)
    }

    @Test("What is abandoned without being closed goes on as it was, and is taken for no other database")
    func abandoned() async throws {
        try await withFile { file in
            var known: Deployment?
            for number in 1...3 {
                let store = try file.openInline()
                let snapshot = try await store.attach(RecordingFollower())
                #expect(snapshot.instances.count == number - 1 && snapshot.control == FleetControl())
                if let known { #expect(snapshot.deployment == known) }
                known = snapshot.deployment
                _ = try await store.commit(Sample.creation(number))
                store.abandon()
                await #expect(throws: StoreError.self) { try await store.commit(Sample.creation(9)) }
            }
        }
    }

    @Test("An empty database that was made beforehand becomes what a new one would be")
    func prepared() async throws {
        func ids(_ file: TemporaryDatabase) async throws -> Deployment {
            var generator = CountingGenerator()
            let store = try InlineSQLiteStore(opening: file.options(), now: Sample.start, using: &generator)
            defer { store.close() }
            let snapshot = try await store.attach(RecordingFollower())
            #expect(snapshot.control == FleetControl() && snapshot.revision == .zero)
            _ = try await store.commit(Sample.creation(1))
            return snapshot.deployment
        }
        try await withFile { new in
            try await withFile { prepared in
                let directory = URL(fileURLWithPath: prepared.path).deletingLastPathComponent()
                try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
                try EmptyDatabase.make(at: prepared.path)
                #expect(try await ids(new) == (try await ids(prepared)))
            }
        }
    }

    private struct CountingGenerator: RandomNumberGenerator {
        var count: UInt64 = 0

        mutating func next() -> UInt64 {
            self.count += 1
            return self.count
        }
    }
}
