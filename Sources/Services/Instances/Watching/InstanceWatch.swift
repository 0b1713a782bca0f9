internal import Fleet
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore
internal import Synchronization

/// One `WatchInstances` call: a snapshot, then the tail of the log, until the caller or the server goes.
struct InstanceWatch {
    /// Seconds between bookmarks that may be asked for, and what is taken without being asked.
    static let bookmarkSeconds: ClosedRange<Int64> = 1...60
    static let bookmarkDefault: Duration = .seconds(5)
    /// Instances that one watch may name: each may cost a read from the store.
    static let idsMax = 1000
    /// Events of one read from the durable log.
    static let logReadSize = 500

    typealias Write = @Sendable (WatchResponse) async throws -> Void

    /// Up to where the caller certainly misses nothing.
    private final class Progress: Sendable {
        private let position = Mutex<Revision?>(nil)
        var complete: Revision? { self.position.withLock { $0 } }
        func completed(_ position: Revision) { self.position.withLock { $0 = position } }
    }

    private let backend: Backend
    private let events: EncodedEvents
    private let history: HistoryID
    private let everyChange: Bool
    private let bookmarkInterval: Duration
    private let resumeAfter: Revision?
    private let progress = Progress()
    private var selection: WatchSelection
    /// Everything up to here has been sent.
    private var position = Revision.zero
    private var lastSentAt: Timestamp

    /// - Throws: `invalidArgument`, and `unknownHistory` for a token of another history.
    init(_ request: NovitaiV1.WatchInstancesRequest, tenant: TenantID, backend: Backend, events: EncodedEvents) throws(FleetError) {
        guard let deployment = backend.view.deployment else { throw FleetError(.storeUnavailable, "the store is not open yet") }
        self.backend = backend
        self.events = events
        self.history = deployment.history
        self.everyChange = request.everyChange
        self.bookmarkInterval = try Self.bookmarkInterval(request.bookmarkInterval)
        self.resumeAfter = try Self.resumption(request.resumeToken, in: deployment.history)
        self.selection = WatchSelection(
            tenant: tenant, ids: try Self.ids(request.ids, tenant, backend.view), predicate: try InstanceQuery.predicate(request.filter),
            isResumed: self.resumeAfter != nil)
        self.lastSentAt = backend.clock.now
    }

    /// Ends only by an error: the caller's going, the server's, or the watch's own.
    func run(_ write: @escaping Write) async throws {
        let watch = self
        try await self.backend.drain.unlessDraining {
            var watch = watch
            try await watch.follow(write)
        }
        if let complete = self.progress.complete {
            var bookmark = NovitaiV1.WatchInstancesResponse()
            bookmark.resumeToken = NovitaiV1.ResumeToken(self.history, complete)
            try await write(WatchResponse(events: [], rest: bookmark))
        }
        throw ErrorDetails.draining.error
    }

    private mutating func follow(_ write: Write) async throws {
        if let resumeAfter {
            self.position = resumeAfter
            self.progress.completed(resumeAfter)
        } else {
            try await self.sendSnapshot(write)
        }
        while true {
            let batch = try await self.nextBatch()
            try await self.send(batch, write)
            if self.lastSentAt + self.bookmarkInterval <= self.backend.clock.now { try await self.sendBookmark(write) }
            // Returns when there may be more, or when a bookmark is due.
            _ = try await Self.wait(self.backend.view, self.position, self.lastSentAt + self.bookmarkInterval, self.backend.clock)
        }
    }

    // MARK: Sending

    private mutating func sendSnapshot(_ write: Write) async throws {
        let (living, revision) = await self.takeSnapshot()
        let instances = try await living + self.endedOnes(besides: living)
        for range in WatchChunks.ranges(of: instances, bytes: InstanceQuery.bytes) {
            // No token yet: going on from within a snapshot is not possible.
            let events = try instances[range].map { try EncodedEvents.snapshot($0) }
            try await write(WatchResponse(events: events, rest: NovitaiV1.WatchInstancesResponse()))
        }
        self.position = revision
        var rest = NovitaiV1.WatchInstancesResponse()
        rest.snapshotComplete = true
        try await self.sendPosition(rest, [], write)
    }

    /// At most as many reads as the request named ids.
    private func endedOnes(besides living: [Instance]) async throws -> [Instance] {
        var ended: [Instance] = []
        for id in self.selection.named(besides: living) {
            if let instance = try await self.backend.store.instance(id), self.selection.mayShow(ended: instance) { ended.append(instance) }
        }
        return ended
    }

