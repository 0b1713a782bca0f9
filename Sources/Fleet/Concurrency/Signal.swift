internal import Synchronization

/// Says that something happened, without saying what: who waits for it looks for itself. A signal between two looks is not lost.
package final class Signal: Sendable {
    /// Tasks that wait for one signal; it is for the few that drive the engine, not for callers.
    package static let waitersMax = 64

    private let raised = Mutex(UInt64(0))
    private let waiters = Waiters<Same>(limit: Signal.waitersMax)

    package init() {}

    /// How often it was raised; a look begins by reading it.
    package var count: UInt64 { self.raised.withLock { $0 } }

    package func raise() {
        self.raised.withLock { $0 += 1 }
        self.waiters.wakeAll()
    }

    /// Returns once it has been raised more often than `seen`, when the task is cancelled, or at `deadline`; nil is no deadline.
    package func wait(after seen: UInt64, until deadline: Timestamp?, clock: any Clock) async {
        guard let deadline else { return await self.wait(after: seen) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait(after: seen) }
            group.addTask { await clock.sleep(until: deadline) }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait(after seen: UInt64) async {
        while self.count <= seen, !Task.isCancelled {
            guard await self.waiters.wait(unless: { self.count > seen }) else { return }
        }
    }
}
