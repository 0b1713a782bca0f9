import Fleet
import GRDB

extension StoreOperation {
    static func lease(_ request: LeaseRequest) -> StoreOperation<Leased> {
        StoreOperation<Leased> { transaction in
            var (jobs, room): ([Job], Room) = ([], Room(request))
            // A query for each priority: so the index gives the first ones, and the others are not looked at.
            for priority in JobType.priorities {
                jobs += try transaction.leaseDue(of: priority, request, limit: request.limit - jobs.count, &room)
            }
            return Leased(jobs: jobs, nextDueAt: try transaction.nextDueTime(notUnder: request.token, in: room))
        }
    }

    /// Answers the jobs whose lease is no longer under the token.
    static func renew(_ jobs: [JobID], token: LeaseToken, until expiresAt: Timestamp) -> StoreOperation<[JobID]> {
        StoreOperation<[JobID]> { transaction in
            try jobs.filter { try !transaction.renew($0, token: token, until: expiresAt) }
        }
    }
}

/// How many more may be leased.
private struct Room {
    private var types: [JobType: Int]
    private var looks: [Int: Int]

    init(_ request: LeaseRequest) {
        self.types = request.room
        self.looks = request.lookRoom
    }

    /// - Parameter priority: as its row has it.
    /// - Returns: false when it has no room.
    mutating func take(_ job: Job, of priority: Int) -> Bool {
        guard self.types[job.type].map({ $0 > 0 }) ?? true, !(job.isLook && self.isFullOfLooks(priority)) else { return false }
        self.types[job.type]? -= 1
        if job.isLook { for rank in self.looks.keys where rank <= priority { self.looks[rank]? -= 1 } }
        return true
    }

    private func isFullOfLooks(_ priority: Int) -> Bool { self.looks.contains { $0.key <= priority && $0.value <= 0 } }

    /// Types of which no more may be leased, in a fixed order.
    private var full: [String] { self.types.filter { $0.value <= 0 }.map(\.key.rawValue).sorted() }

    /// What leaves out those of a priority that have none, by the payload: columns would have to be kept by every release. Types are seldom full;
    /// for looks there is an index.
    func condition(_ priority: Int) -> String {
        let names = Array(repeating: "?", count: self.full.count).joined(separator: ", ")
        let types = names.isEmpty ? "" : "AND payload ->> '$.type' NOT IN (\(names))"
        return self.isFullOfLooks(priority) ? "\(types) AND \(Schema.isNoLook)" : types
    }

    var arguments: StatementArguments { StatementArguments(self.full) }
}

extension Transaction {
    /// `sequence` is the order in which jobs were made, whatever their clocks said.
    private static let isNotBlocked = """
        NOT EXISTS (
            SELECT 1 FROM job AS older
            WHERE older.is_unfinished = 1 AND older.instance_id = job.instance_id AND older.sequence < job.sequence)
        """

    private static func dueJobs(of priority: Int, in room: Room) -> String {
        """
        SELECT id, revision, payload FROM job
        WHERE is_unfinished = 1 AND priority = ? AND due_at <= ? AND (lease_token IS NULL OR lease_expires_at <= ?) AND \(isNotBlocked)
            \(room.condition(priority))
        ORDER BY due_at, sequence LIMIT ?
        """
    }

    /// Of a job that is free, and of one whose lease may end. Blocked jobs are left out: what blocks them is in here itself, and they become due
    /// with the commit that ends it. (`+`: few are leased, and have an index of their own.)
    private static func nextDueTimes(of priority: Int, in room: Room) -> String {
        """
        SELECT
            (SELECT due_at FROM job
             WHERE is_unfinished = 1 AND priority = ? AND due_at IS NOT NULL AND lease_token IS NULL AND \(isNotBlocked)
                \(room.condition(priority))
             ORDER BY due_at LIMIT 1),
            (SELECT min(max(due_at, lease_expires_at)) FROM job
             WHERE +is_unfinished = 1 AND +priority = ? AND lease_token IS NOT NULL AND lease_token NOT IN (?, ?) AND \(isNotBlocked)
                \(room.condition(priority)))
        """
    }

    func leaseToken(of id: JobID) throws -> LeaseToken? {
        try self.row("SELECT lease_token FROM job WHERE id = ? AND lease_token IS NOT NULL", [id.rawValue])
            .map { LeaseToken(rawValue: $0[0]) }
    }

    /// What has no room is left where it is; then those behind it are looked at.
    fileprivate func leaseDue(of priority: Int, _ request: LeaseRequest, limit: Int, _ room: inout Room) throws -> [Job] {
        var leased: [Job] = []
        while leased.count < limit {
            let due = try self.dueJobs(of: priority, at: request.now, limit: limit - leased.count, in: room)
            var taken: [Job] = []
            for job in due where room.take(job, of: priority) {
                try self.lease(job.id, token: request.token, until: request.expiresAt)
                taken.append(job)
            }
            leased += taken
            if taken.isEmpty || taken.count == due.count { break }
        }
        return leased
    }

    private func dueJobs(of priority: Int, at now: Timestamp, limit: Int, in room: Room) throws -> [Job] {
        let arguments: StatementArguments = [priority, now.microseconds, now.microseconds]
        return try self.rows(Self.dueJobs(of: priority, in: room), arguments + room.arguments + [limit], Self.job)
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

    fileprivate func nextDueTime(notUnder token: LeaseToken, in room: Room) throws -> Timestamp? {
        var times: [Int64] = []
        for priority in JobType.priorities {
            let free: StatementArguments = [priority] + room.arguments
            let leased: StatementArguments = [priority, token.rawValue, LeaseToken.nobody.rawValue] + room.arguments
            guard let row = try self.row(Self.nextDueTimes(of: priority, in: room), free + leased) else { continue }
            times += [row[0] as Int64?, row[1]].compactMap(\.self)
        }
        return times.min().map(Timestamp.init(microseconds:))
    }
}
