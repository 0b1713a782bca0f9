internal import Synchronization

/// The server's counters. Connections count in plain integers and add them here once per turn of the loop.
final class ServerCounters: Sendable {
    private let state = Mutex(RPCServerStatistics())

    var snapshot: RPCServerStatistics { self.state.withLock { $0 } }

    func add(failedHandshakes count: Int) { self.state.withLock { $0.failedHandshakes += count } }

    func refusedConnection() { self.state.withLock { $0.refusedPeers += 1 } }

    func add(_ change: RPCServerStatistics) {
        self.state.withLock { state in
            state.connections += change.connections
            state.connectionsNow += change.connectionsNow
            state.calls += change.calls
            state.callsNow += change.callsNow
            state.receivedBytes += change.receivedBytes
            state.sentBytes += change.sentBytes
            state.resets += change.resets
            state.refusedPeers += change.refusedPeers
            state.bufferedBytesNow += change.bufferedBytesNow
            state.queuedBytesNow += change.queuedBytesNow
        }
    }
}
