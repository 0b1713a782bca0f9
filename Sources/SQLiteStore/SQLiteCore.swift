package import Fleet
import Foundation
import GRDB
import Synchronization

/// The store as a synchronous value of one open file: a group of operations, one transaction, no suspension, no thread of its own.
///
/// One connection does everything. SQLite's exclusive locking mode keeps its log's index in this process's memory, so that no
/// other program, a shell with the file open included, can write or checkpoint beside it (many versions of SQLite may corrupt a
/// file when two connections do: the "WAL-reset bug").
package final class SQLiteCore: Sendable {
    struct State {
        var isClosed = false
        /// A failed commit may still be in the log's file; see `fence`.
        var isInDoubt = false
        var attachment: Transaction.Attachment?
        /// Something was written since the last checkpoint; before the first it is not known.
        var hasLog = true
        /// Pages written to the log since then.
        var logPages = 0
        /// What the database and the file beside it are marked with, and since when.
        var mark = ""
        var markedAt = ContinuousClock.now
        var resting: RestingInstances = [:]
        /// The newest one that is committed; nil until it has been read. Only this store writes it.
        var revision: Revision?
    }

    package let limits: SQLiteLimits
    let sealer: (any Sealer)?
    let file: DatabaseFile
    let queue: DatabaseQueue
    private let mark: DatabaseMark
    private let log: LogFile
    let state = Mutex(State())
    let backups = BackupSlot()

    /// Opens the file, or makes it with a new deployment.
    ///
    /// - Parameters:
    ///   - now: the time of creation of a new deployment.
    ///   - generator: makes the ids of a new deployment.
    package init(
        opening options: SQLiteOptions, now: Timestamp, using generator: inout some RandomNumberGenerator
    ) throws(SQLiteOpenError) {
        self.limits = options.limits
        self.sealer = options.sealer
        self.file = try DatabaseFile(claiming: options.path)
        self.mark = DatabaseMark(besides: self.file.path, isDurable: options.isDurable)
        self.log = LogFile(path: self.file.walPath)
        do {
            self.queue = try Self.open(self.file.path, options)
        } catch {
            self.file.release()
            throw Self.openError(error, path: self.file.path)
        }
        do {
            try Schema.prepare(self.queue, path: self.file.path)
            let (isNew, hasRenewed, resting) = try self.queue.write { database in
                let isNew = try Deployment.create(in: database, now: now, using: &generator)
                try Self.endLeases(in: database)
                try Self.bringForward(in: database, at: now)
                let resting = try Transaction(database, sealer: options.sealer).restUnread()
                let hasRenewed = try Sealing.renew(in: database, by: options.sealer, path: self.file.path)
                // Within the transaction: nothing is sealed with a key that is not kept.
                try options.keepKeys()
                return (isNew, hasRenewed, resting)
            }
            // What was there in the clear must not stay in the log either.
            if hasRenewed { _ = try self.checkpoint(.truncating) }
            let mark = try self.queue.writeWithoutTransaction {
                try Deployment.mark(in: $0, self.mark, isNew: isNew, now: now, using: &generator)
            }
            self.state.withLock { ($0.mark, $0.resting) = (mark, resting) }
        } catch {
            self.close()
            throw Self.openError(error, path: self.file.path)
        }
    }

    /// Runs one operation in a transaction of its own.
    package func perform<Value>(_ operation: StoreOperation<Value>) throws(StoreError) -> Value {
        try self.transact(isForOne: true) { $0.attempt(operation) }.get()
    }

    /// Runs a group in one transaction. A refused operation fails alone; a failed transaction fails all of them. Every item is
    /// answered before the call returns, and the follower is told before that.
    package func apply(_ batch: [BatchItem]) {
        self.queue.inDatabase { self.apply(batch, in: $0) }
    }

    func apply(_ batch: [BatchItem], in database: Database) {
        do {
            let answers = try self.transact(in: database, isForOne: batch.count == 1) { transaction in batch.map { $0.run(transaction) } }
            for answer in answers { answer() }
        } catch {
            let error = StoreError(rolledBack: error)
            for item in batch { item.reject(error) }
        }
    }

    /// What becomes of the log's file when it is written back.
    package enum Checkpoint: Sendable {
        /// It is kept, and overwritten by what comes then: later commits are cheaper. What stood behind that stays until then.
        case overwriting
        case truncating
    }

    /// Writes the log back when something was written since the last time.
    ///
    /// - Returns: whether there was anything to do.
    package func checkpoint(_ kind: Checkpoint = .overwriting) throws(StoreError) -> Bool {
        do {
            return try self.queue.inDatabase { try self.checkpoint($0, kind) }
        } catch {
            throw StoreError(rolledBack: error)
        }
    }

    func checkpoint(_ database: Database, _ kind: Checkpoint) throws -> Bool {
        guard self.state.withLock({ !$0.isClosed && $0.hasLog }) else { return false }
        // When it fails, as on a full disk, the next try is due when as much has been written again.
        self.state.withLock { $0.logPages = 0 }
        _ = try database.checkpoint(kind == .truncating ? .truncate : .passive)
        self.state.withLock { $0.hasLog = false }
        return true
    }

    /// Writes a fresh mark when the last is older: a backup that was taken from the running file has the mark of its time, and is known by it
    /// when it is put back.
    package func renewMark(olderThan age: Duration) {
        self.queue.inDatabase { database in
            guard self.state.withLock({ !$0.isClosed && !$0.isInDoubt && ContinuousClock.now - $0.markedAt >= age }) else { return }
            self.renewMark(in: database)
        }
    }

    /// What fails leaves both marks in the file beside the database: no restore is seen where there was none.
    private func renewMark(in database: Database) {
        let before = self.state.withLock { $0.mark }
        let token = DatabaseMark.next(after: before)
        do {
            try self.mark.write(token, before: before)
            try database.execute(sql: "UPDATE deployment SET mark = ?", arguments: [token])
            self.state.withLock { ($0.mark, $0.markedAt, $0.hasLog) = (token, .now, true) }
            try self.mark.write(token, before: nil)
        } catch {
            self.state.withLock { $0.markedAt = .now }
        }
    }

    /// The size of the write-ahead log's file; 0 when there is none.
    package var walBytes: Int { self.log.bytes }

    /// Bytes of a page, as SQLite makes them unless it is told otherwise.
    private static let pageBytes = 4096

    /// How the log must be written back now, although the store is busy; nil when it need not.
    package var dueCheckpoint: Checkpoint? {
        let (hasLog, pages) = self.state.withLock { ($0.hasLog, $0.logPages) }
        guard hasLog, pages * Self.pageBytes > min(self.limits.logBytesMax, self.limits.walBytesMax) else { return nil }
        return self.walBytes > self.limits.walBytesMax ? .truncating : .overwriting
    }

    /// Writes the log back, closes the file and ends its lock. Later operations fail with `unavailable`.
    package func close() {
        self.close { database in
            if self.state.withLock({ !$0.isInDoubt && !$0.mark.isEmpty }) { self.renewMark(in: database) }
            // What cannot be written back now is read from the log at the next start: nothing is lost.
            _ = try? database.checkpoint(.truncate)
        }
    }

    /// Closes the file as the end of the process would, with nothing written down for it: a simulated crash.
    package func abandon() { self.close { _ in } }

    private func close(after ending: (Database) -> Void) {
        self.queue.inDatabase { database in
            let wasClosed = self.state.withLock { state in
                defer { state.isClosed = true }
                return state.isClosed
            }
            if !wasClosed { ending(database) }
        }
        self.log.close()
        try? self.queue.close()
        self.file.release()
    }
}

