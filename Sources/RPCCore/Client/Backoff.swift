/// Exponential pauses with a random share, so that those who failed together do not come again together. A value: randomness comes from
/// outside.
package struct Backoff: Sendable, Hashable {
    package var initial: Duration
    package var multiplier: Double
    package var maximum: Duration
    /// The share of a pause that is random, to either side.
    package var jitter = 0.2

    package init(initial: Duration, multiplier: Double, maximum: Duration) {
        self.initial = initial
        self.multiplier = multiplier
        self.maximum = maximum
    }

    /// Between attempts to connect (grpc/grpc `doc/connection-backoff.md`).
    package static let connecting = Backoff(initial: .seconds(1), multiplier: 1.6, maximum: .seconds(120))

    /// The pause before the attempt that follows `failures` failed ones; `random` is from -1 to 1.
    package func delay(afterFailures failures: Int, random: Double) -> Duration {
        var delay = min(self.initial, self.maximum)
        for _ in 1..<max(failures, 1) where delay < self.maximum { delay = min(delay * self.multiplier, self.maximum) }
        return delay * (1 + self.jitter * random)
    }
}
