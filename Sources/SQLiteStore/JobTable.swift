import Fleet
import GRDB

extension Transaction {
    private static let columns = "id, revision, payload"
    private static let jobByID = "SELECT \(columns) FROM job WHERE id = ?"

    func job(_ id: JobID) throws -> Job? {
        try self.row(Self.jobByID, [id.rawValue]).map(Self.job)
    }

    func jobRevision(_ id: JobID) throws -> Revision? {
        try self.row("SELECT revision FROM job WHERE id = ?", [id.rawValue]).map { Revision($0[0]) }
    }

    func unfinishedJobs() throws -> [Job] {
        try self.rows("SELECT \(Self.columns) FROM job WHERE is_unfinished = 1 ORDER BY sequence", [], Self.job)
    }

    func jobs(_ query: HistoryQuery) throws -> [Job] {
        let page = HistoryPage(query)
        return try self.rows("SELECT \(Self.columns) FROM job \(page.clauses)", page.arguments, Self.job)
    }

    /// - Parameter keepsLease: an ended job never keeps one.
    func write(_ job: Job, payload: String, keepsLease: Bool) throws {
        let sql = """
            INSERT INTO job (id, tenant, instance_id, is_unfinished, due_at, created_at, revision, payload, priority)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET is_unfinished = excluded.is_unfinished, due_at = excluded.due_at,
                revision = excluded.revision, payload = excluded.payload
            """
        try self.execute(
            sql,
            [
                job.id.rawValue, job.tenant.rawValue, job.instanceID.rawValue, !job.state.isFinal, job.dueAt?.microseconds,
                job.createdAt.microseconds, job.revision.number, payload, job.priority,
            ])
        guard !keepsLease || job.state.isFinal else { return }
        try self.execute("UPDATE job SET lease_token = NULL, lease_expires_at = NULL WHERE id = ?", [job.id.rawValue])
    }

    static func job(_ row: Row) throws -> Job {
        let id: String = row[0]
        return try Job.readTolerantly(row[2], revision: row[1], row: "job \(id)")
    }
}
