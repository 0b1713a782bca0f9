internal import Synchronization

/// Limits the calls that a principal has at work at one time, for those principals that have such a limit.
package final class ConcurrencyLimiter: Sendable {
    /// When a refused call may be tried again: calls take milliseconds, but those that wait may take long.
    package static let retryAfter: Duration = .seconds(1)

    private let running = Mutex<[String: Int]>([:])

    package init() {}

    /// Each call that is let in has to be ended.
    package func begin(_ principal: Principal) throws(AccessRefusal) {
        guard let limit = principal.limits.concurrentCalls else { return }
        let isAdmitted = self.running.withLock { running in
            guard running[principal.id, default: 0] < limit else { return false }
            running[principal.id, default: 0] += 1
            return true
        }
        guard isAdmitted else { throw .tooManyConcurrentCalls(limit: limit, retryAfter: Self.retryAfter) }
    }

    package func end(_ principal: Principal) {
        guard principal.limits.concurrentCalls != nil else { return }
        self.running.withLock { running in
            // None is left over: a principal without calls costs nothing.
            guard let count = running[principal.id], count > 1 else { return running[principal.id] = nil }
            running[principal.id] = count - 1
        }
    }

    var principalCount: Int { self.running.withLock { $0.count } }
}
