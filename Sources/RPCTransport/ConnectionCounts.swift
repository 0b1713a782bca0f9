internal import Synchronization

/// The connections of a listener, from wherever they end.
final class ConnectionCounts: Sendable {
    private struct State {
        var count = 0
        var countByAddress: [String: Int] = [:]
        var isReadHeld = false
    }

    private let limits: ConnectionLimits
    private let state = Mutex(State())

    init(_ limits: ConnectionLimits) { self.limits = limits }

    /// - Returns: false when there are too many from the address.
    func enter(_ address: String?) -> Bool {
        self.state.withLock { state in
            if let address, state.countByAddress[address, default: 0] >= self.limits.connectionsPerAddressMax { return false }
            state.count += 1
            if let address { state.countByAddress[address, default: 0] += 1 }
            return true
        }
    }

    /// - Returns: whether a read was held back for this.
    func leave(_ address: String?) -> Bool {
        self.state.withLock { state in
            state.count -= 1
            if let address, let count = state.countByAddress[address] { state.countByAddress[address] = count > 1 ? count - 1 : nil }
            guard state.isReadHeld, state.count < self.limits.connectionsMax else { return false }
            state.isReadHeld = false
            return true
        }
    }

    /// - Returns: whether there are as many as there may be, and the next to leave lets reading go on.
    func holdReadIfFull() -> Bool {
        self.state.withLock { state in
            state.isReadHeld = state.count >= self.limits.connectionsMax
            return state.isReadHeld
        }
    }

    /// Nobody is let in any more.
    func dropRead() { self.state.withLock { $0.isReadHeld = false } }
}
