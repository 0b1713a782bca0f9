import Fleet
import GRDB

extension StoreOperation {
    /// Drops at most `batch` ended jobs; false when nothing more is to be dropped.
    static func trimJobs(_ retention: JobRetention, at now: Timestamp, batch: Int) -> StoreOperation<Bool> {
        StoreOperation<Bool> { transaction in
            let newest: Int64 = try transaction.row("SELECT coalesce(max(sequence), 0) FROM job", [])?[0] ?? 0
            try transaction.execute(
                Self.deleteJobs,
                [
                    (now - retention.ageMin).microseconds, (now - retention.ageMin).microseconds, (now - retention.age).microseconds,
                    newest - Int64(max(0, retention.count)), batch,
                ])
            return transaction.database.changesCount == batch
        }
    }

    /// Drops at most `batch` request ids that stand for nothing any more.
    static func trimRequests(before time: Timestamp, batch: Int) -> StoreOperation<Bool> {
        StoreOperation<Bool> { transaction in
            let sql = """
                DELETE FROM request WHERE (tenant, method, request_id) IN (
                    SELECT tenant, method, request_id FROM request
                    WHERE created_at < ? AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = request.job_id) LIMIT ?)
                """
            try transaction.execute(sql, [time.microseconds, batch])
            return transaction.database.changesCount == batch
        }
    }

    /// Drops at most `batch` ended instances with all that is kept for them alone; false when nothing more is to be dropped.
    static func trimInstances(before time: Timestamp, batch: Int) -> StoreOperation<Bool> {
        StoreOperation<Bool> { transaction in
            // Never younger than its last change: the column finds the candidates, the payload decides.
            let sql = """
                SELECT id FROM instance
                WHERE has_ended = 1 AND is_living = 0 AND created_at < ? AND json_extract(payload, '$.updatedAt') < ?
                ORDER BY created_at, id LIMIT ?
                """
            let ids: [String] = try transaction.rows(sql, [time.microseconds, time.microseconds, batch]) { $0[0] }
            for id in ids {
                for table in ["environment", "webhook_mark"] {
                    try transaction.execute("DELETE FROM \(table) WHERE instance_id = ?", [id])
                }
                try transaction.execute("DELETE FROM instance WHERE id = ?", [id])
            }
            return ids.count == batch
        }
    }

    /// A job is never younger than its end: the column finds the candidates, the payload decides. The newest job of an instance that is not
    /// over is what the instance shows; and what has been bought for it is kept with it, so that the request id which stands for that buys
    /// nothing a second time.
    private static var deleteJobs: String {
        """
        DELETE FROM job WHERE sequence IN (
            SELECT sequence FROM job
            WHERE is_unfinished = 0 AND created_at < ?
                AND json_extract(payload, '$.endedAt') < ?
                AND (json_extract(payload, '$.endedAt') < ? OR sequence <= ?)
                AND NOT EXISTS (
                    SELECT 1 FROM instance
                    WHERE instance.id = job.instance_id AND instance.has_ended = 0
                        AND (json_extract(instance.payload, '$.jobID') = job.id
                            OR json_extract(job.payload, '$.type') IN ('createInstance', 'changeBilling')))
            ORDER BY created_at, id LIMIT ?)
        """
    }
}
