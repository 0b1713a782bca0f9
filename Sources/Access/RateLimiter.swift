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

    /// As good as new: nothing is lost when it is dropped.
    func isFull(at now: Duration) -> Bool {
        self.level + (now - self.filledAt) / .seconds(1) * self.perSecond >= self.burst
    }
}

/// Limits the calls of each principal.
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
        let wait = self.buckets.withLock { buckets in
            if buckets.count >= Self.bucketsMax, buckets[principal.id] == nil { buckets = buckets.filter { !$0.value.isFull(at: now) } }
            return buckets[principal.id, default: self.bucket(for: principal, at: now)].take(at: now)
        }
        if let wait { throw .tooManyCalls(retryAfter: wait) }
    }

    private func bucket(for principal: Principal, at now: Duration) -> TokenBucket {
        guard principal.role == .monitor else { return TokenBucket(perSecond: self.perSecond, burst: self.burst, at: now) }
        return TokenBucket(perSecond: Self.monitorPerSecond, burst: Self.monitorPerSecond, at: now)
    }
}
