import RPCTransport
import SQLiteStore
import Services
import Telemetry

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
                    .counter("novitai_refused_peers_total", "Connections ended because the peer broke a rule.", Double(now.refusedPeers)),
                    .gauge("novitai_buffered_response_bytes", "Bytes of responses that wait for clients.", Double(now.bufferedBytesNow)),
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
                ]
            })
    }
}
