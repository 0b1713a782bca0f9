package import Logging
package import RPCCore
internal import Synchronization
package import Telemetry
internal import Traces

/// Counts and times every call, and writes it to the log.
package final class CallObserver: ServerInterceptor, MetricSource {
    /// What is known of one method. Made before the server starts, so that a call finds it without a lock.
    private final class Series: Sendable {
        let descriptor: MethodDescriptor
        let duration = Histogram()
        let counts: Mutex<[Int]>

        init(_ descriptor: MethodDescriptor) {
            self.descriptor = descriptor
            self.counts = Mutex(Array(repeating: 0, count: RPCError.Code.allCases.count))
        }
    }

    private let series: [MethodKey: Series]
    private let log: Logger

    /// - Parameter methods: those that the server offers.
    package init(methods: [MethodDescriptor], log: Logger) {
        self.series = Dictionary(methods.map { (MethodKey($0), Series($0)) }, uniquingKeysWith: { first, _ in first })
        self.log = log
    }

    package func completed(_ context: ServerContext, _ outcome: CallOutcome) {
        if let series = self.series[MethodKey(context.method)] {
            series.counts.withLock { $0[Int(outcome.code.rawValue)] += 1 }
            series.duration.observe(outcome.duration / .seconds(1))
        }
        switch outcome.code {
        case .internal, .unknown, .dataLoss: self.log.error("call failed", metadata: Self.metadata(context, outcome))
        default: self.log.debug("call ended", metadata: Self.metadata(context, outcome))
        }
    }

    private static func metadata(_ context: ServerContext, _ outcome: CallOutcome) -> Logger.Metadata {
        let work: Logger.Metadata = [
            "call_id": "\(context.callID)", "method": "\(context.method.path)", "status": "\(outcome.code)", "peer": "\(context.peer)",
            "duration_ms": "\(outcome.duration / .milliseconds(1))", "received_bytes": "\(outcome.receivedBytes)",
            "sent_bytes": "\(outcome.sentBytes)",
        ]
        return work.merging(context.work.logMetadata) { own, _ in own }
    }

    package var families: [MetricFamily] {
        var calls: [MetricFamily.Sample] = []
        var durations: [MetricFamily.Sample] = []
        for series in self.series.values.sorted(by: { $0.descriptor.path < $1.descriptor.path }) {
            let labels = [MetricFamily.Label("service", series.descriptor.service), MetricFamily.Label("method", series.descriptor.method)]
            let counts = series.counts.withLock { $0 }
            guard counts.contains(where: { $0 > 0 }) else { continue }
            for code in RPCError.Code.allCases where counts[Int(code.rawValue)] > 0 {
                calls.append(
                    MetricFamily.Sample(Double(counts[Int(code.rawValue)]), labels: labels + [MetricFamily.Label("code", code.description)])
                )
            }
            durations += series.duration.samples(labels: labels)
        }
        return [
            MetricFamily(.counter, "novitai_rpc_calls_total", "Calls that ended, by method and status.", calls),
            MetricFamily(.histogram, "novitai_rpc_duration_seconds", "From a call's headers to its status.", durations),
        ]
    }
}
