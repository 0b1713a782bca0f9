internal import Synchronization

/// Everything about webhooks that the engine and the services share.
package final class Webhooks: Sendable {
    /// Since the start, of one target.
    package struct Tally: Sendable, Hashable {
        package var delivered = 0
        /// Attempts that are made again.
        package var retried = 0
        /// Left alone: the dead letters.
        package var failed = 0
        /// As last counted.
        package var pending = 0
        /// When the oldest of those was made.
        package var oldestPendingAt: Timestamp?
    }

    package let targets: [WebhookTarget]
    package let store: any WebhookStore
    package let sender: any WebhookSender
    /// Raised when there may be something new to send.
    package let asked = Signal()
    private let tallied: Mutex<[String: Tally]>

    package init(targets: [WebhookTarget], store: any WebhookStore, sender: any WebhookSender) {
        self.targets = targets
        self.store = store
        self.sender = sender
        self.tallied = Mutex(Dictionary(targets.map { ($0.id, Tally()) }) { first, _ in first })
    }

    package func targets(of tenant: TenantID) -> [WebhookTarget] { self.targets.filter { $0.serves(tenant) } }

    package var tallies: [String: Tally] { self.tallied.withLock { $0 } }

    /// Of targets that are set up; others have no series.
    package func count(_ delivery: WebhookDelivery) {
        self.tallied.withLock { tallies in
            switch delivery.state {
            case .pending: tallies[delivery.target]?.retried += 1
            case .delivered: tallies[delivery.target]?.delivered += 1
            case .failed: tallies[delivery.target]?.failed += 1
            }
        }
    }

    package func note(_ pending: [String: PendingWebhooks]) {
        self.tallied.withLock { tallies in
            for target in self.targets {
                tallies[target.id]?.pending = pending[target.id]?.count ?? 0
                tallies[target.id]?.oldestPendingAt = pending[target.id]?.oldest
            }
        }
    }
}
