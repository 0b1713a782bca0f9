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

    @Test(
        "of too many sessions, of one person or of all, the one that was idle for the longest ends",
        arguments: [(ConsoleLimits.sessionsOfOnePersonMax, true), (ConsoleLimits.sessionsMax, false)])
    func limit(most: Int, isOnePerson: Bool) {
        let time = Time()
        let sessions = Sessions(now: { time.now })
        func begin(_ index: Int) -> String {
            time.advance(by: .milliseconds(1))
            return sessions.begin(authorization: "Bearer \(index)", principal: isOnePerson ? "p" : "p\(index)")
        }
        let (first, second) = (begin(0), begin(1))
        time.advance(by: .milliseconds(1))
        _ = sessions.use(first)
        for index in 2...most { _ = begin(index) }
        #expect(sessions.count == most)
        #expect(sessions.use(second) == nil && sessions.use(first) != nil)
    }

    @Test("whoever signs in again and again signs nobody else out")
    func onePerson() {
        let sessions = Sessions()
        let other = sessions.begin(authorization: "Bearer b", principal: "bob")
        for _ in 0..<(2 * ConsoleLimits.sessionsMax) { _ = sessions.begin(authorization: "Bearer a", principal: "ann") }
        #expect(sessions.use(other) != nil && sessions.count == 1 + ConsoleLimits.sessionsOfOnePersonMax)
    }
}
