internal import NIOCore
package import RPCCore

extension RPCServer: ServerDiagnostics {
    package var listeningAddress: SocketPlace? {
        switch self.boundAddress {
        case .host(let host, let port)?: SocketPlace.bytes(ofIP: host).map { .ip($0, port: port) }
        case .unix(let path)?: .path(path)
        case nil: nil
        }
    }

    package var callCounts: CallCounts {
        let statistics = self.statistics
        var counts = CallCounts()
        counts.started = statistics.calls
        counts.failed = statistics.callsFailed
        counts.succeeded = statistics.calls - statistics.callsNow - statistics.callsFailed
        return counts
    }

    package func connections(from first: UInt64, limit: Int) -> [UInt64] {
        Array(self.openConnections.keys.filter { $0 >= first }.sorted().prefix(limit))
    }

    package func connection(_ number: UInt64) async -> ConnectionFacts? {
        guard let connection = self.openConnections[number] else { return nil }
        // Fails when the loop has ended, and the connection with it.
        return try? await connection.eventLoop.submit { connection.value.facts }.get()
    }
}

extension ServerConnection {
    /// Nil when it is not open.
    fileprivate var facts: ConnectionFacts? {
        guard let channel = self.openDriver?.channel else { return nil }
        return ConnectionFacts(channel, self.session, self.activity)
    }
}
