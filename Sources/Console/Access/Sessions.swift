internal import Synchronization

/// Who is signed in. A session keeps a person's token here, so that the page never has it: the browser holds a random name for it in a cookie
/// that no script can read.
final class Sessions: Sendable {
    struct Session: Sendable {
        /// What the server was told in `authorization`.
        let authorization: String
        let principal: String
        fileprivate let begun: ContinuousClock.Instant
        fileprivate var lastUsed: ContinuousClock.Instant

        fileprivate func isOver(at now: ContinuousClock.Instant) -> Bool {
            self.begun.duration(to: now) >= ConsoleLimits.sessionAge || self.lastUsed.duration(to: now) >= ConsoleLimits.sessionIdleTime
        }
    }

    private let sessions = Mutex<[String: Session]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) {
        self.now = now
    }

    /// - Returns: the session's name, 256 random bits.
    func begin(authorization: String, principal: String) -> String {
        var random = SystemRandomNumberGenerator()
        let name = (0..<4).map { _ in
            let word = String(random.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - word.count) + word
        }.joined()
        let now = self.now()
        self.sessions.withLock { sessions in
            sessions = sessions.filter { !$0.value.isOver(at: now) }
            // Whoever signs in again and again ends sessions of his own, and nobody else's.
            let own = sessions.filter { $0.value.principal == principal }
            if own.count >= ConsoleLimits.sessionsOfOnePersonMax { Self.endOldest(of: own, in: &sessions) }
            if sessions.count >= ConsoleLimits.sessionsMax { Self.endOldest(of: sessions, in: &sessions) }
            sessions[name] = Session(authorization: authorization, principal: principal, begun: now, lastUsed: now)
        }
        return name
    }

    private static func endOldest(of candidates: [String: Session], in sessions: inout [String: Session]) {
        guard let oldest = candidates.min(by: { $0.value.lastUsed < $1.value.lastUsed }) else { return }
        sessions[oldest.key] = nil
    }

    /// The session of that name, which is in use by this; nil when there is none any more.
    func use(_ name: String) -> Session? {
        let now = self.now()
        return self.sessions.withLock { sessions in
            guard var session = sessions[name] else { return nil }
            guard !session.isOver(at: now) else {
                sessions[name] = nil
                return nil
            }
            session.lastUsed = now
            sessions[name] = session
            return session
        }
    }

    func end(_ name: String) {
        self.sessions.withLock { $0[name] = nil }
    }

    var count: Int { self.sessions.withLock { $0.count } }
}
