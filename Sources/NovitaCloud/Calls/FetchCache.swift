internal import Fleet
internal import Synchronization

/// Something that the provider tells, fetched at most once at a time and kept for a while.
///
/// The first who needs it fetches it in its own task, and the others wait for that. Should that task be cancelled, one of those who
/// wait fetches anew; should the fetch fail, all who wait fail with it.
final class FetchCache<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var kept: Fetched<Value>?
        var isFetching = false
        /// Counts the fetches that have ended.
        var round: UInt64 = 0
        /// Counts the times that everything known was made void: what was asked for before is not kept after, nor told to who comes after.
        var generation: UInt64 = 0
        /// In which the last fetch that has ended began.
        var fetchedGeneration: UInt64 = 0
        /// What the last one brought; nil when it failed or was cancelled.
        var fetched: Fetched<Value>?
        /// Why the last one failed; nil when it brought something, or was cancelled.
        var failure: CallFailure?
        var hits: UInt64 = 0
        var fetches: UInt64 = 0
    }

    private enum Role {
        case use(Fetched<Value>)
        case fetch(generation: UInt64)
        case wait(round: UInt64, generation: UInt64)
    }

    /// For people.
    private let subject: String
    private let timeToLive: Duration
    private let clock: any Clock
    private let state = Mutex(State())
    private let waiters: Waiters<UInt64>

    init(of subject: String, timeToLive: Duration, clock: any Clock, waitingMax: Int) {
        self.subject = subject
        self.timeToLive = timeToLive
        self.clock = clock
        self.waiters = Waiters(limit: waitingMax)
    }

    /// - Parameter time: what was fetched before is fetched anew; what is under way does.
    func value(
        since time: Timestamp? = nil, deadline: Timestamp, fetch: () async throws(CallFailure) -> Value
    ) async throws(CallFailure) -> Fetched<Value> {
        while true {
            switch self.role(since: time) {
            case .use(let value): return value
            case .fetch(let generation): return try await self.lead(generation, fetch)
            case .wait(let round, let generation):
                if let value = try await self.waitForEnd(of: round, in: generation, deadline: deadline) { return value }
            }
        }
    }

    /// Asked now, whatever is known or under way.
    func freshValue(fetch: () async throws(CallFailure) -> Value) async throws(CallFailure) -> Fetched<Value> {
        let begunAt = self.clock.now
        let generation = self.state.withLock { state in
            state.fetches += 1
            return state.generation
        }
        let value = Fetched(try await fetch(), fetchedAt: begunAt)
        self.state.withLock { state in
            if state.generation == generation, state.kept.map({ $0.fetchedAt < begunAt }) ?? true { state.kept = value }
        }
        return value
    }

    var waitingCount: Int { self.waiters.count }

    func clear() {
        self.state.withLock { state in
            state.kept = nil
            state.generation += 1
        }
    }

    /// - Parameter count: of what is in it.
    func facts(_ name: CacheFacts.Name, count: (Value) -> Int) -> CacheFacts {
        let now = self.clock.now
        let (kept, hits, fetches) = self.state.withLock { ($0.kept, $0.hits, $0.fetches) }
        guard let kept, now - kept.fetchedAt < self.timeToLive else { return CacheFacts(name, hits: hits, fetches: fetches) }
        return CacheFacts(
            name, fetchedAt: kept.fetchedAt, expiresAt: kept.fetchedAt + self.timeToLive, entryCount: count(kept.value), hits: hits,
            fetches: fetches)
    }

    private func role(since time: Timestamp?) -> Role {
        let now = self.clock.now
        return self.state.withLock { state in
            if let kept = state.kept, now - kept.fetchedAt < self.timeToLive, time.map({ kept.fetchedAt >= $0 }) ?? true {
                state.hits += 1
                return .use(kept)
            }
            if state.isFetching { return .wait(round: state.round, generation: state.generation) }
            state.isFetching = true
            state.fetches += 1
            return .fetch(generation: state.generation)
        }
    }

    private func lead(
        _ generation: UInt64, _ fetch: () async throws(CallFailure) -> Value
    ) async throws(CallFailure) -> Fetched<Value> {
        let begunAt = self.clock.now
        do throws(CallFailure) {
            let value = Fetched(try await fetch(), fetchedAt: begunAt)
            self.end(value, nil, generation)
            return value
        } catch {
            self.end(nil, Task.isCancelled ? nil : error, generation)
            throw error
        }
    }

    private func end(_ value: Fetched<Value>?, _ failure: CallFailure?, _ generation: UInt64) {
        self.state.withLock { state in
            // A failed fetch leaves nothing: what was there is too old.
            state.kept = state.generation == generation ? value : nil
            state.fetched = value
            state.fetchedGeneration = generation
            state.failure = failure
            state.isFetching = false
            state.round += 1
        }
        self.waiters.wakeAll()
    }

    /// What the others' fetch brought; nil when it was cancelled, or begun before what was known was made void.
    private func waitForEnd(
        of round: UInt64, in generation: UInt64, deadline: Timestamp
    ) async throws(CallFailure) -> Fetched<Value>? {
        guard await self.hasEnded(round, before: deadline) else { throw .notAttempted("too many calls wait for the \(self.subject)") }
        guard !Task.isCancelled else { throw .notAttempted("cancelled") }
        let (value, failure, isOver, fetched) = self.state.withLock { ($0.fetched, $0.failure, $0.round != round, $0.fetchedGeneration) }
        guard isOver else { throw .notAttempted("the \(self.subject) did not come before the deadline") }
        guard fetched >= generation else { return nil }
        if let failure { throw failure }
        return value
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
