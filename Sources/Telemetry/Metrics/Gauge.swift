internal import Synchronization

/// A value that goes up and down.
package final class Gauge: MetricSource {
    private let name: String
    private let help: String
    private let bits = Atomic<UInt64>(0)

    package init(_ name: String, _ help: String) {
        self.name = name
        self.help = help
    }

    package var value: Double {
        get { Double(bitPattern: self.bits.load(ordering: .relaxed)) }
        set { self.bits.store(newValue.bitPattern, ordering: .relaxed) }
    }

    package var families: [MetricFamily] { [MetricFamily(.gauge, self.name, self.help, [MetricFamily.Sample(self.value)])] }
}

/// Series that are read when somebody asks.
package struct MetricReader: MetricSource {
    private let read: @Sendable () -> [MetricFamily]

    package init(_ read: @escaping @Sendable () -> [MetricFamily]) {
        self.read = read
    }

    package var families: [MetricFamily] { self.read() }
}
