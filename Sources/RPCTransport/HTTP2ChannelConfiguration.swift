package import HTTP2Session
package import RPCCore

/// Where a channel leads, and what it bears.
package struct HTTP2ChannelConfiguration: Sendable {
    /// Tried in their order until one answers. A name that stands for several addresses counts as one that answers when any of them does.
    package var addresses: [RPCAddress]
    /// nil connects without encryption.
    package var tls: ClientTLS?
    /// The value of `:authority`; the first address, or `localhost` for a socket file, when nil. Over TLS the server's certificate must have the
    /// name that it holds. An address is no name: the one that was connected to counts then.
    package var authority: String?
    package var userAgent = "grpc-swift-novitai/1.0"
    package var session: HTTP2SessionConfiguration
    /// What the service's owner recommends.
    package var serviceConfig = ServiceConfig()
    package var keepalive = ClientKeepalive.Configuration()

    /// Bytes of a response message, as sent and as it was before it was compressed.
    package var responseSizeMax = 64 << 20
    /// Bytes of requests that may wait for one stream before its writer is suspended.
    package var streamBufferMax = 64 << 10
    /// Bytes of requests that are kept for another attempt. A call that has written more has had its last one.
    package var retryBufferMax = 1 << 20
    /// From the first packet to the server's SETTINGS.
    package var connectTimeout: Duration = .seconds(20)
    /// Between attempts to connect.
    package var backoff = Backoff.connecting
    /// Without a call for so long the connection is closed, so that a server and what is between keep none that nobody uses.
    package var idleTimeout: Duration = .seconds(30 * 60)
    /// Calls that wait for a connection or for a stream. More than that is a caller that does not look at its own deadlines.
    package var waitingCallsMax = 10_000

    /// - Precondition: there is at least one address.
    package init(addresses: [RPCAddress]) {
        self.addresses = addresses
        self.session = HTTP2SessionConfiguration()
        self.session.streamWindow = 1 << 20
        // Servers reset streams for reasons of their own; a client has no flood of them to fear that closing would not end.
        self.session.connectionWindow = 8 << 20
        // A thousand calls may end at once, each with an error that tells much.
        self.session.headerArenaLimit = 16 << 20
    }

    package init(address: RPCAddress) { self.init(addresses: [address]) }
}
