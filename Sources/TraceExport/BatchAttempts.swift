package import Fleet
internal import NovitaiProto
package import RPCCore

/// The attempts to deliver one batch: whether there is another, and when. By the rules of OTLP/gRPC.
package struct BatchAttempts {
    private let end: Timestamp
    private var failures = 0

    /// - Parameter end: nothing is begun after it, and what runs then is over.
    package init(until end: Timestamp) {
        self.end = end
    }

    /// What is left for an attempt.
    package func timeLeft(at now: Timestamp) -> Duration { self.end - now }

    /// The pause before the next attempt; nil when the batch is given up.
    ///
    /// - Parameter random: from -1 to 1.
    package mutating func failed(_ error: RPCError, at now: Timestamp, random: Double) -> Duration? {
        self.failures += 1
        let asked = Self.askedPause(error)
        guard Self.isPassing(error.code, isPauseAsked: asked != nil) else { return nil }
        let pause = max(TraceExportLimits.backoff.delay(afterFailures: self.failures, random: random), asked ?? .zero)
        return now + pause < self.end ? pause : nil
    }

    /// A collector that is out of something says when it will not be, or it means for good.
    private static func isPassing(_ code: RPCError.Code, isPauseAsked: Bool) -> Bool {
        switch code {
        case .cancelled, .deadlineExceeded, .aborted, .outOfRange, .unavailable, .dataLoss: true
        case .resourceExhausted: isPauseAsked
        case .ok, .unknown, .invalidArgument, .notFound, .alreadyExists, .permissionDenied, .failedPrecondition, .unimplemented, .internal,
            .unauthenticated:
            false
        }
    }

    /// What a `google.rpc.RetryInfo` among the details says.
    private static func askedPause(_ error: RPCError) -> Duration? {
        guard !error.details.isEmpty, let status = try? GoogleRpc.Status(decoding: error.details) else { return nil }
        for detail in status.details where detail.typeUrl.hasSuffix("/google.rpc.RetryInfo") {
            guard let delay = (try? GoogleRpc.RetryInfo(decoding: detail.value))?.retryDelay else { continue }
            return .seconds(delay.seconds) + .nanoseconds(delay.nanos)
        }
        return nil
    }
}
