internal import Synchronization

/// Counts what happens. Adding costs one atomic operation.
package final class Counter: MetricSource {
    private let name: String
    private let help: String
    private let count = Atomic<Int>(0)

    /// `name` ends in `_total`.
    package init(_ name: String, _ help: String) {
        self.name = name
        self.help = help
    }

    package func increment(by amount: Int = 1) {
        self.count.wrappingAdd(amount, ordering: .relaxed)
    }

    package var value: Int { self.count.load(ordering: .relaxed) }

    package var families: [MetricFamily] {
        [MetricFamily(.counter, self.name, self.help, [MetricFamily.Sample(Double(self.value))])]
    }
}

/// Counts what happens, apart by the values of labels.
package final class LabelledCounter: MetricSource {
    /// Combinations of label values that are kept apart; what comes on top is counted under `other`, so that callers cannot fill memory.
    package static let seriesMax = 1000

    private let name: String
    private let help: String
    private let labels: [String]
    private let counts = Mutex<[[String]: Int]>([:])

    package init(_ name: String, _ help: String, labels: [String]) {
        self.name = name
        self.help = help
        self.labels = labels
    }

    /// `values` are those of the labels, in their order.
    package func increment(_ values: [String], by amount: Int = 1) {
        self.counts.withLock { counts in
            let isKept = counts[values] != nil || counts.count < Self.seriesMax
            counts[isKept ? values : self.labels.map { _ in "other" }, default: 0] += amount
        }
    }

    package func value(_ values: [String]) -> Int { self.counts.withLock { $0[values] ?? 0 } }

    package var families: [MetricFamily] {
        let counts = self.counts.withLock { $0 }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        let samples = counts.map { values, count in
            MetricFamily.Sample(Double(count), labels: zip(self.labels, values).map { MetricFamily.Label($0, $1) })
        }
        return [MetricFamily(.counter, self.name, self.help, samples)]
    }
}
