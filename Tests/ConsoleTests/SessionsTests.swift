import Synchronization
import Testing

@testable import Console

@Suite("Sessions")
struct SessionsTests {
    /// Goes on when it is told to.
    final class Time: Sendable {
        private let offset = Mutex(Duration.zero)
        private let start = ContinuousClock.now
        var now: ContinuousClock.Instant { self.start + self.offset.withLock { $0 } }
        func advance(by duration: Duration) { self.offset.withLock { $0 += duration } }
    }

    @Test("a session has a name that nobody guesses, and ends when it is told to")
    func beginAndEnd() {
        let sessions = Sessions()
        let name = sessions.begin(authorization: "Bearer a", principal: "ann")
        let other = sessions.begin(authorization: "Bearer a", principal: "ann")
        #expect(name.count == 64 && name != other)
        #expect(sessions.use(name)?.authorization == "Bearer a")
        sessions.end(name)
        #expect(sessions.use(name) == nil && sessions.use(other) != nil)
    }

    @Test("a session that nobody uses ends after an hour, one in use after twelve", arguments: [(false, 3600), (true, 12 * 3600)])
    func age(isUsed: Bool, seconds: Int) {
        let time = Time()
        let sessions = Sessions(now: { time.now })
        let name = sessions.begin(authorization: "Bearer a", principal: "ann")
        for _ in 0..<(seconds / 60 - 1) {
            time.advance(by: .seconds(60))
            if isUsed { #expect(sessions.use(name) != nil) }
        }
        let inTime = sessions.use(name)
        #expect(inTime != nil)
        time.advance(by: isUsed ? .seconds(60) : .seconds(3600))
        #expect(sessions.use(name) == nil && sessions.count == 0)
    }

    @Test("of too many sessions the one that was idle for the longest ends")
    func limit() {
        let time = Time()
        let sessions = Sessions(now: { time.now })
        let first = sessions.begin(authorization: "Bearer 0", principal: "p")
        time.advance(by: .milliseconds(1))
        let second = sessions.begin(authorization: "Bearer 1", principal: "p")
        time.advance(by: .milliseconds(1))
        _ = sessions.use(first)
        for index in 2...ConsoleLimits.sessionsMax {
            time.advance(by: .milliseconds(1))
            _ = sessions.begin(authorization: "Bearer \(index)", principal: "p")
        }
        #expect(sessions.count == ConsoleLimits.sessionsMax)
        #expect(sessions.use(second) == nil && sessions.use(first) != nil)
    }
}
