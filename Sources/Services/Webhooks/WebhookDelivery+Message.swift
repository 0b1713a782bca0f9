internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.WebhookDelivery {
    init(_ delivery: WebhookDelivery) {
        self.init()
        self.id = delivery.id
        self.target = delivery.target
        self.eventId = delivery.eventID
        self.type = delivery.type
        self.tenant = delivery.tenant.rawValue
        self.instanceId = delivery.instanceID?.rawValue ?? ""
        self.sequence = delivery.sequence
        self.state =
            switch delivery.state {
            case .pending: .pending
            case .delivered: .delivered
            case .failed: .failed
            }
        self.attempts = delivery.attempts.map { NovitaiV1.WebhookAttempt($0) }
        self.attemptCount = Int32(clamping: delivery.attemptCount)
        self.createTime = GoogleProtobuf.Timestamp(delivery.createdAt)
        self.nextAttemptTime = delivery.dueAt.map { GoogleProtobuf.Timestamp($0) }
        self.endTime = delivery.endedAt.map { GoogleProtobuf.Timestamp($0) }
        self.body = delivery.body
    }
}

extension NovitaiV1.WebhookAttempt {
    init(_ attempt: WebhookDelivery.Attempt) {
        self.init()
        self.time = GoogleProtobuf.Timestamp(attempt.at)
        self.status = Int32(clamping: attempt.status ?? 0)
        self.error = attempt.error
    }
}
