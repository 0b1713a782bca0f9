/// Why a step that would change something at the provider is not taken now. It is tried again; nothing is lost by waiting.
package enum Hold: Hashable, Sendable {
    /// Between two tries of a held step: short enough that lifting the hold is noticed at once, long enough to cost nothing.
    package static let retryInterval: Duration = .seconds(10)

    case control(FleetControl.Refusal)
    case brake(BrakeReached)
    case paused(QueuePause)
    /// See `ClockDoubt`.
    case clock(String)

    /// Nil for errors that say something else.
    package init?(_ error: StoreError) {
        switch error {
        case .controlled(let refusal): self = .control(refusal)
        case .braked(let reached): self = .brake(reached)
        case .paused(let pause): self = .paused(pause)
        default: return nil
        }
    }
}

extension Hold: CustomStringConvertible {
    package var description: String {
        switch self {
        case .control(let refusal): "waiting: \(refusal)"
        // Without the numbers, which change with every try: only a change that says something is one.
        case .brake(let reached): "waiting: the brake holds (\(reached.limit.rawValue))"
        case .paused(let pause): "waiting: \(pause)"
        // Without the seconds, which change with every try.
        case .clock: "waiting: the clock is in doubt"
        }
    }
}
