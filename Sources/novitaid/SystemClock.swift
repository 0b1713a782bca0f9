import Fleet
import FoundationEssentials

/// The machine's own time.
struct SystemClock: Clock {
    /// A wait is looked at anew after so long, should the machine's clock have been set meanwhile.
    private static let longestSleep: Duration = .seconds(60)

    var now: Timestamp { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }

    func sleep(until time: Timestamp) async {
        while !Task.isCancelled {
            let left = time - self.now
            guard left > .zero else { return }
            // Cancelled: the loop's condition says so.
            try? await Task.sleep(for: min(left, Self.longestSleep))
        }
    }
}
