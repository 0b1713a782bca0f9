import RPCTransport
import Telemetry

/// How late the server's event loops begin what is due: the first sign that handlers take too long.
enum LoopDelay {
    static func register(_ server: RPCServer, in metrics: MetricsRegistry) {
        let delays = Histogram()
        metrics.register(
            MetricReader {
                [
                    MetricFamily(
                        .histogram, "novitai_event_loop_delay_seconds", "How late an event loop begins what is due.", delays.samples())
                ]
            })
        server.observeLoopDelays { delays.observe($0 / .seconds(1)) }
    }
}
