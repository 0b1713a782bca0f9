internal import Synchronization

/// What it may cost to unfold messages that are far smaller on the wire than honest ones, over all calls of a server: a thousand times its bytes
/// can be had of zlib, on the event loop of everybody else.
package final class UnfoldingBudget: Sendable {
    /// As often its own bytes as a message may unfold to for nothing: text and protobuf messages have 3 to 20 times.
    static let freeRatio = 20
    /// Bytes that any message may unfold to for nothing: they cost no more than the call itself.
    static let freeSize = 64 << 10

    private struct State {
        /// Bytes. Below zero after a message that cost more than there was.
        var level: Int
        var filledAt: ContinuousClock.Instant
    }

    private let burst: Int
    private let perSecond: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - burst: bytes beyond what is free, at once.
    ///   - perSecond: how many more each second.
    package init(burst: Int, perSecond: Int, at now: ContinuousClock.Instant = .now) {
        self.burst = burst
        self.perSecond = perSecond
        self.state = Mutex(State(level: burst, filledAt: now))
    }

    static func freeBytes(of wireBytes: Int) -> Int { max(self.freeSize, self.freeRatio * wireBytes) }

    /// Whether a message may cost something now.
    func hasCredit(at now: ContinuousClock.Instant) -> Bool {
        self.state.withLock { state in
            let gain = Double(self.perSecond) * max(0, state.filledAt.duration(to: now) / .seconds(1))
            state.level = Int(min(Double(self.burst), Double(state.level) + gain))
            state.filledAt = now
            return state.level > 0
        }
    }

    func spend(_ bytes: Int) { self.state.withLock { $0.level -= bytes } }
}
