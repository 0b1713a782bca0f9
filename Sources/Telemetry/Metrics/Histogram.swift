internal import Synchronization

/// Counts values by size. Bounds are fixed; observing costs one uncontended lock and a short search.
package final class Histogram: Sendable {
    private struct State {
        /// One more than there are bounds: the last is for everything above.
        var counts: [Int]
        var sum = 0.0
    }

    /// Seconds: from a call that is answered from memory to one that waits for the provider.
    package static let secondsBounds = [
        0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

    private let bounds: [Double]
    private let state: Mutex<State>

    /// - Parameter bounds: upper bounds, ascending, each included in its bucket.
    package init(bounds: [Double] = Histogram.secondsBounds) {
        self.bounds = bounds
        self.state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    package func observe(_ value: Double) {
        let bucket = self.bounds.firstIndex { value <= $0 } ?? self.bounds.count
        self.state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    /// Cumulative buckets, sum and count, with `labels` on each.
    package func samples(labels: [MetricFamily.Label] = []) -> [MetricFamily.Sample] {
        let (counts, sum) = self.state.withLock { ($0.counts, $0.sum) }
        return MetricFamily.Sample.histogram(bounds: self.bounds, counts: counts, sum: sum, labels: labels)
    }
}

extension MetricFamily.Sample {
    /// What was counted elsewhere.
    ///
    /// - Parameter counts: for each bound the values up to it and above the one before, then those above all.
    package static func histogram(bounds: [Double], counts: [Int], sum: Double, labels: [MetricFamily.Label] = []) -> [Self] {
        var samples: [MetricFamily.Sample] = []
        var total = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? PrometheusText.number(bounds[index]) : "+Inf"
            samples.append(MetricFamily.Sample(Double(total), labels: labels + [MetricFamily.Label("le", bound)], suffix: "_bucket"))
        }
        samples.append(MetricFamily.Sample(sum, labels: labels, suffix: "_sum"))
        samples.append(MetricFamily.Sample(Double(total), labels: labels, suffix: "_count"))
        return samples
    }
}
