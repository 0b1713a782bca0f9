internal import Synchronization

/// The key where all wait for the same.
package struct Same: Hashable, Sendable {}

/// Tasks that wait for something to happen, each for what its key says. Bounded; waking is in order of arrival.
///
/// Thousands wait at a time, for hundreds of things a second: waking those of one key, or one that is cancelled, costs nothing for the others.
package final class Waiters<Key: Hashable & Sendable>: Sendable {
    private struct Waiter {
        var id: UInt64
        /// When its wait is over; nil when somebody else keeps the time.
        var deadline: Timestamp?
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var nextID: UInt64 = 0
        var waiting: [Key: [UInt64: Waiter]] = [:]
        var count = 0
        /// Cancelled before they could be entered in `waiting`.
        var cancelled: Set<UInt64> = []

        mutating func enter(_ waiter: Waiter, for key: Key) {
            self.waiting[key, default: [:]][waiter.id] = waiter
            self.count += 1
        }

        mutating func take(_ id: UInt64, of key: Key) -> Waiter? {
            guard let waiter = self.waiting[key]?.removeValue(forKey: id) else { return nil }
            if self.waiting[key]?.isEmpty == true { self.waiting[key] = nil }
            self.count -= 1
            return waiter
        }

        mutating func takeAll(of key: Key) -> [Waiter] {
            let waiters = self.waiting.removeValue(forKey: key) ?? [:]
            self.count -= waiters.count
            return Array(waiters.values)
        }
    }

    private let state = Mutex(State())
    private let limit: Int

    /// At most `limit` tasks wait at a time.
    package init(limit: Int) {
        self.limit = limit
    }

    package var count: Int { self.state.withLock { $0.count } }

    /// Returns when woken, when the task is cancelled, or at once when `isDone` is true: that is asked after the task can be woken,
    /// so that nothing is missed in between. False when too many wait already.
    ///
    /// - Parameter deadline: for `wakeDue` and `wakeEarliest`; nothing here looks at a clock.
    package func wait(for key: Key, until deadline: Timestamp? = nil, unless isDone: () -> Bool) async -> Bool {
        let id = self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        defer { self.state.withLock { _ = $0.cancelled.remove(id) } }
        var hasRoom = true
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                hasRoom = self.enter(Waiter(id: id, deadline: deadline, continuation: continuation), for: key)
                if hasRoom, isDone() { self.leave(id, key) }
            }
        } onCancel: {
            self.cancel(id, key)
        }
        return hasRoom
    }

    /// Wakes those of these keys.
    package func wake(_ keys: some Sequence<Key>) {
        self.resume { state in keys.flatMap { state.takeAll(of: $0) } }
    }

    package func wake(_ key: Key) { self.wake(CollectionOfOne(key)) }

    /// Wakes those whose key fits.
    package func wake(where fits: (Key) -> Bool) {
        self.resume { state in state.waiting.keys.filter(fits).flatMap { state.takeAll(of: $0) } }
    }

    package func wakeAll() { self.wake { _ in true } }

    /// Wakes those whose deadline has come.
    package func wakeDue(at now: Timestamp) {
        self.resume { state in
            let due = state.waiting.flatMap { key, waiters in
                waiters.values.filter { $0.deadline.map { $0 <= now } ?? false }.map { (key, $0.id) }
            }
            return due.compactMap { key, id in state.take(id, of: key) }
        }
    }

    /// Wakes the one whose deadline comes first.
    package func wakeEarliest() {
        self.resume { state in
            let places = state.waiting.flatMap { key, waiters in
                waiters.values.compactMap { waiter in waiter.deadline.map { (deadline: $0, id: waiter.id, key: key) } }
            }
            return places.min { ($0.deadline, $0.id) < ($1.deadline, $1.id) }.flatMap { state.take($0.id, of: $0.key) }.map { [$0] } ?? []
        }
    }

    private func resume(_ take: (inout State) -> [Waiter]) {
        // Most of what happens is waited for by nobody.
        let woken = self.state.withLock { $0.count == 0 ? [] : take(&$0) }
        for waiter in woken.sorted(by: { $0.id < $1.id }) { waiter.continuation.resume() }
    }

    private enum Entry {
        case entered, full, cancelled
    }

    private func enter(_ waiter: Waiter, for key: Key) -> Bool {
        let entry: Entry = self.state.withLock { state in
            if state.cancelled.contains(waiter.id) { return .cancelled }
            guard state.count < self.limit else { return .full }
            state.enter(waiter, for: key)
            return .entered
        }
        if entry != .entered { waiter.continuation.resume() }
        return entry != .full
    }

    private func leave(_ id: UInt64, _ key: Key) {
        self.state.withLock { $0.take(id, of: key) }?.continuation.resume()
    }

    private func cancel(_ id: UInt64, _ key: Key) {
        let waiter = self.state.withLock { state in
            let waiter = state.take(id, of: key)
            if waiter == nil { state.cancelled.insert(id) }
            return waiter
        }
        waiter?.continuation.resume()
    }
}

extension Waiters<Same> {
    package func wait(unless isDone: () -> Bool) async -> Bool { await self.wait(for: Same(), unless: isDone) }
}
