import Synchronization

/// How far the create call that was last at work had got.
enum CreatePhase: String, CaseIterable, Sendable {
    /// A worker has the job and has written nothing down.
    case beforeIntent = "before the intent"
    /// The attempt is written down; the call has not left.
    case intent
    /// The call has left and has not arrived.
    case sent
    /// The provider has done it, or not; the answer is on its way.
    case unanswered
    /// The answer is here; it is not written down.
    case answered
    /// The machine stands in the row.
    case applied
}

/// Where the servers of a run died.
final class CrashTally: Sendable {
    private struct State {
        var phase: CreatePhase?
        var hits: [CreatePhase: Int] = [:]
        var elsewhere = 0
    }

    private let state = Mutex(State())

    func reached(_ phase: CreatePhase?) {
        self.state.withLock { $0.phase = phase }
    }

    func crashed() {
        self.state.withLock { state in
            if let phase = state.phase { state.hits[phase, default: 0] += 1 } else { state.elsewhere += 1 }
            state.phase = nil
        }
    }

    var hits: [CreatePhase: Int] { self.state.withLock { $0.hits } }
    var elsewhere: Int { self.state.withLock { $0.elsewhere } }
}
