import Fleet
import GRDB

extension StoreOperation {
    static func lease(_ request: LeaseRequest) -> StoreOperation<Leased> {
        StoreOperation<Leased> { transaction in
            var (jobs, room): ([Job], [JobType: Int]) = ([], request.room)
            // A query for each priority: so the index gives the first ones, and the others are not looked at.
            for priority in JobType.priorities {
                jobs += try transaction.leaseDue(of: priority, request, limit: request.limit - jobs.count, &room)
            }
            return Leased(jobs: jobs, nextDueAt: try transaction.nextDueTime(notUnder: request.token, without: full(room)))
        }
    }

    /// Answers the jobs whose lease is no longer under the token.
    static func renew(_ jobs: [JobID], token: LeaseToken, until expiresAt: Timestamp) -> StoreOperation<[JobID]> {
        StoreOperation<[JobID]> { transaction in
            try jobs.filter { try !transaction.renew($0, token: token, until: expiresAt) }
        }
    }
}

/// Types of which no more may be leased, in a fixed order.
private func full(_ room: [JobType: Int]) -> [JobType] {
    room.filter { $0.value <= 0 }.keys.sorted { $0.rawValue < $1.rawValue }
}

extension Transaction {
    /// `sequence` is the order in which jobs were made, whatever their clocks said.
    private static let isNotBlocked = """
        NOT EXISTS (
            SELECT 1 FROM job AS older
            WHERE older.is_unfinished = 1 AND older.instance_id = job.instance_id AND older.sequence < job.sequence)
        """

    private static func dueJobs(without types: Int) -> String {
        """
        SELECT id, revision, payload FROM job
        WHERE is_unfinished = 1 AND priority = ? AND due_at <= ? AND (lease_token IS NULL OR lease_expires_at <= ?) AND \(isNotBlocked)
            \(isOfOther(types))
        ORDER BY due_at, sequence LIMIT ?
        """
    }

    /// Read from the payload only while a type has no room, which is seldom: a column would have to be kept by every release.
    private static func isOfOther(_ types: Int) -> String {
        types == 0 ? "" : "AND payload ->> '$.type' NOT IN (\(Array(repeating: "?", count: types).joined(separator: ", ")))"
    }

    /// Of a job that is free, and of one whose lease may end. Blocked jobs are left out: what blocks them is in here itself, and they become due
    /// with the commit that ends it.
    private static func nextDueTimes(without types: Int) -> String {
        """
        SELECT
            (SELECT due_at FROM job
             WHERE is_unfinished = 1 AND due_at IS NOT NULL AND lease_token IS NULL AND \(isNotBlocked) \(isOfOther(types))
             ORDER BY due_at LIMIT 1),
            (SELECT min(max(due_at, lease_expires_at)) FROM job
             WHERE is_unfinished = 1 AND lease_token IS NOT NULL AND lease_token NOT IN (?, ?) AND \(isNotBlocked) \(isOfOther(types)))
        """
    }

    func leaseToken(of id: JobID) throws -> LeaseToken? {
        try self.row("SELECT lease_token FROM job WHERE id = ? AND lease_token IS NOT NULL", [id.rawValue])
            .map { LeaseToken(rawValue: $0[0]) }
    }

    /// What a type has no room for is left where it is; then those behind it are looked at.
    fileprivate func leaseDue(of priority: Int, _ request: LeaseRequest, limit: Int, _ room: inout [JobType: Int]) throws -> [Job] {
        var leased: [Job] = []
        while leased.count < limit {
            let due = try self.dueJobs(of: priority, at: request.now, limit: limit - leased.count, without: full(room))
            var taken: [Job] = []
            for job in due where room[job.type].map({ $0 > 0 }) ?? true {
                room[job.type]? -= 1
                try self.lease(job.id, token: request.token, until: request.expiresAt)
                taken.append(job)
            }
            leased += taken
            if taken.count == due.count { break }
        }
        return leased
    }

    private func dueJobs(of priority: Int, at now: Timestamp, limit: Int, without types: [JobType]) throws -> [Job] {
        let arguments: StatementArguments = [priority, now.microseconds, now.microseconds]
        return try self.rows(
            Self.dueJobs(without: types.count), arguments + StatementArguments(types.map(\.rawValue)) + [limit], Self.job)
    }

    private func lease(_ id: JobID, token: LeaseToken, until expiresAt: Timestamp) throws {
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

    fileprivate func nextDueTime(notUnder token: LeaseToken, without types: [JobType]) throws -> Timestamp? {
        let names = StatementArguments(types.map(\.rawValue))
        let arguments = names + [token.rawValue, LeaseToken.nobody.rawValue] + names
        guard let row = try self.row(Self.nextDueTimes(without: types.count), arguments) else { return nil }
        let times: [Int64?] = [row[0], row[1]]
        return times.compactMap(\.self).min().map(Timestamp.init(microseconds:))
    }
}
