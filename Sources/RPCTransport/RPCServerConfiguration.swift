package import HTTP2Session

/// Where a server listens or a channel connects.
package enum RPCAddress: Hashable, Sendable, CustomStringConvertible {
    /// A host name or address, and a port; 0 picks a free one.
    case host(String, port: Int)
    /// A socket file.
    case unix(path: String)

    /// `host:port`, `[ipv6]:port` or `unix:PATH`; nil for anything else.
    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard !path.isEmpty else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
        guard !host.isEmpty else { return nil }
        self = .host(String(host), port: Int(port))
    }

    package var description: String {
        switch self {
        case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// What a server is, and what it bears.
package struct RPCServerConfiguration: Sendable {
    package var address: RPCAddress
    /// A descriptor that listens there already; the server closes it. nil: one is opened.
    package var listeningSocket: CInt?
    /// Event loops, each a thread with the connections that fell to it. One core serves hundreds of thousands of calls a second.
    package var threadCount = 1
    /// nil serves without encryption.
    package var tls: ServerTLS?
    package var session = HTTP2SessionConfiguration()

    /// Bytes of a request message, as sent and as it was before it was compressed: gRPC's customary limit.
    package var requestSizeMax = 4 << 20
    /// Bytes of a response message: one that is larger fails with RESOURCE_EXHAUSTED rather than filling the client's memory.
    package var responseSizeMax = 64 << 20
    /// Handlers that run at once for one connection, waiting ones not counted. It holds what a client can have us do, whatever it resets.
    package var runningHandlersMax = 100
    /// The share of a connection's streams that calls may hold that only wait, in percent: a delete can then always be sent.
    package var waitingCallsPercent = 50
    /// Bytes of responses that may wait for one stream before its writer is suspended.
    package var streamBufferMax = 128 << 10
    /// Bytes of responses that may wait for all streams of a connection before writers are suspended.
    package var connectionBufferMax = 4 << 20
    /// Frames, and bytes, that may wait for a peer that does not read before we do not read either.
    package var unreadFramesMax = 1000
    package var unreadBytesMax = 256 << 10
    package var connections = ConnectionLimits()
    /// Bytes that all connections together may hold for their clients: of responses that wait for windows, and of requests that are not
    /// complete or not taken. Beyond it no call begins, and no large request goes on.
    package var heldBytesMax = 512 << 20
    /// Of these, bytes of requests: a dozen of the largest at once. Beyond it no large request goes on.
    package var heldRequestBytesMax = 48 << 20
    /// Bytes that messages may unfold to beyond `UnfoldingBudget.freeRatio` times their own, at once, and each second and event loop: the latter
    /// takes about a tenth of a core.
    package var unfoldedBytesMax = 16 << 20
    package var unfoldedBytesPerSecond = 64 << 20
    /// Between two looks at whether a call that goes on still may: how long a token that was withdrawn, or whose time is over, serves an open
    /// watch.
    package var accessRecheckInterval: Duration = .seconds(10)
    /// After an accept that failed for want of descriptors or memory: the kernel would say so again at once.
    package var acceptBackoff: Duration = .milliseconds(100)
    /// From the connection to the peer's first SETTINGS: whoever needs longer is no client.
    package var handshakeTimeout: Duration = .seconds(10)
    /// Connections within TLS: the oldest makes room for the next. Each costs some 20 KB, and none works for longer than `handshakeTimeout`.
    package var handshakesMax = 1000
    /// From the beginning of a graceful shutdown to its end, running calls or not.
    package var shutdownGrace: Duration = .seconds(30)
    /// How long the first GOAWAY is given to arrive before the second, when its PING is not answered; and how long a client that has not got
    /// through TLS when the server ends is given to do so, and to be told.
    package var goAwayDelay: Duration = .seconds(5)
    /// How long a peer that is sent away may take to read why.
    package var lingerTimeout: Duration = .seconds(1)

    package init(address: RPCAddress) { self.address = address }
}

/// What a server has done so far. Counters but for the `…Now` ones.
package struct RPCServerStatistics: Sendable, Equatable {
    package var connections = 0
    package var connectionsNow = 0
    package var calls = 0
    /// Calls whose handler was suspended when last looked at, or waits to be started.
    package var callsNow = 0
    /// Calls that ended with another status than OK.
    package var callsFailed = 0
    /// Bytes on the wire.
    package var receivedBytes = 0
    package var sentBytes = 0
    /// Streams that ended with a reset, from either side.
    package var resets = 0
    /// Connections that were not ended by the client nor in the regular way; why, by constant texts.
    package var refusedPeers = 0
    package var endings: [String: Int] = [:]
    /// Times that the listener could not accept, for want of descriptors.
    package var failedAccepts = 0
    /// Calls, and large requests, that were refused because too much was held.
    package var refusedForMemory = 0
    /// Connections that did not get through TLS.
    package var failedHandshakes = 0
    /// Connections within TLS.
    package var handshakesNow = 0
    /// Bytes of responses that wait for their clients' windows, or for sockets that take no more.
    package var bufferedBytesNow = 0
    /// Bytes of requests whose handler has no place among the running ones yet.
    package var queuedBytesNow = 0

    package init() {}
}
