internal import Synchronization

/// One change as a watcher is told of it.
package struct WatchChange: Hashable, Sendable {
    package var event: Event
    /// How many changes of the object it stands for; more than 1 when a slow reader is given only the latest.
    package var changeCount: Int

    package init(event: Event, changeCount: Int) {
        self.event = event
        self.changeCount = changeCount
    }
}

/// What a watcher reads in one go.
package struct WatchBatch: Hashable, Sendable {
    /// In the log's order of the latest of each.
    package var changes: [WatchChange]
    /// Everything up to here is in `changes` or in earlier batches.
    package var revision: Revision
}

extension View {
    /// A watcher further behind than this is slow: it is given the latest state per object, or is cut.
    package static let watchBacklogMax = 1024

    /// What follows a position, from memory; nil when the position has fallen out of it and `Store.events` must be read instead.
    /// - Throws: `watchTooSlow` when `everyChange` is asked for and the backlog is longer than `watchBacklogMax`;
    ///   `unknownHistory` for a position that lies in the future.
    package func changes(
        after position: Revision, everyChange: Bool, where isWanted: (Event) -> Bool
    ) throws(FleetError) -> WatchBatch? {
        let (events, newest) = self.state.withLock { ($0.recent.after(position), $0.revision) }
        guard position <= newest else { throw FleetError(.unknownHistory, "revision \(position.number) has not been reached") }
        guard let events else { return nil }
        let wanted = events.filter(isWanted)
        guard wanted.count > Self.watchBacklogMax else {
            return WatchBatch(changes: wanted.map { WatchChange(event: $0, changeCount: 1) }, revision: newest)
        }
        if everyChange { throw FleetError(.watchTooSlow, "\(wanted.count) changes behind; the most is \(Self.watchBacklogMax)") }
        return WatchBatch(changes: Self.latestPerObject(wanted), revision: newest)
    }

    /// Folds events into the latest of each object with the number of changes it stands for.
    package static func latestPerObject(_ events: [Event]) -> [WatchChange] {
        var counts: [ObjectID: Int] = [:]
        for event in events { counts[event.object.id, default: 0] += 1 }
        var latest: [WatchChange] = []
        for event in events.reversed() {
            guard let count = counts.removeValue(forKey: event.object.id) else { continue }
            latest.append(WatchChange(event: event, changeCount: count))
        }
        return latest.reversed()
    }

    /// Returns once there is something after `position`.
    /// - Throws: `tooManyWaiters`, or `CancellationError`.
    package func wait(after position: Revision) async throws {
        while self.revision <= position {
            try await self.wait(for: .anything, unless: { self.revision > position })
            try Task.checkCancellation()
        }
    }

    /// Returns once there is something after `position`, or at `deadline`: true when there is something.
    package func wait(after position: Revision, until deadline: Timestamp, clock: some Clock) async throws -> Bool {
        try await self.wait(for: .anything, until: deadline, clock: clock) { self.revision > position }
        return self.revision > position
    }

    /// Returns once `isCalled`, which is asked when ``call(_:)`` has named `id`, or at `deadline`.
    package func wait(
        untilCalled id: ObjectIdentifier, or deadline: Timestamp, clock: some Clock, _ isCalled: @escaping @Sendable () -> Bool
    ) async throws {
        try await self.wait(for: .call(id), until: deadline, clock: clock, unless: isCalled)
    }

    /// Wakes those who wait under these names.
    package func call(_ ids: Set<ObjectIdentifier>) {
        self.waiters.wake(ids.map { .call($0) })
    }

    private func wait(for interest: Interest, until deadline: Timestamp? = nil, unless isDone: () -> Bool) async throws {
        guard await self.waiters.wait(for: interest, until: deadline, unless: isDone) else { throw Self.tooManyWaiters }
    }

    /// Thousands wait at a time, so they share a timer: one of them keeps the time for all whose deadlines are not earlier than its own.
    private func wait(
        for interest: Interest, until deadline: Timestamp, clock: some Clock, unless isDone: @escaping @Sendable () -> Bool
    ) async throws {
        while !isDone(), clock.now < deadline {
            if self.keptDeadline.withLock({ $0.beginKeeping(deadline) }) {
                try await self.keepTime(until: deadline, clock, interest, unless: isDone)
            } else {
                // Whoever kept the time may have gone before this wait was entered, and has woken nobody then.
                try await self.wait(for: interest, until: deadline) {
                    isDone() || self.keptDeadline.withLock { $0.map { deadline < $0 } ?? true }
                }
            }
            try Task.checkCancellation()
        }
    }

    private func keepTime(
        until deadline: Timestamp, _ clock: some Clock, _ interest: Interest, unless isDone: @escaping @Sendable () -> Bool
    ) async throws {
        defer {
            self.keptDeadline.withLock { if $0 == deadline { $0 = nil } }
            // Those whose time it is, and the one who is to look after the next deadline.
            self.waiters.wakeDue(at: clock.now)
            self.waiters.wakeEarliest()
        }
        try await withTimeLimit(deadline, clock: clock) { try await self.wait(for: interest, unless: isDone) }
    }

    /// The job once it has ended, or as it is at `deadline`; nil for a job that is not here (any more): the store has it.
    package func job(_ id: JobID, endedBefore deadline: Timestamp, clock: some Clock) async throws -> Job? {
        guard let job = self.job(id) else { return nil }
        if job.state.isFinal { return job }
        try await withTimeLimit(deadline, clock: clock) { try await self.waitForEnd(of: id) }
        return self.job(id)
    }

    private func waitForEnd(of id: JobID) async throws {
        while let job = self.job(id), !job.state.isFinal {
            let seen = job.revision
            try await self.wait(for: .job(id), unless: { self.job(id)?.revision != seen })
            try Task.checkCancellation()
        }
    }

    private static let tooManyWaiters = FleetError(
        .tooManyWaiters, "more than \(View.waitersMax) calls wait already", retryAfter: .seconds(5))
}

extension Timestamp? {
    /// Whether the caller is to keep the time: nobody does, or only for later.
    fileprivate mutating func beginKeeping(_ deadline: Timestamp) -> Bool {
        guard self.map({ deadline < $0 }) ?? true else { return false }
        self = deadline
        return true
    }
}

private enum ObjectID: Hashable {
    case instance(InstanceID)
    case job(JobID)
}

extension Event.Object {
    fileprivate var id: ObjectID {
        switch self {
        case .instance(let instance): .instance(instance.id)
        case .job(let job): .job(job.id)
        }
    }
}

/// Runs `body` until it ends or until `deadline`, whichever comes first; what is late is cancelled.
func withTimeLimit(_ deadline: Timestamp, clock: some Clock, _ body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask {
            do {
                try await body()
            } catch is CancellationError {
                // The time was over first, or the caller went away: the caller's own state says which.
            }
        }
        group.addTask { await clock.sleep(until: deadline) }
        try await group.next()
    }
    try Task.checkCancellation()
}
