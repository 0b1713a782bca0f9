internal import Synchronization

/// Signs of use as they come, in memory: they are many, and the store is told of them in groups. Bounded by the instances that have policies.
package final class TouchBoard: Sendable {
    private let times = Mutex<[InstanceID: Timestamp]>([:])

    package init() {}

    package func note(_ id: InstanceID, at time: Timestamp) {
        self.times.withLock { $0[id] = max($0[id] ?? time, time) }
    }

    package func latest(_ id: InstanceID) -> Timestamp? { self.times.withLock { $0[id] } }

    /// Forgets what is no longer there.
    package func keep(only ids: Set<InstanceID>) {
        self.times.withLock { times in times = times.filter { ids.contains($0.key) } }
    }
}
