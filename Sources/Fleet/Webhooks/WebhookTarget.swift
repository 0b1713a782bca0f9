/// Where events are delivered to.
package struct WebhookTarget: Hashable, Sendable {
    /// How it is called in deliveries.
    package var id: String
    package var url: String
    /// Whose events it gets, and nobody else's; nil: everybody's.
    package var tenant: TenantID?
    /// Types of events, as `instance.failed`; empty: all.
    package var types: Set<String>

    package init(id: String, url: String, tenant: TenantID? = nil, types: Set<String> = []) {
        self.id = id
        self.url = url
        self.tenant = tenant
        self.types = types
    }

    package func wants(_ event: WebhookEvent) -> Bool {
        self.serves(event.tenant) && (self.types.isEmpty || self.types.contains(event.type))
    }

    package func serves(_ tenant: TenantID) -> Bool { self.tenant.map { $0 == tenant } ?? true }
}

/// What a receiver answered to one delivery.
package struct WebhookAnswer: Hashable, Sendable {
    /// Nil: there was no answer.
    package var status: Int?
    /// For people; empty when it was accepted.
    package var error: String

    package init(status: Int?, error: String = "") {
        self.status = status
        self.error = error
    }

    package var isAccepted: Bool { self.status.map { (200...299).contains($0) } ?? false }
}

/// The way to receivers: signs, sends once, follows nothing.
package protocol WebhookSender: Sendable {
    func send(_ delivery: WebhookDelivery, to target: WebhookTarget, at now: Timestamp) async -> WebhookAnswer
}
