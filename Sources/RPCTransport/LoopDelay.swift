internal import NIOCore

/// How late a loop is: how long new work waits on it. Bound to its loop.
///
/// Measured by one piece of work at a time while calls come. A queue is what two measurements in a row show: one alone may be a pause of the
/// process or of the machine, which is over when it is seen, and who comes then need not wait. The measurement under way is one of the two
/// once it has lasted longer than the one before the last. Whoever observes is told of every delay, and of those that a timer shows once a
/// second, whether calls come or not.
final class LoopDelay {
    /// What was measured longer ago says nothing about now.
    private static let validity: Duration = .seconds(1)
    /// Between two tellings.
    private static let interval: Duration = .seconds(1)

    private let loop: any EventLoop
    private var newest: Duration = .zero
    private var before: Duration = .zero
    private var measuredAt: ContinuousClock.Instant
    private var begunAt: ContinuousClock.Instant?
    /// The longest since the observer was told.
    private var worst: Duration = .zero

    init(loop: any EventLoop) {
        self.loop = loop
        self.measuredAt = .now
    }

    /// What two measurements in a row show, and the beginning of another.
    ///
    /// - Parameter wait: has the loop do a piece of work when everything has been done that waits by now.
    func sample(at now: ContinuousClock.Instant, behind wait: (@escaping () -> Void) -> Void) -> Duration {
        if self.begunAt == nil {
            if self.measuredAt.duration(to: now) >= Self.validity { (self.newest, self.before) = (.zero, .zero) }
            self.begunAt = now
            wait {
                guard let begunAt = self.begunAt else { return }
                self.begunAt = nil
                self.measuredAt = .now
                self.before = self.newest
                self.newest = begunAt.duration(to: self.measuredAt)
                self.worst = max(self.worst, self.newest)
            }
        }
        let running = self.begunAt?.duration(to: now) ?? .zero
        return min(self.newest, max(self.before, running))
    }

    /// Tells about once a second how late the loop was at worst. Ends with the loop.
    func observe(_ observe: @escaping @Sendable (Duration) -> Void) {
        let due = ContinuousClock.now + Self.interval
        self.loop.assumeIsolated().scheduleTask(in: TimeAmount(Self.interval)) {
            observe(max(self.worst, due.duration(to: .now)))
            self.worst = .zero
            self.observe(observe)
        }
    }
}
