import RPCTransport
import Telemetry

/// How long the server's event loops let a new piece of work wait: the first sign that handlers take too long.
struct LoopDelay {
    private static let interval: Duration = .seconds(1)

    private let delays = Histogram()

    init(_ metrics: MetricsRegistry) {
        let delays = self.delays
        metrics.register(
            MetricReader {
                [
                    MetricFamily(
                        .histogram, "novitai_event_loop_delay_seconds", "How long an event loop lets a new piece of work wait.",
                        delays.samples())
                ]
            })
    }

    /// Until the task is cancelled.
    func measure(_ server: RPCServer) async {
        while !Task.isCancelled {
            for delay in await server.loopDelays() { self.delays.observe(delay / .seconds(1)) }
            // Cancelled: the loop's condition says so.
            try? await Task.sleep(for: Self.interval)
        }
    }
}
