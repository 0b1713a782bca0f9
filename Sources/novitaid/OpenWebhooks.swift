import CurlClient
import Fleet
import Outbound
import SQLiteStore
import Settings

/// The targets of `WEBHOOK_URL`, and a client of their own: receivers that are slow to answer take no place from probes.
struct OpenWebhooks {
    let webhooks: Webhooks
    let client: HTTPClient
    let isSigned: Bool

    /// Nil when no target is set up.
    init?(_ settings: ServerSettings, _ store: SQLiteStore) throws {
        guard !settings.webhookTargets.isEmpty else { return nil }
        let targets = settings.webhookTargets.enumerated().map { position, target in
            WebhookTarget(
                id: position == 0 ? "default" : "target-\(position + 1)", url: target.url,
                tenant: target.tenant.map { TenantID(rawValue: $0) }, types: Set(target.types))
        }
        // The new one, a comma, and the old one.
        let keys = (settings.webhookSecrets?.parts ?? []).map { WebhookKey($0.reveal()) }
        self.client = try HTTPClient(OutboundWebhookSender.configuration(except: settings.webhookExceptions))
        let sender = OutboundWebhookSender(self.client, keys: keys, timeout: settings.webhookTimeout)
        self.webhooks = Webhooks(targets: targets, store: store, sender: sender)
        self.isSigned = !keys.isEmpty
    }
}
