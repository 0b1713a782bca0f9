package import Fleet

/// Who may call the provider when. A pure value: it is told the time, and tells when to ask again.
///
/// No minute sees more calls than the rate, however they are spread. Calls go by priority, then by arrival; sweeps get at most half
/// of the rate. A call that has waited counts as more urgent by one class for every `agingInterval`, so that none waits for ever;
/// but nothing overtakes what releases machines.
package struct CallBudget: Sendable {
    package struct Ticket: Hashable, Sendable {
        fileprivate let id: UInt64
    }

    /// Long enough for a burst of starts to go ahead, short against a call's deadline of half a minute.
    private static let agingInterval: Duration = .seconds(5)

    private struct Waiting {
        var id: UInt64
        var priority: CallPriority
        var arrival: Timestamp

        func urgency(at now: Timestamp) -> Int {
            let classes = Int((now - self.arrival).wholeMicroseconds / CallBudget.agingInterval.wholeMicroseconds)
            return self.priority == .release
                ? self.priority.rawValue : max(CallPriority.mutation.rawValue, self.priority.rawValue - classes)
        }
    }

    private let waitingMax: Int
    private var calls: Bucket
    private var sweeps: Bucket
    private var waiting: [Waiting] = []
    private var nextID: UInt64 = 0
    private var pausedUntil = Timestamp(microseconds: 0)
    private var releasesPausedUntil = Timestamp(microseconds: 0)

    /// - Parameters:
    ///   - requestsPerMinute: at least 2.
    ///   - waitingMax: calls that wait for their turn; beyond, they are refused.
    package init(requestsPerMinute: Int, waitingMax: Int) {
        self.calls = Bucket(perMinute: requestsPerMinute)
        self.sweeps = Bucket(perMinute: requestsPerMinute / 2)
        self.waitingMax = waitingMax
    }

    package var waitingCount: Int { self.waiting.count }

    /// Calls that would be let through at once if nobody waited.
    package func left(at now: Timestamp) -> Int { self.pausedUntil > now ? 0 : self.calls.left(at: now) }

    /// Joins the queue; nil when it is full. What releases machines has as much room again for itself: nobody else keeps it out.
    package mutating func enter(_ priority: CallPriority, at now: Timestamp) -> Ticket? {
        guard self.waiting.count < (priority == .release ? 2 * self.waitingMax : self.waitingMax) else { return nil }
        self.nextID += 1
        self.waiting.append(Waiting(id: self.nextID, priority: priority, arrival: now))
        return Ticket(id: self.nextID)
    }

    /// Gives up the place in the queue.
    package mutating func leave(_ ticket: Ticket) {
        self.waiting.removeAll { $0.id == ticket.id }
    }

    /// Takes the call's turn if it has come: nil, and the ticket is used up. Otherwise when to ask again.
    package mutating func take(_ ticket: Ticket, at now: Timestamp) -> Timestamp? {
        guard let mine = self.waiting.first(where: { $0.id == ticket.id }) else { return nil }
        let turn = self.turn(of: mine, at: now)
        guard turn <= now else { return min(turn, now + Self.agingInterval) }
        self.leave(ticket)
        self.calls.take(at: now)
        if mine.priority == .sweep { self.sweeps.take(at: now) }
        return nil
    }

    /// The provider asked a call of this priority for quiet. Nobody's turn comes before; but what releases machines waits only for what it
    /// was asked itself: the limit that another call met may not be its own, and each minute of a machine costs.
    package mutating func pause(until time: Timestamp, askedOf priority: CallPriority) {
        self.pausedUntil = max(self.pausedUntil, time)
        if priority == .release { self.releasesPausedUntil = max(self.releasesPausedUntil, time) }
    }

    /// When everybody ahead has had a turn, if nobody else comes.
    private func turn(of mine: Waiting, at now: Timestamp) -> Timestamp {
        let urgency = mine.urgency(at: now)
        let ahead = self.waiting.filter { ($0.urgency(at: now), $0.id) < (urgency, mine.id) }
        let pausedUntil = mine.priority == .release ? self.releasesPausedUntil : self.pausedUntil
        var turn = max(pausedUntil, self.calls.availability(after: ahead.count, from: now))
        if mine.priority == .sweep {
            turn = max(turn, self.sweeps.availability(after: ahead.count { $0.priority == .sweep }, from: now))
        }
        return turn
    }
}

/// A token bucket kept as one number: the time at which it would be full (the generic cell rate algorithm).
private struct Bucket: Sendable {
    /// Between two tokens.
    private let interval: Duration
    /// What may be taken at once: a tenth of a minute's calls.
    private let burst: Int
    private var fullAt = Timestamp(microseconds: 0)

    init(perMinute: Int) {
        self.burst = max(1, perMinute / 10)
        // The burst comes out of the minute's calls, so that burst and refill together stay within them.
        self.interval = .seconds(60) / max(1, perMinute - self.burst)
    }

    /// When a token is there after `count` others have been taken as early as they could.
    func availability(after count: Int, from now: Timestamp) -> Timestamp {
        max(now, max(self.fullAt, now) + self.interval * (count + 1) - self.interval * self.burst)
    }

    func left(at now: Timestamp) -> Int {
        self.burst - Int(((max(self.fullAt, now) - now) / self.interval).rounded(.up))
    }

    mutating func take(at now: Timestamp) {
        self.fullAt = max(self.fullAt, now) + self.interval
    }
}
