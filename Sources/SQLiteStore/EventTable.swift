import Fleet
import GRDB

extension StoreOperation {
    static func events(after revision: Revision, limit: Int) -> StoreOperation<[Event]> {
        StoreOperation<[Event]> { transaction in
            let oldest = try transaction.oldestKeptRevision()
            guard revision.number >= oldest.number - 1 else { throw StoreError.revisionTrimmed(oldest: oldest) }
            return try transaction.events(after: revision, limit: limit)
        }
    }

    /// Drops at most `batch` entries, oldest first, up to the first that has to stay; false when nothing more is to be dropped.
    static func trimLog(before time: Timestamp, keeping: Int, batch: Int) -> StoreOperation<Bool> {
        StoreOperation<Bool> { transaction in
            let end = try transaction.endOfTrimming(before: time, keeping: keeping, batch: batch)
            try transaction.execute("DELETE FROM event WHERE revision < ?", [end.number])
            return transaction.database.changesCount == batch
        }
    }
}

extension Transaction {
    private static let instanceKind = "instance"
    private static let jobKind = "job"

    func writeEvent(_ instance: Instance, payload: String) throws {
        try self.writeEvent(instance.revision, at: instance.updatedAt, kind: Self.instanceKind, payload: payload)
        self.append(Event(revision: instance.revision, object: .instance(instance)))
    }

    func writeEvent(_ job: Job, payload: String) throws {
        try self.writeEvent(job.revision, at: job.updatedAt, kind: Self.jobKind, payload: payload)
        self.append(Event(revision: job.revision, object: .job(job)))
    }

    private func writeEvent(_ revision: Revision, at time: Timestamp, kind: String, payload: String) throws {
        try self.execute(
            "INSERT INTO event (revision, at, kind, payload) VALUES (?, ?, ?, ?)",
            [revision.number, time.microseconds, kind, payload])
    }

    /// The next one when the log is empty.
    fileprivate func oldestKeptRevision() throws -> Revision {
        let oldest: Int64? = try self.row("SELECT min(revision) FROM event", [])?[0]
        return Revision(oldest ?? self.revision.number + 1)
    }

    fileprivate func events(after revision: Revision, limit: Int) throws -> [Event] {
        try self.rows(
            "SELECT revision, kind, payload FROM event WHERE revision > ? ORDER BY revision LIMIT ?",
            [revision.number, max(0, limit)], Self.event)
    }

    /// The first revision that stays: too young, among those to be kept, or beyond the batch.
    fileprivate func endOfTrimming(before time: Timestamp, keeping: Int, batch: Int) throws -> Revision {
        let kept = Revision(self.revision.number - Int64(max(0, keeping)) + 1)
        let oldest = try self.oldestKeptRevision()
        let sql = """
            SELECT revision FROM (SELECT revision, at FROM event ORDER BY revision LIMIT ?) WHERE at >= ? ORDER BY revision LIMIT 1
            """
        let young: Int64? = try self.row(sql, [batch, time.microseconds])?[0]
        return min(kept, Revision(young ?? .max), Revision(oldest.number + Int64(batch)))
    }

    private static func event(_ row: Row) throws -> Event {
        let revision: Int64 = row[0]
        let kind: String = row[1]
        let name = "event \(revision)"
        let object: Event.Object =
            switch kind {
            case self.instanceKind: .instance(try Instance.read(row[2], revision: revision, row: name))
            case self.jobKind: .job(try Job.readTolerantly(row[2], revision: revision, row: name))
            default: throw StoreError.unavailable("\(name) is of an unknown kind")
            }
        return Event(revision: Revision(revision), object: object)
    }
}
