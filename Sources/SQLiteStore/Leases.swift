import Fleet
import GRDB

extension StoreOperation {
    static func lease(_ request: LeaseRequest) -> StoreOperation<Leased> {
        StoreOperation<Leased> { transaction in
            let jobs = try transaction.dueJobs(at: request.now, limit: request.limit)
            for job in jobs {
                try transaction.lease(job.id, token: request.token, until: request.expiresAt)
            }
            return Leased(jobs: jobs, nextDueAt: try transaction.nextDueTime(notUnder: request.token))
        }
    }

    /// Answers the jobs whose lease is no longer under the token.
    static func renew(_ jobs: [JobID], token: LeaseToken, until expiresAt: Timestamp) -> StoreOperation<[JobID]> {
        StoreOperation<[JobID]> { transaction in
            try jobs.filter { try !transaction.renew($0, token: token, until: expiresAt) }
        }
    }
}

extension Transaction {
    /// `sequence` is the order in which jobs were made, whatever their clocks said.
    private static let isNotBlocked = """
        NOT EXISTS (
            SELECT 1 FROM job AS older
            WHERE older.is_unfinished = 1 AND older.instance_id = job.instance_id AND older.sequence < job.sequence)
        """

    private static let dueJobs = """
        SELECT id, revision, payload FROM job
        WHERE is_unfinished = 1 AND priority = ? AND due_at <= ? AND (lease_token IS NULL OR lease_expires_at <= ?) AND \(isNotBlocked)
        ORDER BY due_at, sequence LIMIT ?
        """

    /// Of a job that is free, and of one whose lease may end. Blocked jobs are left out: what blocks them is in here itself, and they become due
    /// with the commit that ends it.
    private static let nextDueTimes = """
        SELECT
            (SELECT due_at FROM job
             WHERE is_unfinished = 1 AND due_at IS NOT NULL AND lease_token IS NULL AND \(isNotBlocked)
             ORDER BY due_at LIMIT 1),
            (SELECT min(max(due_at, lease_expires_at)) FROM job
             WHERE is_unfinished = 1 AND lease_token IS NOT NULL AND lease_token NOT IN (?, ?) AND \(isNotBlocked))
        """

    func leaseToken(of id: JobID) throws -> LeaseToken? {
        try self.row("SELECT lease_token FROM job WHERE id = ? AND lease_token IS NOT NULL", [id.rawValue])
            .map { LeaseToken(rawValue: $0[0]) }
    }

    /// A query for each priority: so the index gives the first ones, and the others are not looked at.
    fileprivate func dueJobs(at now: Timestamp, limit: Int) throws -> [Job] {
        var jobs: [Job] = []
        for priority in JobType.priorities where jobs.count < limit {
            jobs += try self.dueJobs(of: priority, at: now, limit: limit - jobs.count)
        }
        return jobs
    }

    private func dueJobs(of priority: Int, at now: Timestamp, limit: Int) throws -> [Job] {
        try self.rows(Self.dueJobs, [priority, now.microseconds, now.microseconds, limit], Self.job)
    }

    fileprivate func lease(_ id: JobID, token: LeaseToken, until expiresAt: Timestamp) throws {
        try self.execute(
            "UPDATE job SET lease_token = ?, lease_expires_at = ? WHERE id = ?",
            [token.rawValue, expiresAt.microseconds, id.rawValue])
    }

    fileprivate func renew(_ id: JobID, token: LeaseToken, until expiresAt: Timestamp) throws -> Bool {
        try self.execute(
            "UPDATE job SET lease_expires_at = ? WHERE id = ? AND lease_token = ?",
            [expiresAt.microseconds, id.rawValue, token.rawValue])
        return self.database.changesCount == 1
    }

    fileprivate func nextDueTime(notUnder token: LeaseToken) throws -> Timestamp? {
        guard let row = try self.row(Self.nextDueTimes, [token.rawValue, LeaseToken.nobody.rawValue]) else { return nil }
        let times: [Int64?] = [row[0], row[1]]
        return times.compactMap(\.self).min().map(Timestamp.init(microseconds:))
    }
}
