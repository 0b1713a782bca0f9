internal import Synchronization

/// What people who look for a fault ask a server about itself and its connections: the transport's half of channelz.
package protocol ServerDiagnostics: Sendable {
    /// Where the server listens; nil while it does not.
    var listeningAddress: SocketPlace? { get }
    var callCounts: CallCounts { get }
    /// Numbers of open connections, growing, from `first` on; at most `limit` of them.
    func connections(from first: UInt64, limit: Int) -> [UInt64]
    /// Nil for a connection that is not open.
    func connection(_ number: UInt64) async -> ConnectionFacts?
}

/// Calls, or streams.
package struct CallCounts: Sendable, Equatable {
    package var started = 0
    /// Those that ended with OK; for streams those that were not reset.
    package var succeeded = 0
    package var failed = 0

    package init() {}
}

/// One end of a connection.
package enum SocketPlace: Sendable, Hashable {
    /// 4 or 16 bytes.
    case ip([UInt8], port: Int)
    /// Empty for a peer that has no path.
    case path(String)
}

/// One connection as it is now. Times are as long ago as they say; nil is never.
package struct ConnectionFacts: Sendable {
    package var local: SocketPlace?
    package var remote: SocketPlace?
    package var isEncrypted = false
    /// The peer's certificate, in DER; nil when it has shown none.
    package var peerCertificate: [UInt8]?
    package var streams = CallCounts()
    package var messagesSent = 0
    package var messagesReceived = 0
    package var keepalivesSent = 0
    package var lastStreamBegan: Duration?
    package var lastMessageSent: Duration?
    package var lastMessageReceived: Duration?
    /// Bytes of the connection's windows: what we may send, and what the peer may.
    package var sendWindow = 0
    package var receiveWindow = 0

    package init() {}
}