    /// Looking through thousands of instances takes milliseconds: not on a connection's event loop.
    private mutating func takeSnapshot() async -> (instances: [Instance], revision: Revision) {
        let (view, before) = (self.backend.view, self.selection)
        let (selection, instances, revision) = await withTaskExecutorPreference(globalConcurrentExecutor) {
            var selection = before
            let (living, revision) = view.livingInstances()
            let instances = selection.snapshot(of: living)
            return (selection, instances, revision)
        }
        self.selection = selection
        return (instances, revision)
    }

    private mutating func send(_ batch: (changes: [WatchChange], revision: Revision), _ write: Write) async throws {
        var outgoing: [(change: WatchChange, instance: Instance, kind: NovitaiV1.InstanceEventKind)] = []
        for change in batch.changes {
            guard case .instance(let instance) = change.event.object, let kind = self.selection.kind(of: instance) else { continue }
            outgoing.append((change, instance, kind))
        }
        for range in WatchChunks.ranges(of: outgoing, bytes: { InstanceQuery.bytes($0.instance) }) {
            let events = try outgoing[range].map { try self.events.encoded($0.change, $0.instance, as: $0.kind) }
            let isLast = range.upperBound == outgoing.count
            self.position = isLast ? batch.revision : outgoing[range.upperBound - 1].change.event.revision
            try await self.sendPosition(NovitaiV1.WatchInstancesResponse(), events, write)
        }
        self.position = batch.revision
        self.progress.completed(batch.revision)
    }

    private mutating func sendBookmark(_ write: Write) async throws {
        try await self.sendPosition(NovitaiV1.WatchInstancesResponse(), [], write)
    }

    private mutating func sendPosition(_ rest: NovitaiV1.WatchInstancesResponse, _ events: [[UInt8]], _ write: Write) async throws {
        var rest = rest
        rest.resumeToken = NovitaiV1.ResumeToken(self.history, self.position)
        // Queued at once, whatever the wait for room after it comes to: a bookmark at a drain follows it.
        self.progress.completed(self.position)
        try await write(WatchResponse(events: events, rest: rest))
        self.lastSentAt = self.backend.clock.now
    }

    // MARK: Reading

    /// From memory, or from the durable log when the position has fallen out of it.
    private func nextBatch() async throws -> (changes: [WatchChange], revision: Revision) {
        let selection = self.selection
        let recent = try self.backend.view.changes(after: self.position, everyChange: self.everyChange, where: selection.concerns)
        if let recent { return (recent.changes, recent.revision) }
        let events = try await self.backend.store.events(after: self.position, limit: Self.logReadSize)
        let wanted = events.filter(selection.concerns)
        let changes = self.everyChange ? wanted.map { WatchChange(event: $0, changeCount: 1) } : View.latestPerObject(wanted)
        return (changes, events.last?.revision ?? self.position)
    }

    private static func wait(_ view: View, _ position: Revision, _ deadline: Timestamp, _ clock: some Clock) async throws -> Bool {
        try await view.wait(after: position, until: deadline, clock: clock)
    }

    // MARK: The request

    static func bookmarkInterval(_ asked: GoogleProtobuf.Duration?) throws(FleetError) -> Duration {
        guard let asked else { return self.bookmarkDefault }
        guard (Duration.seconds(self.bookmarkSeconds.lowerBound)...(.seconds(self.bookmarkSeconds.upperBound))).contains(asked.duration)
        else {
            throw .invalid([FieldViolation("bookmark_interval", "must be 1 to 60 seconds")])
        }
        return asked.duration
    }

    /// Nil: begin with a snapshot. An empty token, as it stands in the responses of a snapshot, says so too.
    static func resumption(_ token: NovitaiV1.ResumeToken?, in history: HistoryID) throws(FleetError) -> Revision? {
        guard let token, token != NovitaiV1.ResumeToken() else { return nil }
        guard token.historyId == history.rawValue else {
            throw FleetError(.unknownHistory, "the token belongs to another history; begin again without a token")
        }
        guard token.revision >= 0 else { throw .invalid([FieldViolation("resume_token.revision", "must not be negative")]) }
        return Revision(token.revision)
    }

    /// Names of living instances are taken too.
    private static func ids(_ texts: [String], _ tenant: TenantID, _ view: View) throws(FleetError) -> Set<InstanceID> {
        guard texts.count <= Self.idsMax else {
            throw .invalid([FieldViolation("ids", "must be at most \(Self.idsMax); without any, all are watched")])
        }
        return Set(texts.map { view.instance(named: $0, of: tenant)?.id ?? InstanceID(rawValue: $0) })
    }
}
