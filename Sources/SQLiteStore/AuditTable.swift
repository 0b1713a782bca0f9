import Fleet
import GRDB

extension StoreOperation {
    /// Drops at most `batch` entries, oldest first, that are older than `time` or beyond the newest `keeping`; false when none are left.
    static func trimAudit(before time: Timestamp, keeping: Int, batch: Int) -> StoreOperation<Bool> {
        StoreOperation<Bool> { transaction in
            let newest: Int64 = try transaction.row("SELECT coalesce(max(sequence), 0) FROM audit", [])?[0] ?? 0
            let sql = """
                DELETE FROM audit WHERE sequence IN (
                    SELECT sequence FROM audit WHERE at < ? OR sequence <= ? ORDER BY sequence LIMIT ?)
                """
            try transaction.execute(sql, [time.microseconds, newest - Int64(max(0, keeping)), batch])
            return transaction.database.changesCount == batch
        }
    }
}

extension Transaction {
    func insert(_ entry: AuditEntry) throws {
        try self.execute(
            "INSERT INTO audit (at, ends_automatically, payload) VALUES (?, ?, ?)",
            [entry.at.microseconds, entry.endsAutomatically, try Payload.encode(entry)])
    }

    func audit(_ query: AuditQuery) throws -> [AuditRecord] {
        try self.rows(
            "SELECT sequence, payload FROM audit WHERE sequence < ? ORDER BY sequence DESC LIMIT ?",
            [query.before ?? .max, max(0, query.limit)]
        ) { row in
            let sequence: Int64 = row[0]
            return AuditRecord(
                sequence: sequence, entry: try Payload.decode(AuditEntry.self, from: row[1], row: "audit entry \(sequence)"))
        }
    }

    /// What the brake counts, of which the newest are certainly kept.
    ///
    /// - Parameter latest: what lies after it was written by a clock that was ahead, and would hold the brake until then.
    func automaticEndings(after time: Timestamp, upTo latest: Timestamp) throws -> Int {
        let sql = "SELECT count(*) FROM audit WHERE ends_automatically = 1 AND at > ? AND at <= ?"
        return try self.row(sql, [time.microseconds, latest.microseconds])?[0] ?? 0
    }
}
