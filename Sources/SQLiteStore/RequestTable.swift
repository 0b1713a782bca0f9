import Fleet
import Foundation
import GRDB

extension Transaction {
    func request(_ key: RequestKey) throws -> RequestRecord? {
        let sql = """
            SELECT payload_digest, instance_id, job_id, created_at FROM request WHERE tenant = ? AND method = ? AND request_id = ?
            """
        return try self.row(sql, [key.tenant.rawValue, key.method, key.requestID]).map { row in
            RequestRecord(
                key: key, payloadDigest: Array(row[0] as Data), instanceID: InstanceID(rawValue: row[1]), jobID: JobID(rawValue: row[2]),
                createdAt: Timestamp(microseconds: row[3]))
        }
    }

    /// A request id stands for one thing for ever: a second use is refused, guarded or not.
    func insert(_ request: RequestRecord) throws {
        if let existing = try self.request(request.key) { throw StoreError.requestExists(existing) }
        let sql = """
            INSERT INTO request (tenant, method, request_id, payload_digest, instance_id, job_id, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """
        try self.execute(
            sql,
            [
                request.key.tenant.rawValue, request.key.method, request.key.requestID, Data(request.payloadDigest),
                request.instanceID.rawValue, request.jobID.rawValue, request.createdAt.microseconds,
            ])
    }
}
