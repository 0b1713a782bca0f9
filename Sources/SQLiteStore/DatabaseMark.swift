import Fleet
import Foundation
import GRDB
import JSONText
import Synchronization

/// Tells the database that was last open here from one that was restored or copied.
///
/// Every opening, every closing, and some minutes of work write a fresh token into the database and into a small file beside it, which also
/// names the database file itself by its number on the disk (not by the disk's, which may be another one after a reboot). A backup that is
/// put back holds an older token or none, a copy has another number or no such file. The file is written first, with both tokens, so that a
/// crash in between is no restore; and what there is to doubt is written down before that, so that a crash does not hide it.
final class DatabaseMark: Sendable {
    private struct Content: Codable {
        /// The token that the database has, or is being given; and the one that it had.
        var token: String
        var tokenBefore: String?
        var file: UInt64
    }

    private let path: String
    private let databasePath: String
    private let isDurable: Bool
    /// The file's number, once it has been asked for: what is opened is what is marked, whatever is put in its place meanwhile. Foundation
    /// tells it only together with the names of the owner and the group, for which it reads two files of the system each time.
    private let knownFileNumber = Mutex<UInt64?>(nil)

    init(besides databasePath: String, isDurable: Bool) {
        self.path = databasePath + ".mark"
        self.databasePath = databasePath
        self.isDurable = isDurable
    }

    /// Why the database is not the one that was last open here; nil when it is.
    ///
    /// - Parameter token: nil for a database that has never been marked.
    func doubt(about token: String?) -> String? {
        guard let token else {
            guard FileManager.default.fileExists(atPath: self.path) else { return nil }
            return "the database is from before \(self.name) beside it: a backup was put back"
        }
        guard let data = FileManager.default.contents(atPath: self.path),
            let content = try? JSONTextDecoder.decode(Content.self, from: String(decoding: data, as: UTF8.self))
        else { return "the file \(self.name) beside the database is missing or damaged: the database was copied" }
        if content.token != token, content.tokenBefore != token {
            return "the database is older or newer than \(self.name) beside it: a backup was put back"
        }
        guard self.fileNumber == content.file else {
            return "the database lies elsewhere on the disk than when it was last open: it was copied"
        }
        return nil
    }

    /// Before the database is given `token`, and once more after it, without the one before.
    func write(_ token: String, before: String?) throws {
        guard let file = self.fileNumber else { throw CocoaError(.fileReadUnknown) }
        let content = Content(token: token, tokenBefore: before, file: file)
        let url = URL(fileURLWithPath: self.path)
        try Data(JSONTextEncoder.text(of: content).utf8).write(to: url, options: .atomic)
        guard self.isDurable else { return }
        let handle = try FileHandle(forUpdating: url)
        try handle.synchronize()
        try handle.close()
    }

    /// The token after one that the same process wrote.
    static func next(after token: String) -> String {
        let parts = token.split(separator: ".")
        return "\(parts.first ?? "").\((parts.count == 2 ? Int(parts[1]) ?? 0 : 0) + 1)"
    }

    private var name: String { URL(fileURLWithPath: self.path).lastPathComponent }

    private var fileNumber: UInt64? {
        self.knownFileNumber.withLock { known in
            if known == nil {
                let attributes = try? FileManager.default.attributesOfItem(atPath: self.databasePath)
                known = (attributes?[.systemFileNumber] as? NSNumber)?.uint64Value
            }
            return known
        }
    }
}

extension Deployment {
    /// Gives the database a fresh mark. One that was restored or copied begins another history, and is only observed from then on.
    ///
    /// - Parameter isNew: made by this very opening.
    /// - Returns: the mark.
    static func mark(
        in database: Database, _ mark: DatabaseMark, isNew: Bool, now: Timestamp, using generator: inout some RandomNumberGenerator
    ) throws -> String {
        let before = try String.fetchOne(database, sql: "SELECT mark FROM deployment")
        let token = HistoryID.random(using: &generator).rawValue
        if !isNew, let doubt = mark.doubt(about: before) {
            try database.inTransaction {
                try self.observe(because: doubt, in: database, now: now, using: &generator)
                return .commit
            }
        }
        try mark.write(token, before: before)
        try database.execute(sql: "UPDATE deployment SET mark = ?", arguments: [token])
        // What is left of the token before would make a backup from then look like this database.
        try mark.write(token, before: nil)
        return token
    }

    /// What a database is restored to: another history, and only observed.
    static func observe(
        because reason: String, in database: Database, now: Timestamp, using generator: inout some RandomNumberGenerator
    ) throws {
        let payload = try String.fetchOne(database, sql: "SELECT payload FROM control")
        var control = try payload.map { try Payload.decode(FleetControl.self, from: $0, row: "control") } ?? FleetControl()
        control.observation = control.observation ?? FleetControl.Observation(reason: reason, since: now)
        try database.execute(
            sql: "INSERT OR REPLACE INTO control (singleton, payload) VALUES (1, ?)", arguments: [try Payload.encode(control)])
        try database.execute(
            sql: "UPDATE deployment SET history = ?", arguments: [HistoryID.random(using: &generator).rawValue])
        let entry = AuditEntry(
            at: now, tenant: .default, actor: AuditEntry.automatic, action: "ObserveDeployment", cause: "RESTORED", effect: reason)
        try database.execute(
            sql: "INSERT INTO audit (at, ends_automatically, payload) VALUES (?, 0, ?)",
            arguments: [now.microseconds, try Payload.encode(entry)])
    }
}
