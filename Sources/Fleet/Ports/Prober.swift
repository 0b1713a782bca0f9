/// What came of asking a port once.
package struct ProbeOutcome: Hashable, Sendable {
    package var isHealthy: Bool
    /// For people: the status, or why there was none.
    package var detail: String

    package init(isHealthy: Bool, detail: String) {
        self.isHealthy = isHealthy
        self.detail = detail
    }
}

/// The way to the programs inside machines. Goes only to addresses that it deems safe, whatever the provider says.
package protocol Prober: Sendable {
    /// Ends within `timeout`.
    func probe(_ target: ProbeTarget, timeout: Duration) async -> ProbeOutcome
}

/// `HEALTH_CHECK_*`: how ports are asked.
package struct ProbeSettings: Sendable, Hashable {
    /// One try.
    package var timeout: Duration
    /// Tries of which one good one makes a round good.
    package var attempts: Int
    /// Between two tries, and between two rounds of a port that is not healthy.
    package var delay: Duration
    /// How long a create or a start waits for its machine to be ready once it runs; then it has done its part.
    package var maxWait: Duration

    package init(
        timeout: Duration = .seconds(10), attempts: Int = 3, delay: Duration = .seconds(2), maxWait: Duration = .seconds(300)
    ) {
        self.timeout = timeout
        self.attempts = attempts
        self.delay = delay
        self.maxWait = maxWait
    }
}
