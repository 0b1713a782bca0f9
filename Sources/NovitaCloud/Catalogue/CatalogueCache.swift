internal import Fleet
internal import Synchronization

/// The catalogue, fetched at most once at a time and kept for a while.
///
/// The first who needs it fetches it in its own task, and the others wait for that. Should that task be cancelled, one of those who
/// wait fetches anew; should the fetch fail, all who wait fail with it.
final class CatalogueCache: Sendable {
    private struct State: Sendable {
        var catalogue: Catalogue?
        var isFetching = false
        /// Counts the fetches that have ended.
        var round: UInt64 = 0
        /// Why the last one failed; nil when it brought the catalogue, or was cancelled.
        var failure: CallFailure?
    }

    private enum Role {
        case use(Catalogue)
        case fetch
        case wait(round: UInt64)
    }

    private let timeToLive: Duration
    private let clock: any Clock
    private let state = Mutex(State())
    private let waiters: Waiters<UInt64>

    init(timeToLive: Duration, clock: any Clock, waitingMax: Int) {
        self.timeToLive = timeToLive
        self.clock = clock
        self.waiters = Waiters(limit: waitingMax)
    }

    func catalogue(
        deadline: Timestamp, fetch: () async throws(CallFailure) -> Catalogue
    ) async throws(CallFailure) -> Catalogue {
        while true {
            switch self.role() {
            case .use(let catalogue): return catalogue
            case .fetch: return try await self.lead(fetch)
            case .wait(let round):
                if let catalogue = try await self.waitForEnd(of: round, deadline: deadline) { return catalogue }
            }
        }
    }

    var waitingCount: Int { self.waiters.count }

    func clear() {
        self.state.withLock { $0.catalogue = nil }
    }

    private func role() -> Role {
        let now = self.clock.now
        return self.state.withLock { state in
            if let catalogue = state.catalogue, now - catalogue.fetchedAt < self.timeToLive { return .use(catalogue) }
            if state.isFetching { return .wait(round: state.round) }
            state.isFetching = true
            return .fetch
        }
    }

    private func lead(_ fetch: () async throws(CallFailure) -> Catalogue) async throws(CallFailure) -> Catalogue {
        do throws(CallFailure) {
            let catalogue = try await fetch()
            self.end(catalogue, nil)
            return catalogue
        } catch {
            self.end(nil, Task.isCancelled ? nil : error)
            throw error
        }
    }

    private func end(_ catalogue: Catalogue?, _ failure: CallFailure?) {
        self.state.withLock { state in
            // A failed fetch leaves nothing: what was there is too old.
            state.catalogue = catalogue
            state.failure = failure
            state.isFetching = false
            state.round += 1
        }
        self.waiters.wake { _ in true }
    }

    /// What the others' fetch brought; nil when it was cancelled.
    private func waitForEnd(of round: UInt64, deadline: Timestamp) async throws(CallFailure) -> Catalogue? {
        guard await self.hasEnded(round, before: deadline) else { throw .notAttempted("too many calls wait for the catalogue") }
        guard !Task.isCancelled else { throw .notAttempted("cancelled") }
        let (catalogue, failure, isOver) = self.state.withLock { ($0.catalogue, $0.failure, $0.round != round) }
        guard isOver else { throw .notAttempted("the catalogue did not come before the deadline") }
        if let failure { throw failure }
        return catalogue
    }

    /// Returns at the round's end or at the deadline. False when too many wait.
    private func hasEnded(_ round: UInt64, before deadline: Timestamp) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await self.waiters.wait(for: round) { self.state.withLock { $0.round != round } } }
            group.addTask {
                await self.clock.sleep(until: deadline)
                return true
            }
            let hasRoom = await group.next() ?? true
            group.cancelAll()
            return hasRoom
        }
    }
}
