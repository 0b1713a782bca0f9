internal import NIOCore
internal import Synchronization

/// Measures how late an event loop is: by a timer of the loop itself, so that it ends with it and never waits for it.
final class LoopDelayTimer: Sendable {
    private static let interval: Duration = .seconds(1)

    private let due = Mutex(ContinuousClock.now + LoopDelayTimer.interval)
    private let observe: @Sendable (Duration) -> Void

    init(_ observe: @escaping @Sendable (Duration) -> Void) {
        self.observe = observe
    }

    func start(on loop: any EventLoop) {
        let interval = TimeAmount(Self.interval)
        loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.fire(at: .now) }
    }

    private func fire(at now: ContinuousClock.Instant) {
        let late = self.due.withLock { due in
            defer { due = now + Self.interval }
            return now - due
        }
        self.observe(max(.zero, late))
    }
}
