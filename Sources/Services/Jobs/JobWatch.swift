internal import Fleet
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore
internal import Synchronization

/// One `WatchJobs` call: the unfinished jobs, then the tail of the log, until the caller or the server goes.
struct JobWatch {
    typealias Response = NovitaiV1.WatchJobsResponse
    typealias Write = @Sendable (Response) async throws -> Void

    private let backend: Backend
    private let history: HistoryID
    private let tenant: TenantID
    private let ids: Set<JobID>
    private let predicate: Predicate<Job>
    private let everyChange: Bool
    private let bookmarkInterval: Duration
    private let resumeAfter: Revision?
    /// Up to where the caller certainly misses nothing.
    private let complete = CompletePosition()
    /// Jobs that the caller knows of, bounded by the unfinished ones; after a resumption it may know of any.
    private var known: Set<JobID> = []
    private var position = Revision.zero
    private var lastSentAt: Timestamp

    private final class CompletePosition: Sendable {
        private let position = Mutex<Revision?>(nil)
        var value: Revision? { self.position.withLock { $0 } }
        func reach(_ position: Revision) { self.position.withLock { $0 = position } }
    }

    /// - Throws: `invalidArgument`, and `unknownHistory` for a token of another history.
    init(_ request: NovitaiV1.WatchJobsRequest, tenant: TenantID, backend: Backend) throws(FleetError) {
        guard let deployment = backend.view.deployment else { throw FleetError(.storeUnavailable, "the store is not open yet") }
        guard request.ids.count <= InstanceWatch.idsMax else {
            throw .invalid([FieldViolation("ids", "must be at most \(InstanceWatch.idsMax); without any, all are watched")])
        }
        self.backend = backend
        self.history = deployment.history
        self.tenant = tenant
        self.ids = Set(request.ids.map { JobID(rawValue: $0) })
        self.predicate = try Predicate(try Filter(request.filter), fields: JobHandlers.fields)
        self.everyChange = request.everyChange
        self.bookmarkInterval = try InstanceWatch.bookmarkInterval(request.bookmarkInterval)
        self.resumeAfter = try InstanceWatch.resumption(request.resumeToken, in: deployment.history)
        self.lastSentAt = backend.clock.now
    }

    /// Ends only by an error: the caller's going, the server's, or the watch's own.
    func run(_ write: @escaping Write) async throws {
        let watch = self
        try await self.backend.drain.unlessDraining {
            var watch = watch
            try await watch.follow(write)
        }
        if let complete = self.complete.value {
            var bookmark = Response()
            bookmark.resumeToken = NovitaiV1.ResumeToken(self.history, complete)
            try await write(bookmark)
        }
        throw ErrorDetails.draining.error
    }

    private mutating func follow(_ write: Write) async throws {
        if let resumeAfter {
            self.position = resumeAfter
            self.complete.reach(resumeAfter)
        } else {
            try await self.sendSnapshot(write)
        }
        while true {
            try await self.send(try await self.nextBatch(), write)
            if self.lastSentAt + self.bookmarkInterval <= self.backend.clock.now { try await self.send([], Response(), write) }
            // Returns when there may be more, or when a bookmark is due.
            _ = try await Self.wait(self.backend.view, self.position, self.lastSentAt + self.bookmarkInterval, self.backend.clock)
        }
    }

    // MARK: Sending

    private mutating func sendSnapshot(_ write: Write) async throws {
        let (unfinished, revision) = self.backend.view.unfinishedJobs()
        let living = unfinished.filter { self.concerns($0) && self.predicate.matches($0) }
        let jobs = try await living + self.endedOnes(besides: unfinished)
        self.known = Set(living.map(\.id))
        for range in WatchChunks.ranges(of: jobs, bytes: JobHandlers.bytes) {
            // No token yet: going on from within a snapshot is not possible.
            var response = Response()
            response.events = jobs[range].map { Self.event($0, .snapshot, $0.revision, count: 1) }
            try await write(response)
        }
        self.position = revision
        var rest = Response()
        rest.snapshotComplete = true
        try await self.send([], rest, write)
    }

    /// At most as many reads as the request named ids.
    private func endedOnes(besides unfinished: [Job]) async throws -> [Job] {
        var ended: [Job] = []
        for id in self.ids.subtracting(unfinished.map(\.id)).sorted() {
            if let job = try await self.backend.store.job(id), job.tenant == self.tenant { ended.append(job) }
        }
        return ended
    }

    private mutating func send(_ batch: (changes: [WatchChange], revision: Revision), _ write: Write) async throws {
        var events: [(event: NovitaiV1.JobEvent, job: Job)] = []
        for change in batch.changes {
            guard case .job(let job) = change.event.object, let kind = self.kind(of: job) else { continue }
            events.append((Self.event(job, kind, change.event.revision, count: change.changeCount), job))
        }
        for range in WatchChunks.ranges(of: events, bytes: { JobHandlers.bytes($0.job) }) {
            let isLast = range.upperBound == events.count
            self.position = isLast ? batch.revision : Revision(events[range.upperBound - 1].event.revision)
            try await self.send(events[range].map(\.event), Response(), write)
        }
        self.position = batch.revision
        self.complete.reach(batch.revision)
    }

    private mutating func send(_ events: [NovitaiV1.JobEvent], _ rest: Response, _ write: Write) async throws {
        var response = rest
        response.events = events
        response.resumeToken = NovitaiV1.ResumeToken(self.history, self.position)
        // Queued at once, whatever the wait for room after it comes to: a bookmark at a drain follows it.
        self.complete.reach(self.position)
        try await write(response)
        self.lastSentAt = self.backend.clock.now
    }

    // MARK: Choosing

    private func concerns(_ job: Job) -> Bool { job.tenant == self.tenant && (self.ids.isEmpty || self.ids.contains(job.id)) }

    private func concerns(_ event: Event) -> Bool {
        if case .job(let job) = event.object { self.concerns(job) } else { false }
    }

    /// Nil when the caller need not hear of it: it never fitted.
    private mutating func kind(of job: Job) -> NovitaiV1.JobEventKind? {
        let wasKnown = self.known.contains(job.id) || self.resumeAfter != nil
        guard self.predicate.matches(job) else {
            self.known.remove(job.id)
            return wasKnown ? .removed : nil
        }
        if job.state.isFinal { self.known.remove(job.id) } else { self.known.insert(job.id) }
        return .changed
    }

    private static func event(
        _ job: Job, _ kind: NovitaiV1.JobEventKind, _ revision: Revision, count: Int
    ) -> NovitaiV1.JobEvent {
        var event = NovitaiV1.JobEvent()
        event.kind = kind
        event.job = NovitaiV1.Job(job)
        event.revision = revision.number
        event.changeCount = UInt32(clamping: count)
        return event
    }

    /// From memory, or from the durable log when the position has fallen out of it.
    private func nextBatch() async throws -> (changes: [WatchChange], revision: Revision) {
        let recent = try self.backend.view.changes(after: self.position, everyChange: self.everyChange) { self.concerns($0) }
        if let recent { return (recent.changes, recent.revision) }
        let events = try await self.backend.store.events(after: self.position, limit: InstanceWatch.logReadSize)
        let wanted = events.filter { self.concerns($0) }
        let changes = self.everyChange ? wanted.map { WatchChange(event: $0, changeCount: 1) } : View.latestPerObject(wanted)
        return (changes, events.last?.revision ?? self.position)
    }

    private static func wait(_ view: View, _ position: Revision, _ deadline: Timestamp, _ clock: some Clock) async throws -> Bool {
        try await view.wait(after: position, until: deadline, clock: clock)
    }
}
