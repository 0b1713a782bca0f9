/// How far apart sweeps over the account begin, and how late a change is seen for it.
///
/// A machine that changes just after its page was read is found by the next sweep, and judged once that has read its last page. So the
/// sweeps of a large account begin sooner than `INSTANCE_POLL_INTERVAL` apart, as far as the call budget allows.
package struct SweepPace: Sendable, Hashable {
    /// Between the beginnings of two sweeps.
    package var interval: Duration
    /// From a change at the provider to its being looked into.
    package var seenWithin: Duration

    package init(interval: Duration, seenWithin: Duration) {
        self.interval = interval
        self.seenWithin = seenWithin
    }

    /// - Parameters:
    ///   - configured: `INSTANCE_POLL_INTERVAL`.
    ///   - calls: that one listing takes.
    ///   - took: how long the last listing took.
    package init(configured: Duration, calls: Int, took: Duration, requestsPerMinute: Int) {
        let share = CallShare.time(for: calls, requestsPerMinute: requestsPerMinute)
        // What a sweep of many calls has left of its share is a call at a time: the direct read that settles a change waits for one.
        let read: Duration = calls > 1 ? CallShare.time(for: 1, requestsPerMinute: requestsPerMinute) : .zero
        self.interval = max(configured - took - read, share, took)
        self.seenWithin = self.interval + took + read
    }
}