extension SQLiteCore {
    private func transact<Result>(isForOne: Bool, _ body: (Transaction) -> Result) throws(StoreError) -> Result {
        do {
            return try self.queue.writeWithoutTransaction { try self.transact(in: $0, isForOne: isForOne, body) }
        } catch {
            throw StoreError(rolledBack: error)
        }
    }

    private func transact<Result>(in database: Database, isForOne: Bool, _ body: (Transaction) -> Result) throws -> Result {
        guard !self.state.withLock({ $0.isClosed }) else { throw StoreError.unavailable("the store is closed") }
        // Reads go on without the fence.
        if self.state.withLock({ $0.isInDoubt }) { try? self.fence(database) }
        let changesBefore = database.totalChangesCount
        let (transaction, result) = try self.run(body, in: database, isForOne: isForOne, changesBefore: changesBefore)
        guard !transaction.hasFailed else { return result }
        do {
            try database.cachedStatement(sql: "COMMIT").execute()
        } catch {
            throw self.afterFailedCommit(error, in: database)
        }
        let hasWritten = database.totalChangesCount != changesBefore
        self.publish(transaction, writtenPages: hasWritten ? database.takeWrittenPageCount() : nil)
        return result
    }

    /// Everything but the commit: an error here leaves nothing behind.
    private func run<Result>(
        _ body: (Transaction) -> Result, in database: Database, isForOne: Bool, changesBefore: Int
    ) throws -> (Transaction, Result) {
        do {
            try database.cachedStatement(sql: "BEGIN DEFERRED").execute()
            let (resting, revision) = self.state.withLock { ($0.resting, $0.revision) }
            let transaction = try Transaction(database, sealer: self.sealer, resting: resting, revision: revision, isForOne: isForOne)
            let result = body(transaction)
            if transaction.hasFailed {
                if database.isInsideTransaction { try database.cachedStatement(sql: "ROLLBACK").execute() }
                return (transaction, result)
            }
            guard database.isInsideTransaction else { throw StoreError.unavailable("the transaction was rolled back") }
            try transaction.writeRevision()
            let hasWritten = database.totalChangesCount != changesBefore
            if hasWritten, self.state.withLock({ $0.isInDoubt }) { throw StoreError.unavailable("the file cannot be written") }
            return (transaction, result)
        } catch {
            if database.isInsideTransaction { try? database.rollback() }
            throw error
        }
    }

