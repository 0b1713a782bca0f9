package import Fleet
import Foundation
import GRDB

/// Puts a backup in the place of a database that is not there.
package enum Restoring {
    package enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// A restore never overwrites: whoever means to, moves the old database away first.
        case exists(path: String)
        case inUse(path: String)
        /// The backup is not what it was when it was made, or is none.
        case damaged(path: String, reason: String)
        /// Secrets in it are sealed under a key that is not at hand.
        case keyMissing(path: String, keyID: String)
        case failed(path: String, reason: String)

        package var description: String {
            switch self {
            case .exists(let path): "\(path) is there already; move it away to restore in its place"
            case .inUse(let path): "\(path) is in use by another process; stop it, and move the database away"
            case .damaged(let path, let reason): "\(path) is no intact backup: \(reason)"
            case .keyMissing(let path, let keyID): "\(path) holds secrets that are sealed with the key \(keyID), which is not at hand"
            case .failed(let path, let reason): "\(path) cannot be restored: \(reason)"
            }
        }
    }

    /// Copies, checks every page, and gives the copy a history of its own, so that whoever watched the original begins anew: the two
    /// go different ways from here. It is only observed until somebody activates it: the original may be at work. Then the file gets its name.
    ///
    /// - Parameters:
    ///   - options: where to, and the keys at hand.
    ///   - now: since when it is observed.
    package static func restore(
        from backup: String, to options: SQLiteOptions, now: Timestamp, using generator: inout some RandomNumberGenerator
    ) throws(Failure) -> Deployment {
        let file: DatabaseFile
        do throws(SQLiteOpenError) {
            // Held to the end: no server opens what is on its way here, and none has it open now.
            file = try DatabaseFile(claiming: options.path, creatingFile: false)
        } catch {
            if case .inUse(let path) = error { throw .inUse(path: path) }
            throw .failed(path: options.path, reason: error.description)
        }
        defer { file.release() }
        try self.checkIsFree(file.path)
        let partial = file.path + ".restoring"
        defer { try? FileManager.default.removeItem(atPath: partial) }
        do {
            // Left behind by a restore that was interrupted: nobody else has this name.
            try? FileManager.default.removeItem(atPath: partial)
            try FileManager.default.copyItem(atPath: backup, toPath: partial)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: partial)
        } catch {
            throw .failed(path: file.path, reason: error.localizedDescription)
        }
        let (deployment, token) = try self.prepare(partial, backup, options, now: now, using: &generator)
        do {
            try self.force(partial)
            try FileManager.default.moveItem(atPath: partial, toPath: file.path)
            try self.force(URL(fileURLWithPath: file.path).deletingLastPathComponent().path)
            // Without it the next opening would doubt the database once more.
            try DatabaseMark(besides: file.path, isDurable: options.isDurable).write(token, before: nil)
        } catch {
            throw .failed(path: file.path, reason: error.localizedDescription)
        }
        return deployment
    }

    private static func checkIsFree(_ path: String) throws(Failure) {
        for file in [path, path + "-wal", path + "-journal"] where FileManager.default.fileExists(atPath: file) {
            throw .exists(path: file)
        }
    }

    /// Makes sure that what was written to a file, or the names in a directory, are on the disk.
    private static func force(_ path: String) throws {
        let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? handle.close() }
        try handle.synchronize()
    }

    private static func prepare(
        _ partial: String, _ backup: String, _ options: SQLiteOptions, now: Timestamp, using generator: inout some RandomNumberGenerator
    ) throws(Failure) -> (Deployment, mark: String) {
        let token = HistoryID.random(using: &generator).rawValue
        do {
            let queue = try DatabaseQueue(path: partial)
            defer { try? queue.close() }
            let check = try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA integrity_check(1)") }
            guard check == "ok" else { throw Failure.damaged(path: backup, reason: check ?? "it cannot be checked") }
            try Schema.prepare(queue, path: partial)
            return try queue.write { database in
                try Sealing.requireKeys(in: database, of: options.sealer, path: backup)
                try Deployment.observe(because: "the database was restored from a backup", in: database, now: now, using: &generator)
                try database.execute(sql: "UPDATE deployment SET mark = ?", arguments: [token])
                return (try Transaction(database, sealer: options.sealer).deployment(), token)
            }
        } catch {
            switch error {
            case let error as Failure: throw error
            case SQLiteOpenError.keyMissing(let path, let keyID): throw .keyMissing(path: path, keyID: keyID)
            case let error as SQLiteOpenError: throw .damaged(path: backup, reason: error.description)
            case let error as DatabaseError: throw .damaged(path: backup, reason: error.summary)
            default: throw .failed(path: partial, reason: "unexpected error of type \(type(of: error))")
            }
        }
    }
}
