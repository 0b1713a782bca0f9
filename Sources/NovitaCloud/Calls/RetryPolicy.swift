internal import Fleet

/// Which calls may be made again, and when.
struct RetryPolicy: Sendable {
    private static let firstDelay: Duration = .seconds(1)
    private static let longestDelay: Duration = .seconds(30)
    /// A provider that asks for a longer pause is not waited for inside a call.
    static let retryAfterMax: Duration = .seconds(300)

    /// Retries after the first attempt, `MAX_RETRY_ATTEMPTS`.
    let retriesMax: Int

    /// How long to wait before the call is made again; nil when it is not.
    ///
    /// - Parameters:
    ///   - retries: those already made.
    ///   - random: spreads callers that failed together.
    func delay(after failure: CallFailure, of repeatability: Repeatability, retries: Int, random: inout some RandomNumberGenerator)
        -> Duration?
    {
        guard retries < self.retriesMax, self.isRetryable(failure, repeatability) else { return nil }
        let full = min(Self.longestDelay, Self.firstDelay * (1 << min(retries, 10)))
        let jitter = Duration.microseconds(Int64.random(in: 0...full.wholeMicroseconds / 2, using: &random))
        return max(full / 2 + jitter, failure.error.retryAfter ?? .zero)
    }

    private func isRetryable(_ failure: CallFailure, _ repeatability: Repeatability) -> Bool {
        switch (failure.error.code, repeatability) {
        case (_, .never): false
        case (.rateLimited, _): true
        case (.unavailable, .always), (.transport, .always), (.malformedReply, .always): true
        case (.unavailable, .ifNotProcessed), (.transport, .ifNotProcessed): !failure.mayHaveBeenProcessed
        default: false
        }
    }
}

/// What a second call with the same content would do.
enum Repeatability: Sendable {
    /// The same as one: reads, and changes that end in the same state.
    case always
    /// Something more: only after a call that has surely not been processed.
    case ifNotProcessed
    /// Perhaps buy a second machine.
    case never
}
