import NovitaCloud
import RPCTransport
import SQLiteStore
import Services
import Telemetry

import struct SQLiteStore.Histogram

/// What the transport and the store have counted.
enum ServerMetrics {
    static func register(_ server: RPCServer, in metrics: MetricsRegistry) {
        metrics.register(
            MetricReader {
                let now = server.statistics
                return [
                    .counter("novitai_connections_total", "Connections accepted.", Double(now.connections)),
                    .gauge("novitai_connections", "Connections open.", Double(now.connectionsNow)),
                    .gauge("novitai_rpc_calls", "Calls at work.", Double(now.callsNow)),
                    .counter("novitai_received_bytes_total", "Bytes received on the wire.", Double(now.receivedBytes)),
                    .counter("novitai_sent_bytes_total", "Bytes sent on the wire.", Double(now.sentBytes)),
                    .counter("novitai_stream_resets_total", "Streams that ended with a reset.", Double(now.resets)),
                    self.endings(now.endings),
                    .counter(
                        "novitai_failed_accepts_total", "Times that nothing could be accepted for want of descriptors.",
                        Double(now.failedAccepts)),
                    .gauge("novitai_held_request_bytes", "Bytes of requests that no handler has taken.", Double(now.queuedBytesNow)),
                    .counter("novitai_refused_for_memory_total", "Calls refused because too much was held.", Double(now.refusedForMemory)),
                    .gauge("novitai_tls_handshakes", "Connections within the TLS handshake.", Double(now.handshakesNow)),
                    .counter(
                        "novitai_tls_failed_handshakes_total", "Connections that did not get through TLS.", Double(now.failedHandshakes)),
                    .gauge("novitai_buffered_response_bytes", "Bytes of responses that wait for clients.", Double(now.bufferedBytesNow)),
                ]
            })
    }

    private static func endings(_ counts: [String: Int]) -> MetricFamily {
        let samples = counts.sorted { $0.key < $1.key }.map { MetricFamily.Sample(Double($0.value), labels: [.init("reason", $0.key)]) }
        return MetricFamily(
            .counter, "novitai_refused_peers_total", "Connections that neither the client nor the regular way ended, by reason.", samples)
    }

    static func register(_ tls: ServerTLS, in metrics: MetricsRegistry) {
        metrics.register(
            MetricReader {
                [
                    .gauge(
                        "novitai_tls_certificate_expiry_timestamp_seconds", "When the server's certificate ends, since 1970.",
                        Double(tls.expiresAt))
                ]
            })
    }

    static func register(_ store: SQLiteStore, in metrics: MetricsRegistry) {
        metrics.register(
            MetricReader {
                let now = store.statistics
                return [
                    .gauge("novitai_store_queue", "Operations that wait for the store.", Double(now.queued)),
                    .counter("novitai_store_refused_total", "Operations refused because too many waited.", Double(now.refused)),
                    .gauge("novitai_store_log_bytes", "Size of the write-ahead log.", Double(now.walBytes)),
                    .counter("novitai_store_failed_checkpoints_total", "Checkpoints that failed.", Double(now.failedCheckpoints)),
                    self.family("novitai_store_group_size", "Operations that share a transaction.", now.groupSize),
                    self.family(
                        "novitai_store_commit_duration_seconds", "From a transaction's begin until it is durable.", now.groupLatency),
                    self.family(
                        "novitai_store_operation_duration_seconds", "From an operation's call to its result, its wait included.",
                        now.operationLatency),
                    self.family("novitai_store_checkpoint_duration_seconds", "Writing back the log.", now.checkpointLatency),
                ]
            })
    }

    private static func family(_ name: String, _ help: String, _ histogram: Histogram) -> MetricFamily {
        MetricFamily(
            .histogram, name, help,
            MetricFamily.Sample.histogram(bounds: histogram.bounds, counts: histogram.counts, sum: histogram.sum))
    }

    static func register(_ cloud: NovitaCloud, in metrics: MetricsRegistry) {
        metrics.register(
            MetricReader {
                let now = cloud.health
                return [
                    .gauge("novitai_upstream_reachable", "1 while the circuit breaker lets calls through.", now.isReachable ? 1 : 0),
                    .gauge("novitai_upstream_waiting_calls", "Calls that wait for the call budget.", Double(now.waitingCalls)),
                    .gauge("novitai_upstream_budget_calls", "Calls that the budget would let through at once.", Double(now.budgetLeft)),
                ]
            })
    }

    static func registerVersion(_ version: String, in metrics: MetricsRegistry) {
        metrics.register(
            MetricReader { [MetricFamily(.gauge, "novitai_build_info", "Always 1.", [.init(1, labels: [.init("version", version)])])] })
    }
}
