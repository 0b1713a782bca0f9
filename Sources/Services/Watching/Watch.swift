internal import Fleet
internal import NovitaiProto
internal import RPCCore
internal import Synchronization

/// One call that watches: a snapshot, then the tail of the log, until the caller or the server goes.
struct Watch<Subject: WatchSubject> {
    typealias Write = @Sendable (Subject.Response) async throws -> Void

    private let backend: Backend
    private let options: WatchOptions
    /// Up to where the caller certainly misses nothing.
    private let complete = CompletePosition()
    private let live: LiveWatches<Subject>
    private var subject: Subject
    /// Everything up to here has been sent.
    private var position = Revision.zero
    private var lastSentAt: Timestamp

    /// - Parameter live: of all watches of the kind.
    init(_ subject: Subject, _ options: WatchOptions, backend: Backend, live: LiveWatches<Subject>) {
        self.backend = backend
        self.live = live
        self.options = options
        self.subject = subject
        self.lastSentAt = backend.clock.now
    }

    /// Ends only by an error: the caller's going, the server's or the connection's, or the watch's own.
    ///
    /// - Parameter prompt: writes what `write` does, where the call is at home; nil where that cannot be.
    func run(_ context: ServerContext, prompt: PromptWriter?, _ write: @escaping Write) async throws {
        let watch = self
        try await context.unlessAskedToEnd {
            var watch = watch
            try await watch.follow(prompt, write)
        }
        if let complete = self.complete.value {
            try await write(Subject.response([], token: self.options.token(at: complete), isSnapshotComplete: false))
        }
        throw ErrorDetails.draining.error
    }

    private mutating func follow(_ prompt: PromptWriter?, _ write: Write) async throws {
        if let resumeAfter = self.options.resumeAfter {
            self.position = resumeAfter
            self.complete.reach(resumeAfter)
        } else {
            try await self.sendSnapshot(write)
        }
        while true {
            try await self.send(try await self.nextBatch(), write)
            if self.bookmarkDue <= self.backend.clock.now { try await self.sendPosition([], write) }
            if let prompt {
                try await self.rest(prompt, self.backend.clock)
            } else {
                // Returns when there may be more, or when a bookmark is due.
                _ = try await Self.wait(self.backend.view, self.position, self.bookmarkDue, self.backend.clock)
            }
        }
    }

    /// Lets the caller be given what happens without this task, until a bookmark is due or the watch is overtaken.
    private mutating func rest(_ prompt: PromptWriter, _ clock: some Clock) async throws {
        let state = LiveWatch<Subject>.State(subject: self.subject.handOver(), position: self.position, lastSentAt: self.lastSentAt)
        let watch = LiveWatch(state, self.options, prompt)
        defer {
            self.live.leave(watch, at: prompt.home)
            let state = watch.takeBack()
            (self.subject, self.position, self.lastSentAt) = (state.subject, state.position, state.lastSentAt)
            self.complete.reach(state.position)
        }
        guard self.live.join(watch, at: prompt.home) else { return }
        while !watch.isOvertaken, watch.bookmarkDue > clock.now {
            try await self.backend.view.wait(untilCalled: watch.id, or: watch.bookmarkDue, clock: clock) { watch.isOvertaken }
        }
    }

    private var bookmarkDue: Timestamp { self.options.bookmarkDue(after: self.lastSentAt) }

    // MARK: Sending

    private mutating func sendSnapshot(_ write: Write) async throws {
        let (objects, revision) = try await self.subject.snapshot(of: self.backend)
        for range in WatchChunks.ranges(of: objects, bytes: Subject.bytes) {
            let events = try objects[range].map { try self.subject.encodedSnapshot($0) }
            try await write(Subject.response(events, token: nil, isSnapshotComplete: false))
        }
        self.position = revision
        try await self.sendPosition([], isSnapshotComplete: true, write)
    }

    private mutating func send(_ batch: (changes: [WatchChange], revision: Revision), _ write: Write) async throws {
        var outgoing: [(change: WatchChange, object: Subject.Object, kind: Subject.Kind)] = []
        for change in batch.changes {
            guard let object = Subject.object(of: change.event), let kind = self.subject.kind(of: object) else { continue }
            outgoing.append((change, object, kind))
        }
        for range in WatchChunks.ranges(of: outgoing, bytes: { Subject.bytes($0.object) }) {
            let events = try outgoing[range].map {
                try self.subject.encoded($0.object, at: $0.change.event.revision, changeCount: $0.change.changeCount, as: $0.kind)
            }
            let isLast = range.upperBound == outgoing.count
            self.position = isLast ? batch.revision : outgoing[range.upperBound - 1].change.event.revision
            try await self.sendPosition(events, write)
        }
        self.position = batch.revision
        self.complete.reach(batch.revision)
    }

    private mutating func sendPosition(_ events: [Subject.Encoded], isSnapshotComplete: Bool = false, _ write: Write) async throws {
        let response = Subject.response(events, token: self.options.token(at: self.position), isSnapshotComplete: isSnapshotComplete)
        // Queued at once, whatever the wait for room after it comes to: a bookmark at a drain follows it.
        self.complete.reach(self.position)
        try await write(response)
        self.lastSentAt = self.backend.clock.now
    }

    // MARK: Reading

    /// From memory, or from the durable log when the position has fallen out of it.
    private func nextBatch() async throws -> (changes: [WatchChange], revision: Revision) {
        let subject = self.subject
        let recent = try self.backend.view.changes(after: self.position, everyChange: self.options.everyChange, where: subject.concerns)
        if let recent { return (recent.changes, recent.revision) }
        let events = try await self.backend.store.events(after: self.position, limit: WatchOptions.logReadSize)
        let wanted = events.filter(subject.concerns)
        let changes =
            self.options.everyChange ? wanted.map { WatchChange(event: $0, changeCount: 1) } : View.latestPerObject(wanted)
        return (changes, events.last?.revision ?? self.position)
    }

    private static func wait(_ view: View, _ position: Revision, _ deadline: Timestamp, _ clock: some Clock) async throws -> Bool {
        try await view.wait(after: position, until: deadline, clock: clock)
    }
}

/// Up to where a watcher has been sent everything, for whoever ends its watch.
final class CompletePosition: Sendable {
    private let position = Mutex<Revision?>(nil)

    var value: Revision? { self.position.withLock { $0 } }
    func reach(_ position: Revision) { self.position.withLock { $0 = position } }
}
