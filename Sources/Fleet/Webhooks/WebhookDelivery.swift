/// One event on its way to one target, from the transaction that read it from the log to the receiver's answer.
package struct WebhookDelivery: Hashable, Sendable, Codable, Identifiable {
    package enum State: String, Hashable, Sendable, Codable, CaseIterable {
        /// To be sent, for the first time or again.
        case pending
        case delivered
        /// Left alone, as a dead letter: the receiver did not take it for so long, or it could not be sent at all. It can be redelivered.
        case failed
    }

    package struct Attempt: Hashable, Sendable, Codable {
        package var at: Timestamp
        /// Nil: there was no answer.
        package var status: Int?
        package var error: String
    }

    /// How long a delivery is tried before it is left alone: a receiver that is away over a night misses nothing.
    package static let patience: Duration = .seconds(86_400)
    /// Doubled with each failure.
    static let retryDelayMin: Duration = .seconds(5)
    static let retryDelayMax: Duration = .seconds(3600)
    /// Newest attempts that are kept.
    static let attemptsKept = 16
    /// The receiver says that it is gone for good: RFC 9110, section 15.5.11.
    private static let gone = 410

    package let id: String
    package let target: String
    /// The same for every target and every attempt: receivers tell a repetition by it.
    package let eventID: String
    package let type: String
    package let tenant: TenantID
    package let instanceID: InstanceID?
    /// Counts the events of the instance.
    package let sequence: Int64
    /// JSON, as it is signed and sent.
    package let body: String
    package let createdAt: Timestamp
    package var state: State
    package var attempts: [Attempt]
    package var attemptCount: Int
    /// Since when it is tried: the first attempt, also of a redelivery; before it, when it was made or asked for.
    package var triedSince: Timestamp
    /// Nil once it has ended.
    package var dueAt: Timestamp?
    package var endedAt: Timestamp?
    /// Of the call that had it redelivered last.
    package var requestID: String?

    package init(_ event: WebhookEvent, target: WebhookTarget, at now: Timestamp) {
        self.id = "\(event.id).\(target.id)"
        self.target = target.id
        self.eventID = event.id
        self.type = event.type
        self.tenant = event.tenant
        self.instanceID = event.instanceID
        self.sequence = event.sequence
        self.body = event.body
        self.createdAt = now
        self.state = .pending
        self.attempts = []
        self.attemptCount = 0
        self.triedSince = now
        self.dueAt = now
        self.endedAt = nil
        self.requestID = nil
    }

    /// As it is after one attempt.
    package func answered(_ answer: WebhookAnswer, at now: Timestamp) -> WebhookDelivery {
        var copy = self
        // A server that was away for a day is not the receiver's fault.
        if copy.attemptCount == 0 { copy.triedSince = now }
        copy.attemptCount += 1
        copy.attempts = (copy.attempts + [Attempt(at: now, status: answer.status, error: answer.error)]).suffix(Self.attemptsKept)
        let delay = min(Self.retryDelayMax, Self.retryDelayMin * (1 << min(copy.attemptCount - 1, 16)))
        if answer.isAccepted {
            copy.end(.delivered, at: now)
        } else if answer.status == Self.gone || now + delay > copy.triedSince + Self.patience {
            copy.end(.failed, at: now)
        } else {
            copy.dueAt = now + delay
        }
        return copy
    }

    /// Left alone without being sent, or without being sent again.
    package func abandoned(_ why: String, at now: Timestamp) -> WebhookDelivery {
        var copy = self
        copy.attempts = (copy.attempts + [Attempt(at: now, status: nil, error: why)]).suffix(Self.attemptsKept)
        copy.end(.failed, at: now)
        return copy
    }

    /// To be sent once more, whatever became of it. What an attempt that is under way brings no longer counts.
    package func redelivered(by requestID: String, at now: Timestamp) -> WebhookDelivery {
        var copy = self
        copy.requestID = requestID
        copy.state = .pending
        copy.attemptCount = 0
        copy.triedSince = now
        copy.dueAt = now
        copy.endedAt = nil
        return copy
    }

    private mutating func end(_ state: State, at now: Timestamp) {
        self.state = state
        self.dueAt = nil
        self.endedAt = now
    }
}
