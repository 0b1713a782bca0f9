internal import NIOCore

/// How long new work waits on a loop. Measured while calls come, by one piece of work at a time, and by nothing when none come.
/// Bound to its loop.
final class QueueDelay {
    /// What was measured longer ago says nothing about now.
    private static let validity: Duration = .seconds(1)

    private let loop: any EventLoop
    private var delay: Duration = .zero
    private var measuredAt: ContinuousClock.Instant
    private var begunAt: ContinuousClock.Instant?

    init(loop: any EventLoop) {
        self.loop = loop
        self.measuredAt = .now
    }

    /// The newest measurement, and the beginning of another.
    func sample(at now: ContinuousClock.Instant) -> Duration {
        if self.begunAt == nil {
            self.begunAt = now
            self.loop.assumeIsolated().execute { self.finish(at: .now) }
        }
        return self.measuredAt.duration(to: now) < Self.validity ? self.delay : .zero
    }

    private func finish(at now: ContinuousClock.Instant) {
        guard let begunAt = self.begunAt else { return }
        self.delay = begunAt.duration(to: now)
        self.measuredAt = now
        self.begunAt = nil
    }
}
