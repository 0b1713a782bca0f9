package import Fleet
import GRDB

extension SQLiteStoreAdapter {
    package func webhookPosition() async throws(StoreError) -> Revision? {
        try await self.perform(StoreOperation { try $0.row("SELECT revision FROM webhook_position", []).map { Revision($0[0]) } })
    }

    package func webhookMarks(of ids: [InstanceID]) async throws(StoreError) -> [InstanceID: WebhookMark] {
        try await self.perform(
            StoreOperation { transaction in
                var marks: [InstanceID: WebhookMark] = [:]
                for id in ids {
                    guard let row = try transaction.row("SELECT payload FROM webhook_mark WHERE instance_id = ?", [id.rawValue]) else {
                        continue
                    }
                    marks[id] = try Payload.decode(WebhookMark.self, from: row[0], row: "webhook mark \(id)")
                }
                return marks
            })
    }

    package func advanceWebhooks(_ advance: WebhookAdvance) async throws(StoreError) {
        let bytes = advance.deliveries.reduce(0) { $0 + $1.body.utf8.count }
        try await self.perform(
            StoreOperation<Void>(bytes: bytes) { transaction in
                try transaction.execute(
                    "INSERT OR REPLACE INTO webhook_position (singleton, revision) VALUES (1, ?)", [advance.position.number])
                for (id, mark) in advance.marks.sorted(by: { $0.key < $1.key }) {
                    try transaction.execute(
                        "INSERT OR REPLACE INTO webhook_mark (instance_id, payload) VALUES (?, ?)",
                        [id.rawValue, try Payload.encode(mark)])
                }
                for delivery in advance.deliveries { try transaction.write(delivery) }
            })
    }

    package func dueWebhooks(for target: String, at now: Timestamp, limit: Int) async throws(StoreError) -> DueWebhooks {
        try await self.perform(
            StoreOperation { transaction in
                let due = try transaction.rows(
                    """
                    SELECT id, payload FROM webhook_delivery WHERE target = ? AND due_at <= ? AND due_at IS NOT NULL
                    ORDER BY due_at, sequence LIMIT ?
                    """, [target, now.microseconds, limit]
                ) { try Payload.decode(WebhookDelivery.self, from: $0[1], row: "webhook delivery \($0[0] as String)") }
                let next = try transaction.row(
                    "SELECT min(due_at) FROM webhook_delivery WHERE target = ? AND due_at > ?", [target, now.microseconds])
                return DueWebhooks(
                    deliveries: due, nextAt: next.flatMap { $0[0] as Int64? }.map { Timestamp(microseconds: $0) })
            })
    }

    package func pendingWebhooks() async throws(StoreError) -> [String: PendingWebhooks] {
        try await self.perform(
            StoreOperation { transaction in
                let sql = """
                    SELECT target, count(*), min(created_at) FROM webhook_delivery WHERE due_at IS NOT NULL GROUP BY target
                    """
                let rows = try transaction.rows(sql, []) { row -> (String, PendingWebhooks) in
                    (row[0], PendingWebhooks(count: row[1], oldest: Timestamp(microseconds: row[2])))
                }
                return Dictionary(rows) { first, _ in first }
            })
    }

    package func webhook(_ id: String) async throws(StoreError) -> WebhookDelivery? {
        try await self.perform(StoreOperation { try $0.webhook(id) })
    }

    package func write(_ delivery: WebhookDelivery, request: RequestRecord, audit: AuditEntry) async throws(StoreError) {
        try await self.perform(
            StoreOperation<Void>(bytes: delivery.body.utf8.count) { transaction in
                try transaction.insert(request)
                try transaction.write(delivery)
                try transaction.insert(audit)
            })
    }

    package func settle(_ delivery: WebhookDelivery) async throws(StoreError) {
        try await self.perform(
            StoreOperation<Void>(bytes: delivery.body.utf8.count) { transaction in
                guard let known = try transaction.webhook(delivery.id), known.requestID == delivery.requestID else { return }
                try transaction.write(delivery)
            })
    }

    package func webhooks(of tenant: TenantID, before: Int64?, limit: Int) async throws(StoreError) -> [WebhookRecord] {
        try await self.perform(
            StoreOperation { transaction in
                try transaction.rows(
                    "SELECT sequence, payload FROM webhook_delivery WHERE tenant = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
                    [tenant.rawValue, before ?? .max, limit]
                ) { row in
                    let sequence: Int64 = row[0]
                    return WebhookRecord(
                        sequence: sequence,
                        delivery: try Payload.decode(WebhookDelivery.self, from: row[1], row: "webhook delivery \(sequence)"))
                }
            })
    }

    package func trimWebhooks(before time: Timestamp, keeping: Int) async throws(StoreError) {
        let batch = self.limits.trimBatch
        // Two statements, so that each finds what it drops by an index.
        let old = StoreOperation<Bool> { transaction in
            try transaction.execute(
                """
                DELETE FROM webhook_delivery WHERE sequence IN (
                    SELECT sequence FROM webhook_delivery WHERE due_at IS NULL AND created_at < ? ORDER BY created_at LIMIT ?)
                """, [time.microseconds, batch])
            return transaction.database.changesCount == batch
        }
        while try await self.perform(old) {}
        let many = StoreOperation<Bool> { transaction in
            try transaction.execute(
                """
                DELETE FROM webhook_delivery WHERE sequence IN (
                    SELECT sequence FROM webhook_delivery
                    WHERE sequence <= (SELECT max(sequence) FROM webhook_delivery) - ? AND due_at IS NULL ORDER BY sequence LIMIT ?)
                """, [keeping, batch])
            return transaction.database.changesCount == batch
        }
        while try await self.perform(many) {}
    }
}

extension InlineSQLiteStore: WebhookStore {}
extension SQLiteStore: WebhookStore {}

extension Transaction {
    fileprivate func webhook(_ id: String) throws -> WebhookDelivery? {
        guard let row = try self.row("SELECT payload FROM webhook_delivery WHERE id = ?", [id]) else { return nil }
        return try Payload.decode(WebhookDelivery.self, from: row[0], row: "webhook delivery \(id)")
    }

    fileprivate func write(_ delivery: WebhookDelivery) throws {
        try self.execute(
            """
            INSERT INTO webhook_delivery (id, target, tenant, due_at, created_at, payload) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, payload = excluded.payload
            """,
            [
                delivery.id, delivery.target, delivery.tenant.rawValue, delivery.dueAt?.microseconds, delivery.createdAt.microseconds,
                try Payload.encode(delivery),
            ])
    }
}
