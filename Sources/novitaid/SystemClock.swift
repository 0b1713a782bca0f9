import Fleet
import FoundationEssentials

/// The time of the machine's clock when the process began, and from there on how much has really passed: setting the clock
/// neither ends a settle window early nor holds calls back.
struct SystemClock: Clock {
    /// Longer waits are made of several: the runtime does not count in centuries.
    private static let longestSleep: Duration = .seconds(3600)

    private let wallAtStart = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    private let instantAtStart = ContinuousClock.now

    var now: Timestamp { self.wallAtStart + (ContinuousClock.now - self.instantAtStart) }

    func sleep(until time: Timestamp) async {
        while !Task.isCancelled {
            let left = time - self.now
            guard left > .zero else { return }
            // Cancelled: the loop's condition says so.
            try? await Task.sleep(for: min(left, Self.longestSleep), clock: .continuous)
        }
    }
}
