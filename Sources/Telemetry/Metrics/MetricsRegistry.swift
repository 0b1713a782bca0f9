internal import Synchronization

/// Everything that this process measures.
package final class MetricsRegistry: Sendable {
    private let sources = Mutex<[any MetricSource]>([])

    package init() {}

    /// Adds a source and gives it back.
    @discardableResult
    package func register<Source: MetricSource>(_ source: Source) -> Source {
        self.sources.withLock { $0.append(source) }
        return source
    }

    /// Prometheus' text format.
    package var text: String {
        let sources = self.sources.withLock { $0 }
        return PrometheusText.render(sources.flatMap(\.families))
    }
}
