import Fleet
import Synchronization

/// Time that stands still until a test moves it.
final class TestClock: Clock, Sendable {
    private let time = Mutex(Timestamp(seconds: 1_800_000_000))
    private let sleepers = Waiters<Timestamp>(limit: 10_000)
    private let arrivals = Waiters<Same>(limit: 100)

    var now: Timestamp { self.time.withLock { $0 } }

    func sleep(until time: Timestamp) async {
        guard time > self.now else { return }
        _ = await self.sleepers.wait(
            for: time,
            unless: {
                self.arrivals.wakeAll()
                return self.now >= time
            })
    }

    func advance(by duration: Duration) {
        let now = self.time.withLock { time in
            time = time + duration
            return time
        }
        self.sleepers.wake { $0 <= now }
    }

    /// Returns once so many tasks sleep.
    func untilSleeping(_ count: Int) async {
        while self.sleepers.count < count {
            _ = await self.arrivals.wait(unless: { self.sleepers.count >= count })
        }
    }
}
