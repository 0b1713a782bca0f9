internal import Synchronization

/// A bucket of calls that fills up with time.
struct TokenBucket: Sendable {
    let perSecond: Double
    let burst: Double
    private var level: Double
    private var filledAt: Duration

    init(perSecond: Int, burst: Int, at now: Duration) {
        self.perSecond = Double(perSecond)
        self.burst = Double(burst)
        self.level = Double(burst)
        self.filledAt = now
    }

    /// Takes one call out. Nil when there was one, else how long until there is.
    mutating func take(at now: Duration) -> Duration? {
        if now > self.filledAt {
            self.level = min(self.burst, self.level + (now - self.filledAt) / .seconds(1) * self.perSecond)
            self.filledAt = now
        }
        guard self.level >= 1 else { return .seconds((1 - self.level) / self.perSecond) }
        self.level -= 1
        return nil
    }

    func hasSameLimits(as other: Self) -> Bool { self.perSecond == other.perSecond && self.burst == other.burst }

    /// As good as new: nothing is lost when it is dropped.
    func isFull(at now: Duration) -> Bool {
        self.level + (now - self.filledAt) / .seconds(1) * self.perSecond >= self.burst
    }
}

/// Limits how often each principal calls.
package final class RateLimiter: Sendable {
    /// Calls per second and at once for monitors, which are outside the callers' limit: health must be readable under load.
    package static let monitorPerSecond = 50
    /// Buckets that are kept before full ones are dropped.
    package static let bucketsMax = 10_000

    private let perSecond: Int
    private let burst: Int
    private let buckets = Mutex<[String: TokenBucket]>([:])

    package init(perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }

    /// - Parameter now: of a clock that only goes forward.
    package func admit(_ principal: Principal, at now: Duration) throws(AccessRefusal) {
        let (perSecond, burst) = self.limits(of: principal)
        let wait = self.buckets.withLock { buckets in
            if buckets.count >= Self.bucketsMax, buckets[principal.id] == nil { buckets = buckets.filter { !$0.value.isFull(at: now) } }
            let fresh = TokenBucket(perSecond: perSecond, burst: burst, at: now)
            // Its limits may have been changed since.
            if let bucket = buckets[principal.id], !bucket.hasSameLimits(as: fresh) { buckets[principal.id] = fresh }
            return buckets[principal.id, default: fresh].take(at: now)
        }
        if let wait { throw .tooManyCalls(retryAfter: wait) }
    }

    private func limits(of principal: Principal) -> (perSecond: Int, burst: Int) {
        if principal.role == .monitor { return (Self.monitorPerSecond, Self.monitorPerSecond) }
        return (principal.limits.callsPerSecond ?? self.perSecond, principal.limits.burst ?? self.burst)
    }
}
