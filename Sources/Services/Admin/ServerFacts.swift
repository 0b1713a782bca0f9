package import Fleet

/// What a server says of itself.
package struct ServerFacts: Sendable {
    /// The version of this source tree.
    package static let version = "0.1.0"

    package var startedAt: Timestamp
    /// The provider's origin.
    package var upstream: String
    package var store: String
    package var messageBytesMax: Int
    package var metadataBytesMax: Int
    package var concurrentStreamsMax: Int
    package var pingIntervalMin: Duration

    package init(
        startedAt: Timestamp, upstream: String, store: String = "sqlite", messageBytesMax: Int, metadataBytesMax: Int,
        concurrentStreamsMax: Int, pingIntervalMin: Duration
    ) {
        self.startedAt = startedAt
        self.upstream = upstream
        self.store = store
        self.messageBytesMax = messageBytesMax
        self.metadataBytesMax = metadataBytesMax
        self.concurrentStreamsMax = concurrentStreamsMax
        self.pingIntervalMin = pingIntervalMin
    }
}
