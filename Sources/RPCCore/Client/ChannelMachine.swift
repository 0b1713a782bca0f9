/// The states of a channel (grpc/grpc `doc/connectivity-semantics-and-api.md`) and what to do in them: a value without sockets, clocks and
/// chance. Its addresses are tried in their order, and the first that answers is used (`pick_first`).
///
///     idle ──call──▶ connecting ──SETTINGS──▶ ready ──GOAWAY, lost, no calls for long──▶ idle
///                     ▲      └──every address failed──▶ pausing ──▶ idle
///                     └──────────calls that wait───────────┘
package struct ChannelMachine: Sendable {
    private enum State {
        /// No connection. Becomes `connecting` with a call.
        case idle
        /// An attempt with one of the addresses. Becomes `ready` or `pausing`.
        case connecting(address: Int, since: UInt64)
        /// Becomes `idle`.
        case ready
        /// Every address failed. Becomes `idle` when the pause is over, and `connecting` at once when calls wait.
        case pausing
        case shutDown
    }

    /// What others may know of the state.
    package enum Connectivity: Sendable, Equatable {
        case idle, connecting, ready, transientFailure, shutdown
    }

    package enum OnCall: Sendable, Equatable {
        /// The connection takes it.
        case start
        case wait
        case waitAndConnect(address: Int)
        /// With the reason why the last attempt failed.
        case fail
        case refuse
    }

    package enum OnFailure: Sendable, Equatable {
        case connect(address: Int)
        /// Calls that do not ask to wait fail; after the pause, `pauseEnded` is to be called.
        case pause(Duration)
        case nothing
    }

    private let addressCount: Int
    private let backoff: Backoff
    private var state = State.idle
    /// Passes over all addresses that failed since a connection last worked.
    private var failures = 0

    /// - Precondition: there is at least one address.
    package init(addressCount: Int, backoff: Backoff) {
        self.addressCount = addressCount
        self.backoff = backoff
    }

    package var connectivity: Connectivity {
        switch self.state {
        case .idle: .idle
        case .connecting: .connecting
        case .ready: .ready
        case .pausing: .transientFailure
        case .shutDown: .shutdown
        }
    }

    package mutating func callSubmitted(waitsForReady: Bool, at now: UInt64) -> OnCall {
        switch self.state {
        case .ready: .start
        case .connecting: .wait
        case .idle: .waitAndConnect(address: self.begin(at: now))
        case .pausing: waitsForReady ? .wait : .fail
        case .shutDown: .refuse
        }
    }

    /// The server has shown that it speaks HTTP/2.
    ///
    /// - Returns: whether its connection is the one to be used.
    package mutating func connected() -> Bool {
        guard case .connecting = self.state else { return false }
        self.failures = 0
        self.state = .ready
        return true
    }

    /// - Parameter random: from -1 to 1.
    package mutating func attemptFailed(at now: UInt64, random: Double) -> OnFailure {
        guard case .connecting(let address, let since) = self.state else { return .nothing }
        if address + 1 < self.addressCount {
            self.state = .connecting(address: address + 1, since: since)
            return .connect(address: address + 1)
        }
        self.failures += 1
        self.state = .pausing
        // Pauses count from the beginning of an attempt, so that one which took long is followed soon.
        let spent = Duration.nanoseconds(now - min(now, since))
        return .pause(max(.zero, self.backoff.delay(afterFailures: self.failures, random: random) - spent))
    }

    /// - Returns: the address to connect to, when calls wait.
    package mutating func pauseEnded(hasWaitingCalls: Bool, at now: UInt64) -> Int? {
        guard case .pausing = self.state else { return nil }
        return self.becomeIdle(hasWaitingCalls: hasWaitingCalls, at: now)
    }

    /// The connection in use is lost, says goodbye, or has had no call for long.
    ///
    /// - Returns: the address to connect to, when calls wait.
    package mutating func connectionLeft(hasWaitingCalls: Bool, at now: UInt64) -> Int? {
        guard case .ready = self.state else { return nil }
        return self.becomeIdle(hasWaitingCalls: hasWaitingCalls, at: now)
    }

    package mutating func shutDown() { self.state = .shutDown }

    private mutating func becomeIdle(hasWaitingCalls: Bool, at now: UInt64) -> Int? {
        self.state = .idle
        return hasWaitingCalls ? self.begin(at: now) : nil
    }

    private mutating func begin(at now: UInt64) -> Int {
        self.state = .connecting(address: 0, since: now)
        return 0
    }
}
