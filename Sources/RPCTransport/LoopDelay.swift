internal import NIOCore

/// How late a loop is: how long new work waits on it. Bound to its loop.
///
/// Measured by one piece of work at a time while calls come, and by a timer once a second when somebody observes, whether calls come or not.
final class LoopDelay {
    /// What was measured longer ago says nothing about now.
    private static let validity: Duration = .seconds(1)
    /// Between two tellings.
    private static let interval: Duration = .seconds(1)

    private let loop: any EventLoop
    private var delay: Duration = .zero
    private var measuredAt: ContinuousClock.Instant
    private var begunAt: ContinuousClock.Instant?
    /// The longest since the observer was told.
    private var worst: Duration = .zero

    init(loop: any EventLoop) {
        self.loop = loop
        self.measuredAt = .now
    }

    /// The newest measurement, and the beginning of another.
    func sample(at now: ContinuousClock.Instant) -> Duration {
        if self.begunAt == nil {
            self.begunAt = now
            self.loop.assumeIsolated().execute {
                guard let begunAt = self.begunAt else { return }
                self.begunAt = nil
                self.measured(since: begunAt, at: .now)
            }
        }
        return self.measuredAt.duration(to: now) < Self.validity ? self.delay : .zero
    }

    /// Tells about once a second how late the loop was at worst. Ends with the loop.
    func observe(_ observe: @escaping @Sendable (Duration) -> Void) {
        let due = ContinuousClock.now + Self.interval
        self.loop.assumeIsolated().scheduleTask(in: TimeAmount(Self.interval)) {
            self.measured(since: due, at: .now)
            observe(self.worst)
            self.worst = .zero
            self.observe(observe)
        }
    }

    private func measured(since begunAt: ContinuousClock.Instant, at now: ContinuousClock.Instant) {
        self.delay = max(.zero, begunAt.duration(to: now))
        self.measuredAt = now
        self.worst = max(self.worst, self.delay)
    }
}
