/// Decides, when an attempt of a call has ended, whether there is another (gRFC A6). A value: time passes and chance falls elsewhere.
///
/// - An attempt that no server looked at is made again at once, one time, whatever the policy says.
/// - An attempt that failed with a code of the policy is made again after a pause, as long as nothing of a response has come.
package struct CallAttempts: Sendable {
    package enum Decision: Equatable, Sendable {
        /// The call has ended as its attempt has.
        case settle
        case retry(after: Duration)
    }

    /// How an attempt ended.
    package struct Ending: Sendable {
        /// nil is OK.
        package var code: RPCError.Code?
        /// The value of `grpc-retry-pushback-ms`.
        package var pushback: String?
        /// Whether the caller has a part of the response, or the requests are not at hand any more.
        package var isCommitted: Bool
        /// Whether the server surely did not look at the call: a refused stream, one above the last of a GOAWAY.
        package var isUnprocessed: Bool

        package init(code: RPCError.Code?, pushback: String? = nil, isCommitted: Bool = false, isUnprocessed: Bool = false) {
            self.code = code
            self.pushback = pushback
            self.isCommitted = isCommitted
            self.isUnprocessed = isUnprocessed
        }
    }

    private let policy: RetryPolicy?
    /// Attempts that the policy counts: all that were, but for the one that no server looked at.
    private var attempts = 1
    /// Failures since the last pause that a server named, which begins the growth of the pauses anew.
    private var failuresSincePushback = 0
    private var wasRepeatedUnprocessed = false

    package init(policy: RetryPolicy?) { self.policy = policy }

    /// What `grpc-previous-rpc-attempts` says.
    package var previousAttempts: Int { self.attempts - 1 }

    /// Whether the requests are to be kept, because there may be another attempt.
    package var mayRepeat: Bool { !self.wasRepeatedUnprocessed || self.attempts < self.policy?.attemptsMax ?? 1 }

    /// - Parameter random: from -1 to 1.
    package mutating func attemptEnded(_ ending: Ending, throttle: inout RetryThrottle?, random: Double) -> Decision {
        if ending.isUnprocessed, !ending.isCommitted, !self.wasRepeatedUnprocessed {
            self.wasRepeatedUnprocessed = true
            return .retry(after: .zero)
        }
        guard let policy else { return .settle }
        guard let code = ending.code else {
            throttle?.succeeded()
            return .settle
        }
        let pushback = ending.pushback.map(Pushback.init)
        let isRetryable = policy.retryableCodes.contains(code)
        if isRetryable || pushback == .never { throttle?.failed() }
        guard isRetryable, !ending.isCommitted, pushback != .never, self.attempts < policy.attemptsMax, throttle?.allowsRetries ?? true
        else { return .settle }
        self.attempts += 1
        if case .after(let pause)? = pushback {
            self.failuresSincePushback = 0
            return .retry(after: pause)
        }
        self.failuresSincePushback += 1
        return .retry(after: policy.backoff.delay(afterFailures: self.failuresSincePushback, random: random))
    }

    /// What the server asks of those who would call again.
    private enum Pushback: Equatable {
        case after(Duration)
        /// A negative number, or what is no number.
        case never

        init(_ text: String) {
            guard let milliseconds = Int32(text), milliseconds >= 0 else {
                self = .never
                return
            }
            self = .after(.milliseconds(Int(milliseconds)))
        }
    }
}