    private func afterFailedCommit(_ error: any Error, in database: Database) -> StoreError {
        let reason = (error as? DatabaseError)?.summary ?? "commit failed"
        // What the file holds now only the file can tell.
        self.state.withLock { $0.revision = nil }
        do {
            if database.isInsideTransaction { try database.rollback() }
            self.state.withLock { $0.isInDoubt = true }
            try self.fence(database)
            return .unavailable(reason)
        } catch {
            return .unknown(reason)
        }
    }

    /// A commit may fail after its last bytes have reached the log's file, and a crash would then bring it back to life. The next
    /// successful transaction overwrites those bytes, so one is made: then the failed commit is known not to be applied. Until it
    /// succeeds nothing else is written: only the commit that failed first is in doubt, and none after it.
    private func fence(_ database: Database) throws {
        try database.execute(sql: "UPDATE deployment SET fence = fence + 1")
        self.state.withLock { $0.isInDoubt = false }
    }

    /// - Parameter writtenPages: nil when nothing was written.
    private func publish(_ transaction: Transaction, writtenPages: Int?) {
        let attachment = self.state.withLock { state in
            if let writtenPages {
                state.hasLog = true
                state.logPages += writtenPages
            }
            state.revision = transaction.revision
            if let attachment = transaction.attachment { state.attachment = attachment }
            return state.attachment
        }
        guard let attachment else { return }
        if let control = transaction.controlChange { attachment.follower.controlChanged(to: control) }
        let events = transaction.events.filter { $0.revision > attachment.revision }
        if !events.isEmpty { attachment.follower.committed(events) }
    }

    /// The file has one owner: whoever held a lease on a job is gone, and its job goes on at once.
    private static func endLeases(in database: Database) throws {
        try database.execute(sql: "UPDATE job SET lease_token = NULL, lease_expires_at = NULL WHERE lease_token IS NOT NULL")
    }

    /// The longest wait between two steps is about half of it. What lies farther ahead was reckoned by a clock that was ahead, and a delete among
    /// it would rest until that time has come.
    private static let dueAheadMax: Duration = .seconds(600)

    private static func bringForward(in database: Database, at now: Timestamp) throws {
        let latest = (now + Self.dueAheadMax).microseconds
        try database.execute(sql: "UPDATE job SET due_at = ? WHERE is_unfinished = 1 AND due_at > ?", arguments: [latest, latest])
    }

    static func open(_ path: String, _ options: SQLiteOptions) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "novitai.store"
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { database in
            // The locking mode must be set before the first access in WAL mode.
            try database.execute(
                sql: """
                    PRAGMA locking_mode = EXCLUSIVE;
                    PRAGMA journal_mode = WAL;
                    PRAGMA synchronous = \(options.isDurable ? "FULL" : "OFF");
                    PRAGMA wal_autocheckpoint = 0;
                    PRAGMA cache_size = -\(options.limits.cacheBytes / 1024);
                    PRAGMA trusted_schema = OFF;
                    PRAGMA secure_delete = ON;
                    """)
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    static func openError(_ error: any Error, path: String) -> SQLiteOpenError {
        switch error {
        case let error as SQLiteOpenError: error
        case let error as DatabaseError where error.resultCode == .SQLITE_BUSY: .inUse(path: path)
        case let error as DatabaseError: .failed(path: path, reason: error.summary)
        case StoreError.unavailable(let reason): .failed(path: path, reason: reason)
        default: .failed(path: path, reason: "unexpected error of type \(type(of: error))")
        }
    }
}
