import RPCCore
import Testing

@Suite("Whether a call is made again")
struct CallAttemptsTests {
    typealias Ending = CallAttempts.Ending

    static let policy = RetryPolicy(
        attemptsMax: 4, backoff: Backoff(initial: .milliseconds(100), multiplier: 2, maximum: .milliseconds(300)),
        retryableCodes: [.unavailable, .aborted])

    /// What is decided after each ending: milliseconds of the pause, or nil for the end. `random` is 0 throughout.
    static func run(_ endings: [Ending], policy: RetryPolicy? = policy, throttle: RetryThrottle? = nil) -> [Int?] {
        var attempts = CallAttempts(policy: policy)
        var throttle = throttle
        return endings.map { ending in
            switch attempts.attemptEnded(ending, throttle: &throttle, random: 0) {
            case .settle: nil
            case .retry(let pause): Int(pause / .milliseconds(1))
            }
        }
    }

    static let unavailable = Ending(code: .unavailable)
    static func pushedBack(_ text: String, _ code: RPCError.Code = .unavailable) -> Ending { Ending(code: code, pushback: text) }

    @Test(
        "by the policy",
        arguments: [
            // Four attempts in all, with pauses that grow to their limit.
            ([unavailable, unavailable, unavailable, unavailable], [100, 200, 300, nil]),
            ([Ending(code: .aborted), unavailable], [100, 200]),
            ([Ending(code: nil)], [nil]),
            ([Ending(code: .notFound)], [nil]),
            ([unavailable, Ending(code: .internal)], [100, nil]),
            // Once a part of the response is the caller's, or the requests are gone, nothing is repeated.
            ([Ending(code: .unavailable, isCommitted: true)], [nil]),
            // A server may say how long to wait; then the pauses grow from their beginning again.
            ([unavailable, pushedBack("70"), unavailable, unavailable], [100, 70, 100, nil]),
            ([pushedBack("0")], [0]),
            ([pushedBack("-1")], [nil]),
            ([pushedBack("soon")], [nil]),
            ([pushedBack("9999999999")], [nil]),
            // What is not retryable is not made so.
            ([pushedBack("5", .notFound)], [nil]),
        ] as [([Ending], [Int?])])
    func policy(_ endings: [Ending], _ decisions: [Int?]) { #expect(Self.run(endings) == decisions) }

    @Test(
        "without a policy only what no server looked at, and that once",
        arguments: [
            ([unavailable], [nil]), ([Ending(code: .unavailable, isUnprocessed: true), unavailable], [0, nil]),
            ([Ending(code: .unavailable, isUnprocessed: true), Ending(code: .unavailable, isUnprocessed: true)], [0, nil]),
            ([Ending(code: .unavailable, isCommitted: true, isUnprocessed: true)], [nil]),
        ] as [([Ending], [Int?])])
    func unprocessed(_ endings: [Ending], _ decisions: [Int?]) { #expect(Self.run(endings, policy: nil) == decisions) }

    @Test("what no server looked at is none of the policy's attempts the first time, and one the second")
    func unprocessedWithPolicy() {
        let unprocessed = Ending(code: .unavailable, isUnprocessed: true)
        #expect(Self.run([unprocessed, unprocessed, Self.unavailable, Self.unavailable, Self.unavailable]) == [0, 100, 200, 300, nil])
        var attempts = CallAttempts(policy: Self.policy)
        var throttle: RetryThrottle?
        _ = attempts.attemptEnded(unprocessed, throttle: &throttle, random: 0)
        #expect(attempts.previousAttempts == 0)
        _ = attempts.attemptEnded(unprocessed, throttle: &throttle, random: 0)
        #expect(attempts.previousAttempts == 1)
    }

    @Test("pauses have a share of chance", arguments: [(-1.0, 80), (0, 100), (0.5, 110), (1, 120)])
    func jitter(_ random: Double, _ milliseconds: Int) {
        var attempts = CallAttempts(policy: Self.policy)
        var throttle: RetryThrottle?
        guard case .retry(let pause) = attempts.attemptEnded(Self.unavailable, throttle: &throttle, random: random) else {
            Issue.record("no retry")
            return
        }
        #expect(abs(pause / .milliseconds(1) - Double(milliseconds)) < 0.001)
    }

    @Test("requests are kept as long as there may be another attempt")
    func mayRepeat() {
        var attempts = CallAttempts(policy: nil)
        var throttle: RetryThrottle?
        #expect(attempts.mayRepeat)
        _ = attempts.attemptEnded(Ending(code: .unavailable, isUnprocessed: true), throttle: &throttle, random: 0)
        #expect(!attempts.mayRepeat)
    }
}

@Suite("Throttling of retries")
struct RetryThrottleTests {
    enum Step: Sendable { case fail, succeed }

    @Test(
        "retries stop when half of the tokens are gone, and go on when some have come back",
        arguments: [
            (10, 0.1, [], true), (10, 0.1, [.fail, .fail, .fail, .fail], true), (10, 0.1, [.fail, .fail, .fail, .fail, .fail], false),
            (10, 0.5, [.fail, .fail, .fail, .fail, .fail, .succeed], true), (1, 0.1, [.fail], false),
            // The least ratio is a thousandth.
            (1, 0.0001, [.fail] + Array(repeating: .succeed, count: 500), false),
            (1, 0.0001, [.fail] + Array(repeating: .succeed, count: 501), true),
            // Neither side is exceeded.
            (2, 1, [.succeed, .succeed, .fail], false), (2, 1, Array(repeating: .fail, count: 100) + [.succeed, .succeed], true),
        ] as [(Int, Double, [Step], Bool)])
    func levels(_ tokens: Int, _ ratio: Double, _ steps: [Step], _ allows: Bool) {
        var throttle = RetryThrottle(tokensMax: tokens, tokenRatio: ratio)
        for step in steps {
            switch step {
            case .fail: throttle.failed()
            case .succeed: throttle.succeeded()
            }
        }
        #expect(throttle.allowsRetries == allows)
    }

    @Test("only calls with a policy count: retryable codes and a refusal to be called again against it, successes for it")
    func counting() {
        let throttle = RetryThrottle(tokensMax: 2, tokenRatio: 1)
        #expect(CallAttemptsTests.run([CallAttemptsTests.unavailable], throttle: throttle) == [nil])
        #expect(CallAttemptsTests.run([.init(code: .notFound), CallAttemptsTests.unavailable], throttle: throttle) == [nil, nil])
        var left: RetryThrottle? = RetryThrottle(tokensMax: 4, tokenRatio: 1)
        for ending in [CallAttempts.Ending(code: .notFound), .init(code: .notFound, pushback: "-1"), .init(code: .unavailable)] {
            var attempts = CallAttempts(policy: CallAttemptsTests.policy)
            _ = attempts.attemptEnded(ending, throttle: &left, random: 0)
        }
        #expect(left?.allowsRetries == false)
        var other = CallAttempts(policy: nil)
        _ = other.attemptEnded(.init(code: nil), throttle: &left, random: 0)
        #expect(left?.allowsRetries == false)
        var success = CallAttempts(policy: CallAttemptsTests.policy)
        _ = success.attemptEnded(.init(code: nil), throttle: &left, random: 0)
        #expect(left?.allowsRetries == true)
    }
}
