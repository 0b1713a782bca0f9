internal import Fleet
internal import Synchronization

/// Says that the server is going away, to what works beside the calls: those learn of it from their connections.
package final class DrainSignal: Sendable {
    /// More than may wait for anything else, so that nobody is turned away here.
    private let raised = Waiters<Same>(limit: 2 * View.waitersMax)
    private let state = Mutex(false)

    package init() {}

    package var isDraining: Bool { self.state.withLock { $0 } }

    /// Idempotent.
    package func begin() {
        self.state.withLock { $0 = true }
        self.raised.wakeAll()
    }

    /// Returns once it has begun, or when the task is cancelled.
    func wait() async {
        while !self.isDraining, !Task.isCancelled {
            guard await self.raised.wait(unless: { self.isDraining }) else { return }
        }
    }

    /// What `body` answers; nil when the server began to go away first, which cancels it.
    @discardableResult
    func unlessDraining<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask {
                await self.wait()
                return nil
            }
            let first = try await group.next() ?? nil
            try Task.checkCancellation()
            return first
        }
    }
}
