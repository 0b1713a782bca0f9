internal import RPCCore
package import Telemetry

/// What became of spans.
package struct TraceMetrics: MetricSource {
    private let queue: SpanQueue
    private let exported = Counter("novitai_trace_exported_spans_total", "Spans that the collector has taken.")
    private let rejected = Counter("novitai_trace_rejected_spans_total", "Spans that the collector has taken and refused.")
    private let lost = Counter("novitai_trace_lost_spans_total", "Spans that were given up, because the collector did not take them.")
    private let failures = LabelledCounter(
        "novitai_trace_failed_exports_total", "Export calls that failed, by status.", labels: ["code"])

    init(queue: SpanQueue) {
        self.queue = queue
    }

    func note(exported count: Int, rejected: Int) {
        self.exported.increment(by: count - rejected)
        self.rejected.increment(by: rejected)
    }

    func note(lost count: Int) { self.lost.increment(by: count) }
    func note(failure code: RPCError.Code) { self.failures.increment([code.description]) }

    package var families: [MetricFamily] {
        self.exported.families + self.rejected.families + self.lost.families + self.failures.families + [
            MetricFamily(
                .counter, "novitai_trace_dropped_spans_total", "Spans that found the queue full.", [.init(Double(self.queue.dropped))]),
            MetricFamily(.gauge, "novitai_trace_queue_spans", "Spans that wait for export.", [.init(Double(self.queue.count))]),
        ]
    }
}
