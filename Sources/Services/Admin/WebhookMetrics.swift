package import Fleet
package import Telemetry

/// What becomes of deliveries, by target.
package struct WebhookMetrics: MetricSource {
    private let webhooks: Webhooks

    package init(_ webhooks: Webhooks) {
        self.webhooks = webhooks
    }

    package var families: [MetricFamily] {
        let tallies = self.webhooks.tallies.sorted { $0.key < $1.key }
        let pending = tallies.map { MetricFamily.Sample(Double($1.pending), labels: [.init("target", $0)]) }
        let oldest = tallies.map {
            MetricFamily.Sample(Double($1.oldestPendingAt?.microseconds ?? 0) / 1e6, labels: [.init("target", $0)])
        }
        return [
            MetricFamily(
                .counter, "novitai_webhook_attempts_total", "Deliveries tried since the start, by target and outcome.",
                tallies.flatMap { target, tally in
                    [("delivered", tally.delivered), ("retried", tally.retried), ("failed", tally.failed)].map {
                        MetricFamily.Sample(Double($1), labels: [.init("target", target), .init("outcome", $0)])
                    }
                }),
            MetricFamily(.gauge, "novitai_webhook_pending", "Deliveries on their way, as last counted.", pending),
            MetricFamily(
                .gauge, "novitai_webhook_oldest_pending_time_seconds", "When the oldest of those was made; 0 when there is none.", oldest),
        ]
    }
}
