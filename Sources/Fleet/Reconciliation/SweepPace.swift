/// How far apart sweeps over the account begin, and how late a change is seen for it.
///
/// A machine that changes just after its page was read is found when the next sweep reads that page, and settled by a direct read. So the
/// sweeps begin sooner than `INSTANCE_POLL_INTERVAL` apart, as far as the call budget allows.
package struct SweepPace: Sendable, Hashable {
    /// Between the beginnings of two sweeps.
    package var interval: Duration
    /// From a change at the provider to its being looked into.
    package var seenWithin: Duration

    /// Turns of the sweeps' share that a change may have to wait for beside its page: the direct read's, and two that others took before.
    private static let turnsLost = 3
    /// Of the time that a listing takes: by so much a page may come later than the last time.
    private static let lateness = 8

    package init(interval: Duration, seenWithin: Duration) {
        self.interval = interval
        self.seenWithin = seenWithin
    }

    /// - Parameters:
    ///   - configured: `INSTANCE_POLL_INTERVAL`.
    ///   - calls: that one listing takes.
    ///   - took: how long the last listing took.
    package init(configured: Duration, calls: Int, took: Duration, requestsPerMinute: Int) {
        let share = CallShare.sweeps.time(for: calls, requestsPerMinute: requestsPerMinute)
        // One page is judged when it is there; of several each by itself, but they and the direct reads wait for the budget.
        let delay =
            calls > 1
            ? CallShare.sweeps.time(for: Self.turnsLost, requestsPerMinute: requestsPerMinute) + took / Self.lateness : took
        self.interval = max(configured - delay, share, took)
        self.seenWithin = self.interval + delay
    }
}
