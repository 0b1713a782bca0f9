internal import Synchronization

/// The server's counters. Connections count in plain integers and add them here once per turn of the loop.
final class ServerCounters: Sendable {
    private let state = Mutex(RPCServerStatistics())
    /// Why connections were ended: constant texts, so few. One is there from the start, lest it look as if nobody counted.
    private let endings = Mutex<[String: Int]>(["bad_preface": 0])

    private let lastFailedAccept = Mutex<String?>(nil)

    var snapshot: RPCServerStatistics { self.state.withLock { $0 } }

    /// - Parameter reason: for people.
    func add(failedAccept reason: String) {
        self.state.withLock { $0.failedAccepts += 1 }
        self.lastFailedAccept.withLock { $0 = reason }
    }

    /// Why accepting failed last; nil when it never did.
    var acceptFailure: String? { self.lastFailedAccept.withLock { $0 } }

    func add(failedHandshakes count: Int) { self.state.withLock { $0.failedHandshakes += count } }

    func add(endedFor reason: String) {
        self.state.withLock { $0.refusedPeers += 1 }
        self.endings.withLock { $0[reason, default: 0] += 1 }
    }

    var endingsByReason: [String: Int] { self.endings.withLock { $0 } }

    func add(_ change: RPCServerStatistics) {
        self.state.withLock { state in
            state.connections += change.connections
            state.connectionsNow += change.connectionsNow
            state.calls += change.calls
            state.callsNow += change.callsNow
            state.callsFailed += change.callsFailed
            state.receivedBytes += change.receivedBytes
            state.sentBytes += change.sentBytes
            state.resets += change.resets
            state.refusedPeers += change.refusedPeers
        }
    }
}
