/// What the store has done since it was opened, for metrics.
package struct SQLiteStatistics: Sendable, Hashable {
    /// Operations per transaction.
    package var groupSize = Histogram(bounds: [1, 2, 4, 8, 16, 32, 64, 128])
    /// Seconds from the begin of a group's transaction until it is durable.
    package var groupLatency = Histogram(bounds: Self.secondBounds)
    /// Seconds from the call of an operation until its result: waiting in the queue, and the group's transaction.
    package var operationLatency = Histogram(bounds: Self.secondBounds)
    /// Seconds that writing back the log took.
    package var checkpointLatency = Histogram(bounds: Self.secondBounds)
    /// Checkpoints that failed; the log goes on growing until one succeeds.
    package var failedCheckpoints = 0
    /// Operations that were refused because too many waited.
    package var refused = 0
    /// Operations that wait now.
    package var queued = 0
    /// Size of the write-ahead log's file.
    package var walBytes = 0

    private static let secondBounds = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }
}
