package import Fleet
import Foundation
import GRDB
import Synchronization

extension SQLiteCore {
    /// Copies the database into another, some pages at a time.
    ///
    /// SQLite carries what the same connection changes in the meantime into the copy, so that it is of the moment at which it is complete,
    /// and the copying does not begin anew.
    ///
    /// - Parameter betweenSteps: an error that it throws ends the copying.
    func copy(to destination: DatabaseQueue, betweenSteps: @escaping (Database) throws -> Void) throws(StoreError) {
        let deadline = ContinuousClock.now + self.limits.backupDurationMax
        do {
            try destination.inDatabase { destination in
                try self.queue.inDatabase { database in
                    guard !self.state.withLock(\.isClosed) else { throw StoreError.unavailable("the store is closed") }
                    try database.backup(to: destination, pagesPerStep: CInt(self.limits.backupPagesPerStep)) { progress in
                        guard !progress.isCompleted else { return }
                        guard .now < deadline else { throw StoreError.unavailable("the backup took too long") }
                        try betweenSteps(database)
                    }
                }
            }
        } catch {
            throw StoreError(rolledBack: error)
        }
    }

    /// - Parameter copy: copies the database into another one.
    func makeBackup(_ copy: (DatabaseQueue) async throws -> Void) async throws(StoreError) -> FileBackup {
        guard self.backups.begin() else { throw .unavailable("another backup is being read") }
        let file = BackupFile(besides: self.file.path)
        // It has no name once it is open: whatever becomes of this process, its space is freed with the last descriptor.
        defer { file.remove() }
        do {
            let destination = try file.create()
            defer { try? destination.close() }
            try await copy(destination)
            let facts = try await destination.writeWithoutTransaction { database in
                // A single file, not one that goes with a log.
                try database.execute(sql: "PRAGMA journal_mode = DELETE")
                return try BackupFacts(database, sealer: self.sealer)
            }
            try destination.close()
            return try FileBackup(path: file.path, facts: facts, slot: self.backups)
        } catch {
            self.backups.end()
            throw StoreError(rolledBack: error)
        }
    }
}

/// The file that a backup is written to, beside the database.
private struct BackupFile {
    let path: String

    init(besides databasePath: String) { self.path = databasePath + ".backup" }

    /// An empty database in it. It need not survive a crash: nothing is forced to the disk.
    func create() throws -> DatabaseQueue {
        // What a process left behind that was killed while it wrote this file: nobody else has this name.
        self.remove()
        guard FileManager.default.createFile(atPath: self.path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
            throw StoreError.unavailable("the file \(self.path) cannot be created")
        }
        var configuration = Configuration()
        configuration.label = "novitai.backup"
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;") }
        return try DatabaseQueue(path: self.path, configuration: configuration)
    }

    func remove() {
        for suffix in ["", "-wal", "-shm", "-journal"] { try? FileManager.default.removeItem(atPath: self.path + suffix) }
    }
}

/// What a copy is of, read from the copy itself.
struct BackupFacts: Sendable {
    let deployment: Deployment
    let revision: Revision
    let keyIDs: [String]

    init(_ database: Database, sealer: (any Sealer)?) throws {
        let transaction = try Transaction(database, sealer: sealer)
        self.deployment = try transaction.deployment()
        self.revision = transaction.revision
        self.keyIDs = try Sealing.keyIDs(in: database, by: sealer)
    }
}

/// Room for one backup: each takes as much of the disk as the database.
final class BackupSlot: Sendable {
    private let isTaken = Mutex(false)

    func begin() -> Bool {
        self.isTaken.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
    }

    func end() { self.isTaken.withLock { $0 = false } }
}

/// A copy in a file without a name.
final class FileBackup: BackupCopy {
    let byteCount: Int
    private let facts: BackupFacts
    private let file: Mutex<FileHandle?>
    private let slot: BackupSlot

    var deployment: Deployment { self.facts.deployment }
    var revision: Revision { self.facts.revision }
    var keyIDs: [String] { self.facts.keyIDs }

    init(path: String, facts: BackupFacts, slot: BackupSlot) throws {
        self.facts = facts
        let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        self.byteCount = Int(try handle.seekToEnd())
        try handle.seek(toOffset: 0)
        self.file = Mutex(handle)
        self.slot = slot
    }

    deinit { self.release() }

    func read(upTo count: Int) throws(StoreError) -> [UInt8] {
        do {
            return try self.file.withLock { Array(try $0?.read(upToCount: count) ?? Data()) }
        } catch {
            throw .unavailable("the copy cannot be read")
        }
    }

    func release() {
        let handle = self.file.withLock { file in
            defer { file = nil }
            return file
        }
        guard let handle else { return }
        try? handle.close()
        self.slot.end()
    }
}

extension SQLiteStore: BackupSource {
    package func makeBackup() async throws(StoreError) -> any BackupCopy {
        try await self.core.makeBackup { try await self.thread.copy(to: $0) }
    }
}

extension InlineSQLiteStore: BackupSource {
    package func makeBackup() async throws(StoreError) -> any BackupCopy {
        try await self.core.makeBackup { try self.core.copy(to: $0) { _ in } }
    }
}
