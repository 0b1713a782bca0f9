/// How often a value fell under each of some bounds.
package struct Histogram: Sendable, Hashable {
    /// Upper bounds, inclusive, ascending.
    package let bounds: [Double]
    /// Observations up to each bound and above the one before; the last counts what is above all.
    package private(set) var counts: [Int]
    package private(set) var sum: Double = 0

    package init(bounds: [Double]) {
        self.bounds = bounds
        self.counts = Array(repeating: 0, count: bounds.count + 1)
    }

    package var count: Int { self.counts.reduce(0, +) }

    package mutating func observe(_ value: Double) {
        let bucket = self.bounds.firstIndex { value <= $0 } ?? self.bounds.count
        self.counts[bucket] += 1
        self.sum += value
    }
}
