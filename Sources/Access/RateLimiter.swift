internal import Synchronization

/// A bucket of calls that fills up with time.
struct TokenBucket: Sendable {
    let perSecond: Int
    let burst: Int
    private var level: Double
    private var filledAt: Duration

    init(perSecond: Int, burst: Int, at now: Duration) {
        self.perSecond = perSecond
        self.burst = burst
        self.level = Double(burst)
        self.filledAt = now
    }

    /// Takes one call out. Nil when there was one, else how long until there is.
    mutating func take(at now: Duration) -> Duration? {
        if now > self.filledAt {
            self.level = self.level(at: now)
            self.filledAt = now
        }
        guard self.level >= 1 else { return .seconds((1 - self.level) / Double(self.perSecond)) }
        self.level -= 1
        return nil
    }

    /// As good as new: nothing is lost when it is dropped.
    func isFull(at now: Duration) -> Bool { self.level(at: now) >= Double(self.burst) }

    private func level(at now: Duration) -> Double {
        // In units of 2^30 attoseconds, about a nanosecond, begun ones included: dividing 128 bits takes longer than the rest of an admission.
        let units = Int64(clamping: ((now - self.filledAt).attoseconds + ((1 << 30) - 1)) >> 30)
        return min(Double(self.burst), self.level + Double(units) * 0x1p30 * 1e-18 * Double(self.perSecond))
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

    /// - Parameters:
    ///   - name: of those who share one limit; nil for the principal's own.
    ///   - now: of a clock that only goes forward.
    package func admit(_ principal: Principal, as name: String? = nil, at now: Duration) throws(AccessRefusal) {
        let name = name ?? principal.id
        let (perSecond, burst) = self.limits(of: principal)
        let wait: Duration? = self.buckets.withLock { buckets in
            if let index = buckets.index(forKey: name) {
                let bucket = buckets.values[index]
                // Its limits may have been changed since.
                if bucket.perSecond == perSecond, bucket.burst == burst { return buckets.values[index].take(at: now) }
            } else if buckets.count >= Self.bucketsMax {
                buckets = buckets.filter { !$0.value.isFull(at: now) }
            }
            var fresh = TokenBucket(perSecond: perSecond, burst: burst, at: now)
            defer { buckets[name] = fresh }
            return fresh.take(at: now)
        }
        if let wait { throw .tooManyCalls(retryAfter: wait) }
    }

    private func limits(of principal: Principal) -> (perSecond: Int, burst: Int) {
        if principal.role == .monitor { return (Self.monitorPerSecond, Self.monitorPerSecond) }
        return (principal.limits.callsPerSecond ?? self.perSecond, principal.limits.burst ?? self.burst)
    }
}
