/// When a call that failed is made again (gRFC A6).
package struct RetryPolicy: Sendable, Hashable {
    /// Attempts in all, the first one included.
    package let attemptsMax: Int
    package let backoff: Backoff
    package let retryableCodes: Set<RPCError.Code>

    /// What a policy may ask for; more counts as this (gRFC A6, "Maximum Number of Retries").
    package static let attemptsLimit = 5

    /// - Precondition: `attemptsMax` is at least 2, no code is OK.
    package init(attemptsMax: Int, backoff: Backoff, retryableCodes: Set<RPCError.Code>) {
        self.attemptsMax = min(attemptsMax, Self.attemptsLimit)
        self.backoff = backoff
        self.retryableCodes = retryableCodes
    }
}

/// Stops the retries of a channel while too many of its calls fail (gRFC A6, "Throttling Retry Attempts").
package struct RetryThrottle: Sendable, Hashable {
    /// In thousandths of a token, the precision that the specification asks for.
    private let capacity: Int
    private let gain: Int
    private var level: Int

    private static let token = 1000

    /// - Precondition: `tokensMax` is from 1 to 1000, `tokenRatio` above 0.
    package init(tokensMax: Int, tokenRatio: Double) {
        self.capacity = tokensMax * Self.token
        self.gain = max(1, Int((min(tokenRatio, Double(tokensMax)) * Double(Self.token)).rounded(.down)))
        self.level = self.capacity
    }

    package var allowsRetries: Bool { self.level > self.capacity / 2 }

    package mutating func failed() { self.level = max(0, self.level - Self.token) }
    package mutating func succeeded() { self.level = min(self.capacity, self.level + self.gain) }
}
