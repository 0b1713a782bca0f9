/// How long a connection lives, and when its peer is asked whether it still does: a value. Times are nanoseconds from any fixed moment.
///
///     living ──idle, old──▶ leaving ──grace over──▶ ended
///        └──no answer to a PING──────────────────────▲
///
/// It is looked at seldom: each look says when the next one is due at the earliest, so that a busy connection costs no timers.
struct ConnectionLife {
    struct Limits {
        var idleMax: UInt64?
        /// With the connection's own share of chance in it.
        var ageMax: UInt64?
        var ageGrace: UInt64?
        var keepaliveTime: UInt64?
        var keepaliveTimeout: UInt64
    }

    /// What the connection knows of itself when it is looked at.
    struct Facts {
        var lastReceivedAt: UInt64
        var openStreams: Int
        /// When the last call ended; the connection's beginning before there was one.
        var lastCallAt: UInt64
    }

    enum Verdict: Equatable {
        case none
        /// Send a PING.
        case ping
        /// Send the client away, for this reason.
        case leave(String)
        /// End what still runs, with a status, and then the connection.
        case end(String)
        /// End it with what runs on it: nobody hears us.
        case abort(String)
    }

    private enum State {
        /// Becomes `leaving`.
        case living
        /// Sent away for its age at the given time. Becomes `ended` by the connection's own end, or when the grace is over.
        case leaving(agedAt: UInt64?)
        case ended
    }

    private let limits: Limits
    private let openedAt: UInt64
    private var state = State.living
    private var pingSentAt: UInt64?

    init(_ limits: Limits, openedAt: UInt64) {
        self.limits = limits
        self.openedAt = openedAt
    }

    /// - Returns: what is to be done now, and when to look again; nil when there is nothing to wait for.
    mutating func look(at now: UInt64, _ facts: Facts) -> (Verdict, next: UInt64?) {
        let verdict = self.verdict(at: now, facts)
        if case .ended = self.state { return (verdict, nil) }
        let next = self.deadlines(facts, at: now).min()
        return (verdict, next.map { max($0, now + 1) })
    }

    private mutating func verdict(at now: UInt64, _ facts: Facts) -> Verdict {
        switch self.state {
        case .ended: return .none
        case .leaving(let agedAt):
            guard let agedAt, let grace = self.limits.ageGrace, now >= agedAt + grace else { return self.keepalive(at: now, facts) }
            self.state = .ended
            return .end("max_age_grace")
        case .living:
            if let ageMax = self.limits.ageMax, now >= self.openedAt + ageMax {
                self.state = .leaving(agedAt: now)
                return .leave("max_age")
            }
            if let idleMax = self.limits.idleMax, facts.openStreams == 0, now >= facts.lastCallAt + idleMax {
                self.state = .leaving(agedAt: nil)
                return .leave("max_idle")
            }
            return self.keepalive(at: now, facts)
        }
    }

    /// Any byte counts as life (gRFC A8).
    private mutating func keepalive(at now: UInt64, _ facts: Facts) -> Verdict {
        guard let time = self.limits.keepaliveTime else { return .none }
        if let sentAt = self.pingSentAt {
            guard facts.lastReceivedAt < sentAt else {
                self.pingSentAt = nil
                return self.keepalive(at: now, facts)
            }
            guard now >= sentAt + self.limits.keepaliveTimeout else { return .none }
            self.state = .ended
            return .abort("keepalive_timeout")
        }
        guard now >= facts.lastReceivedAt + time else { return .none }
        self.pingSentAt = now
        return .ping
    }

    /// When something can be due at the earliest, as far as is known now.
    private func deadlines(_ facts: Facts, at now: UInt64) -> [UInt64] {
        var deadlines: [UInt64] = []
        if let time = self.limits.keepaliveTime {
            deadlines.append(self.pingSentAt.map { $0 + self.limits.keepaliveTimeout } ?? facts.lastReceivedAt + time)
        }
        switch self.state {
        case .ended: break
        case .leaving(let agedAt):
            if let agedAt, let grace = self.limits.ageGrace { deadlines.append(agedAt + grace) }
        case .living:
            if let ageMax = self.limits.ageMax { deadlines.append(self.openedAt + ageMax) }
            // While calls run, idleness cannot begin before now.
            if let idleMax = self.limits.idleMax { deadlines.append((facts.openStreams == 0 ? facts.lastCallAt : now) + idleMax) }
        }
        return deadlines
    }
}
