package import RPCCore

/// What export may cost when the collector is slow or away.
package enum TraceExportLimits {
    /// Between attempts to deliver a batch: a collector that comes back is not met by everybody at once.
    package static let backoff = Backoff(initial: .seconds(1), multiplier: 2, maximum: .seconds(30))
    /// Between two lines that say the collector does not take spans.
    package static let logInterval: Duration = .seconds(60)
    /// What is left when the server ends is sent within this time: a collector that answers takes milliseconds.
    package static let flushTime: Duration = .seconds(5)
}
