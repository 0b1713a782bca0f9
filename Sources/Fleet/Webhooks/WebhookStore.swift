/// What a server must remember to tell receivers everything: how far the log has been read, what was told of each instance, and what
/// is on its way. The log itself is the outbox: nothing is lost between a change and its events.
package protocol WebhookStore: Sendable {
    /// Up to which revision the log has been read; nil before the first time.
    func webhookPosition() async throws(StoreError) -> Revision?
    func webhookMarks(of ids: [InstanceID]) async throws(StoreError) -> [InstanceID: WebhookMark]
    /// What was read from the log, in one transaction with how far.
    func advanceWebhooks(_ advance: WebhookAdvance) async throws(StoreError)

    /// Those that are to be sent to one target, the longest due first, and when the next one after them is.
    func dueWebhooks(for target: String, at now: Timestamp, limit: Int) async throws(StoreError) -> DueWebhooks
    /// What is on its way, by target.
    func pendingWebhooks() async throws(StoreError) -> [String: PendingWebhooks]
    func webhook(_ id: String) async throws(StoreError) -> WebhookDelivery?
    /// Inserted or replaced, with what the audit log says of it. Refused with `requestExists` when the request id stands for something.
    func write(_ delivery: WebhookDelivery, request: RequestRecord, audit: AuditEntry) async throws(StoreError)
    /// What came of an attempt. Nothing is written when somebody has asked for another one since the delivery was read.
    func settle(_ delivery: WebhookDelivery) async throws(StoreError)
    /// Newest first, older than `before`.
    func webhooks(of tenant: TenantID, before: Int64?, limit: Int) async throws(StoreError) -> [WebhookRecord]
    /// Drops what was made before that time or is not among the newest `keeping`, unless it is still on its way.
    func trimWebhooks(before time: Timestamp, keeping: Int) async throws(StoreError)
}

package struct DueWebhooks: Sendable, Hashable {
    package var deliveries: [WebhookDelivery]
    /// Nil: nothing else is on its way.
    package var nextAt: Timestamp?

    package init(deliveries: [WebhookDelivery], nextAt: Timestamp?) {
        self.deliveries = deliveries
        self.nextAt = nextAt
    }
}

package struct PendingWebhooks: Sendable, Hashable {
    package var count: Int
    package var oldest: Timestamp

    package init(count: Int, oldest: Timestamp) {
        self.count = count
        self.oldest = oldest
    }
}

package struct WebhookAdvance: Sendable {
    package var position: Revision
    package var marks: [InstanceID: WebhookMark]
    package var deliveries: [WebhookDelivery]

    package init(position: Revision, marks: [InstanceID: WebhookMark] = [:], deliveries: [WebhookDelivery] = []) {
        self.position = position
        self.marks = marks
        self.deliveries = deliveries
    }
}

/// A delivery at its place in the delivery log.
package struct WebhookRecord: Sendable, Hashable {
    package var sequence: Int64
    package var delivery: WebhookDelivery

    package init(sequence: Int64, delivery: WebhookDelivery) {
        self.sequence = sequence
        self.delivery = delivery
    }
}
