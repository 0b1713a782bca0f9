import Fleet
import Synchronization

/// Time that passes only when nothing else can happen.
final class VirtualClock: Clock {
    private struct Timer {
        var at: Timestamp
        var id: UInt64
        var action: @Sendable () -> Void
    }

    private struct State {
        var now: Timestamp
        var nextID: UInt64 = 0
        /// By time, then by order of setting.
        var timers: [Timer] = []
    }

    private let state: Mutex<State>

    init(startingAt now: Timestamp) {
        self.state = Mutex(State(now: now))
    }

    var now: Timestamp { self.state.withLock { $0.now } }

    /// Does `action` at that time; answers a number to cancel it by.
    @discardableResult
    func schedule(at time: Timestamp, _ action: @escaping @Sendable () -> Void) -> UInt64 {
        self.state.withLock { state in
            state.nextID += 1
            let position = state.timers.firstIndex { $0.at > time } ?? state.timers.count
            state.timers.insert(Timer(at: time, id: state.nextID, action: action), at: position)
            return state.nextID
        }
    }

    func cancel(_ id: UInt64) {
        self.state.withLock { $0.timers.removeAll { $0.id == id } }
    }

    func sleep(until time: Timestamp) async {
        guard time > self.now, !Task.isCancelled else { return }
        let arrival = Arrival<Void>()
        let timer = self.schedule(at: time) { arrival.come(()) }
        await withTaskCancellationHandler {
            await arrival.value
        } onCancel: {
            arrival.come(())
        }
        self.cancel(timer)
    }

    /// Goes on to the next timer and fires it; false when there is none.
    func advance() -> Bool {
        let timer: Timer? = self.state.withLock { state in
            guard !state.timers.isEmpty else { return nil }
            let timer = state.timers.removeFirst()
            state.now = max(state.now, timer.at)
            return timer
        }
        timer?.action()
        return timer != nil
    }
}

/// A value that comes once and is waited for by one task; what comes later is dropped.
final class Arrival<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiter: CheckedContinuation<Value, Never>?
    }

    private let state = Mutex(State())

    func come(_ value: Value) {
        let waiter = self.state.withLock { state -> CheckedContinuation<Value, Never>? in
            guard state.value == nil else { return nil }
            state.value = value
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: value)
    }

    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let value = self.state.withLock { state in
                    if state.value == nil { state.waiter = continuation }
                    return state.value
                }
                if let value { continuation.resume(returning: value) }
            }
        }
    }
}
