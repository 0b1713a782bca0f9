package import Fleet

/// Keeps calls from what is down. A pure value: it is told the time.
///
/// ```
/// closed ── failures in a row ──▶ open ── pause over, one call is let through ──▶ half-open
///   ▲                              ▲ └──────────────── it fails: a longer pause ─────┘ │
///   └──────────────────────────────┴───────────────────── any call succeeds ───────────┘
/// ```
package struct CircuitBreaker: Sendable {
    /// What a call said about the health of what it went to.
    package enum Verdict: Sendable {
        /// It answered, be it with a refusal.
        case alive
        case failing
        /// The call ended for reasons of ours.
        case none
    }

    /// One lost connection is no outage; five calls in a row are.
    private static let failuresToOpen = 5
    private static let firstPause: Duration = .seconds(5)
    /// A provider that is back is noticed within a minute.
    private static let longestPause: Duration = .seconds(60)

    private enum State: Sendable {
        /// Opens after `failuresToOpen` failures in a row.
        case closed(failures: Int)
        /// Becomes half-open with the first call after `until`.
        case open(until: Timestamp, pause: Duration)
        /// One call is under way; the others are refused until it ends, or for `until`, should nothing be heard of it.
        case halfOpen(until: Timestamp, pause: Duration)
    }

    private var state = State.closed(failures: 0)

    package init() {}

    package var isClosed: Bool {
        if case .closed = self.state { true } else { false }
    }

    /// When to ask again; nil when a call may be made.
    package func reopening(at now: Timestamp) -> Timestamp? {
        switch self.state {
        case .closed: nil
        case .open(let until, _), .halfOpen(let until, _): until <= now ? nil : until
        }
    }

    /// A call is made, which must be reported to `record`.
    package mutating func begin(at now: Timestamp) {
        switch self.state {
        case .open(let until, let pause) where until <= now, .halfOpen(let until, let pause) where until <= now:
            self.state = .halfOpen(until: now + Self.longestPause, pause: pause)
        // One that nothing holds back is no trial.
        case .closed, .open, .halfOpen: break
        }
    }

    package mutating func record(_ verdict: Verdict, at now: Timestamp) {
        switch (verdict, self.state) {
        case (.alive, _): self.state = .closed(failures: 0)
        case (.failing, .closed(let failures)) where failures + 1 < Self.failuresToOpen: self.state = .closed(failures: failures + 1)
        case (.failing, .closed): self.state = .open(until: now + Self.firstPause, pause: Self.firstPause)
        case (.failing, .halfOpen(_, let pause)):
            let longer = min(pause * 2, Self.longestPause)
            self.state = .open(until: now + longer, pause: longer)
        case (.none, .halfOpen(_, let pause)): self.state = .open(until: now, pause: pause)
        // A call from before the circuit opened.
        case (.failing, .open), (.none, .closed), (.none, .open): break
        }
    }
}
