package import HTTP2Session

/// Where a channel leads, and what it bears.
package struct HTTP2ChannelConfiguration: Sendable {
    package var address: RPCAddress
    /// nil connects without encryption.
    package var tls: ClientTLS?
    /// The value of `:authority`; the address, or `localhost` for a socket file, when nil.
    package var authority: String?
    package var userAgent = "grpc-swift-novitai/1.0"
    package var session: HTTP2SessionConfiguration

    /// Bytes of a response message, as sent and as it was before it was compressed.
    package var responseSizeMax = 64 << 20
    /// Bytes of requests that may wait for one stream before its writer is suspended.
    package var streamBufferMax = 64 << 10
    /// From the first packet to the server's SETTINGS.
    package var connectTimeout: Duration = .seconds(20)
    /// Between attempts to connect: the first pause, its growth, its limit, and the share that is random, so that the clients of a server
    /// that comes back do not all come at once (grpc/grpc `doc/connection-backoff.md`).
    package var backoff = Backoff()
    /// Calls that wait for a connection or for a stream. More than that is a caller that does not look at its own deadlines.
    package var waitingCallsMax = 10_000

    package init(address: RPCAddress) {
        self.address = address
        self.session = HTTP2SessionConfiguration()
        self.session.streamWindow = 1 << 20
        // Servers reset streams for reasons of their own; a client has no flood of them to fear that closing would not end.
        self.session.connectionWindow = 8 << 20
    }
}

/// Exponential pauses with a random share. A value: randomness comes from outside.
package struct Backoff: Sendable {
    package var initial: Duration = .seconds(1)
    package var multiplier = 1.6
    package var maximum: Duration = .seconds(120)
    package var jitter = 0.2

    package init() {}

    /// The pause before the attempt that follows `failures` failed ones; `random` is from -1 to 1.
    package func delay(afterFailures failures: Int, random: Double) -> Duration {
        var delay = self.initial
        for _ in 1..<max(failures, 1) where delay < self.maximum { delay = delay * self.multiplier }
        return min(delay, self.maximum) * (1 + self.jitter * random)
    }
}
