package import Fleet

/// One request to the provider, for the log and the metrics. Holds no header, query or body: nothing here needs redaction.
package struct CallReport: Sendable {
    package var requestID: String
    package var priority: CallPriority
    package var method: String
    /// Without the query.
    package var path: String
    /// 1 for the first attempt.
    package var attempt: Int
    /// Nil when there was no response.
    package var status: Int?
    /// Nil when it succeeded.
    package var error: CloudError?
    /// From the end of its wait for the call budget to the response.
    package var duration: Duration
}

/// How the provider has been doing, for `/health`.
package struct UpstreamHealth: Sendable, Hashable {
    /// The circuit breaker lets calls through.
    package var isReachable: Bool
    package var lastSuccessAt: Timestamp?
    package var lastFailure: CloudError?
    /// Calls that wait for their turn in the call budget.
    package var waitingCalls: Int
    /// Calls that the budget would let through at once.
    package var budgetLeft: Int
}
