/// Refuses calls that would wait in vain, so that a server with too much to do serves those that it can serve in time.
package enum LoadShedding {
    /// A queue that is shorter than this empties by itself; nobody is refused.
    package static let toleratedDelay: Duration = .milliseconds(100)
    /// From here on everybody who comes is refused until the queue has become shorter: waiting longer makes callers give up and come again.
    package static let delayMax: Duration = .seconds(1)
    /// What a call needs beyond the wait, as a multiple of the wait: a reply that comes at its deadline comes too late.
    private static let margin = 2

    /// - Parameters:
    ///   - timeLeft: until the caller stops waiting; nil without a deadline.
    ///   - queueDelay: how long what comes now waits.
    package static func check(_ principal: Principal, timeLeft: @autoclosure () -> Duration?, queueDelay: Duration) throws(AccessRefusal) {
        guard queueDelay > self.toleratedDelay, principal.role != .monitor else { return }
        let isInVain = timeLeft().map { $0 < queueDelay * self.margin } ?? false
        guard queueDelay >= self.delayMax || isInVain else { return }
        throw .overloaded(retryAfter: queueDelay * self.margin)
    }

    /// For work whose turn has come: whether that is too late for its caller, who gets less time for it than half of what it has waited.
    ///
    /// - Parameter timeLeft: until the caller stops waiting; nil without a deadline.
    package static func check(_ principal: Principal, timeLeft: Duration?, waited: Duration) throws(AccessRefusal) {
        guard waited > self.toleratedDelay, principal.role != .monitor, let timeLeft, timeLeft * self.margin < waited else { return }
        throw .overloaded(retryAfter: waited)
    }
}
