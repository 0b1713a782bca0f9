internal import Synchronization

/// Tasks that wait for something to happen, each for what its key says. Bounded; waking is in order of arrival.
package final class Waiters<Key: Sendable>: Sendable {
    private struct Waiter {
        var id: UInt64
        var key: Key
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var nextID: UInt64 = 0
        var waiting: [Waiter] = []
        /// Cancelled before they could be entered in `waiting`.
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())
    private let limit: Int

    /// At most `limit` tasks wait at a time.
    package init(limit: Int) {
        self.limit = limit
    }

    package var count: Int { self.state.withLock { $0.waiting.count } }

    /// Returns when woken, when the task is cancelled, or at once when `isDone` is true: that is asked after the task can be woken,
    /// so that nothing is missed in between. False when too many wait already.
    package func wait(for key: Key, unless isDone: () -> Bool) async -> Bool {
        let id = self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        defer { self.state.withLock { _ = $0.cancelled.remove(id) } }
        var hasRoom = true
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                hasRoom = self.enter(Waiter(id: id, key: key, continuation: continuation))
                if hasRoom, isDone() { self.leave(id) }
            }
        } onCancel: {
            self.cancel(id)
        }
        return hasRoom
    }

    /// Wakes those whose key fits.
    package func wake(where fits: (Key) -> Bool) {
        let woken = self.state.withLock { state in
            let woken = state.waiting.filter { fits($0.key) }
            if !woken.isEmpty { state.waiting.removeAll { fits($0.key) } }
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    /// Wakes the one whose key comes first in the given order, of those that have a place in it.
    package func wakeFirst(by order: (Key) -> (some Comparable)?) {
        let woken = self.state.withLock { state -> Waiter? in
            let places = state.waiting.indices.compactMap { index in order(state.waiting[index].key).map { (index, $0) } }
            return places.min { $0.1 < $1.1 }.map { state.waiting.remove(at: $0.0) }
        }
        woken?.continuation.resume()
    }

    private enum Entry {
        case entered, full, cancelled
    }

    private func enter(_ waiter: Waiter) -> Bool {
        let entry: Entry = self.state.withLock { state in
            if state.cancelled.contains(waiter.id) { return .cancelled }
            guard state.waiting.count < self.limit else { return .full }
            state.waiting.append(waiter)
            return .entered
        }
        if entry != .entered { waiter.continuation.resume() }
        return entry != .full
    }

    private func leave(_ id: UInt64) {
        self.take(id)?.continuation.resume()
    }

    private func cancel(_ id: UInt64) {
        let waiter: Waiter? = self.state.withLock { state in
            guard let position = state.waiting.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.waiting.remove(at: position)
        }
        waiter?.continuation.resume()
    }

    private func take(_ id: UInt64) -> Waiter? {
        self.state.withLock { state in
            state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0) }
        }
    }
}
