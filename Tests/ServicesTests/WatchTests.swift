import Fleet
import NovitaiProto
import RPCCore
import SQLiteStore
import Testing

@testable import Services

@Suite("Watching instances", .timeLimit(.minutes(1)))
struct WatchTests {
    typealias Request = NovitaiV1.WatchInstancesRequest
    typealias Response = NovitaiV1.WatchInstancesResponse

    /// Runs a watch beside `body`; answers how the watch ended, CANCELLED when `body` ended first.
    @discardableResult
    private func watch(
        _ fixture: Fixture, tenant: String = "default", handlers: InstanceHandlers? = nil, fullAfter: Int? = nil,
        hasHome: Bool = true, context: ServerContext? = nil,
        _ change: (inout Request) -> Void = { _ in },
        _ body: @escaping @Sendable (TestSink) async throws -> Void
    ) async throws -> RPCError? {
        var request = Request()
        change(&request)
        let (sink, asked) = (TestSink(fullAfter: fullAfter, hasHome: hasHome), request)
        let (instances, context) = (handlers ?? fixture.instances, context ?? Fixture.context(tenant: tenant))
        return try await withThrowingTaskGroup(of: RPCError?.self) { group in
            group.addTask {
                do {
                    try await instances.watchInstances(asked, responses: ResponseWriter(sink), context: context)
                    return nil
                } catch let error as RPCError {
                    return error
                }
            }
            try await body(sink)
            group.cancelAll()
            return try await group.next() ?? nil
        }
    }

    private static func state(_ response: Response) -> [String] {
        response.events.map { "\($0.kind) \($0.instance?.name ?? "") \($0.instance?.state ?? .unspecified)" }
    }

    @Test("a snapshot comes first, then every change, each with the token to go on from")
    func snapshotAndTail() async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a").instance?.id)
        _ = try await fixture.create("theirs", tenant: "other")
        try await self.watch(fixture) { sink in
            let snapshot: Response = try await sink.message(0)
            #expect(snapshot.events.map(\.kind) == [.snapshot] && snapshot.events[0].instance?.id == a && !snapshot.snapshotComplete)
            #expect(snapshot.resumeToken == nil)
            let complete: Response = try await sink.message(1)
            #expect(complete.snapshotComplete && complete.events.isEmpty && complete.resumeToken?.revision == fixture.view.revision.number)
            try await fixture.update(a) { $0.state = .running }
            let changed: Response = try await sink.message(2)
            #expect(changed.events.map(\.kind) == [.changed] && changed.events[0].instance?.state == .running)
            #expect(changed.events[0].changeCount == 1 && changed.events[0].revision == changed.events[0].instance?.revision)
            #expect(changed.resumeToken?.revision == fixture.view.revision.number)
            _ = try await fixture.create("theirs-2", tenant: "other")
            _ = try await fixture.create("b")
            let created: Response = try await sink.message(3)
            #expect(created.events.compactMap(\.instance?.name) == ["b"])
        }
    }

    @Test("a snapshot of nothing is complete at once")
    func emptySnapshot() async throws {
        let fixture = try await Fixture()
        try await self.watch(fixture) { sink in
            let only: Response = try await sink.message(0)
            #expect(only.snapshotComplete && only.events.isEmpty && only.resumeToken != nil)
        }
    }

    @Test("a watch goes on from its token without a gap or a repeat")
    func resume() async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a").instance?.id)
        let token = NovitaiV1.ResumeToken(try #require(fixture.view.deployment?.history), fixture.view.revision)
        try await fixture.update(a) { $0.state = .provisioning }
        try await fixture.update(a) { $0.state = .running }
        try await self.watch(fixture, { $0.resumeToken = token }) { sink in
            let tail: Response = try await sink.message(0)
            #expect(tail.events.compactMap(\.instance?.state) == [.provisioning, .running] && !tail.snapshotComplete)
        }
    }

    @Test("an empty token begins with a snapshot")
    func emptyToken() async throws {
        let fixture = try await Fixture()
        try await self.watch(fixture, { $0.resumeToken = .init() }) { sink in
            let first: Response = try await sink.message(0)
            #expect(first.snapshotComplete)
        }
    }

    @Test(
        "a token of another history, from the future or trimmed away ends with the one error that says: begin again",
        arguments: ["history", "future", "trimmed"])
    func badToken(_ kind: String) async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a").instance?.id)
        let history = try #require(fixture.view.deployment?.history)
        var token = NovitaiV1.ResumeToken(kind == "history" ? HistoryID(rawValue: "another") : history, fixture.view.revision)
        if kind == "future" { token.revision += 1000 }
        var handlers = fixture.instances
        if kind == "trimmed" {
            token.revision = 1
            for _ in 0..<5 { try await fixture.update(a) { $0.state = .provisioning } }
            try await fixture.store.trimLog(before: fixture.clock.now + .seconds(10), keeping: 1)
            // A server that started after the trim: its memory begins at its snapshot.
            let view = View()
            try await view.attach(to: fixture.store)
            handlers = InstanceHandlers(
                Backend(
                    store: fixture.store, view: view, cloud: fixture.cloud, clock: fixture.clock, settings: fixture.backend.settings,
                    cooldowns: Cooldowns(), random: fixture.backend.random, drain: fixture.backend.drain, log: fixture.backend.log,
                    reconcile: fixture.backend.reconcile))
        }
        let asked = token
        let instances = handlers
        let refused = try await refusal {
            var request = Request()
            request.resumeToken = asked
            try await instances.watchInstances(request, responses: ResponseWriter(TestSink()), context: Fixture.context())
        }
        #expect(refused.code == .outOfRange && refused.reason == "RESUME_TOKEN_EXPIRED")
    }

    @Test("a position that has fallen out of memory is read from the database")
    func fromStore() async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a").instance?.id)
        let token = NovitaiV1.ResumeToken(try #require(fixture.view.deployment?.history), fixture.view.revision)
        try await fixture.update(a) { $0.state = .provisioning }
        try await fixture.update(a) { $0.state = .running }
        let view = View()
        try await view.attach(to: fixture.store)
        let backend = Backend(
            store: fixture.store, view: view, cloud: fixture.cloud, clock: fixture.clock, settings: fixture.backend.settings,
            cooldowns: Cooldowns(), random: fixture.backend.random, drain: DrainSignal(), log: fixture.backend.log,
            reconcile: fixture.backend.reconcile)
        for everyChange in [true, false] {
            try await self.watch(fixture, handlers: InstanceHandlers(backend), { ($0.resumeToken, $0.everyChange) = (token, everyChange) })
            { sink in
                let tail: Response = try await sink.message(0)
                #expect(tail.events.compactMap(\.instance?.state) == (everyChange ? [.provisioning, .running] : [.running]))
                #expect(tail.events.last?.changeCount == (everyChange ? 1 : 2))
                #expect(tail.resumeToken?.revision == view.revision.number)
            }
        }
    }

    @Test("what no longer fits is removed once, what never fitted is not mentioned")
    func filtered() async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a", labels: ["team": "x"]).instance?.id)
        let b = try #require(try await fixture.create("b", labels: ["team": "y"]).instance?.id)
        try await self.watch(fixture, { $0.filter = "labels.team = x" }) { sink in
            #expect(Self.state(try await sink.message(0)) == ["INSTANCE_EVENT_KIND_SNAPSHOT a INSTANCE_STATE_PENDING"])
            try await fixture.update(b) { $0.state = .running }
            try await fixture.update(a) { $0.labels = ["team": "y"] }
            #expect(Self.state(try await sink.message(2)) == ["INSTANCE_EVENT_KIND_REMOVED a INSTANCE_STATE_PENDING"])
            try await fixture.update(a) { $0.state = .running }
            try await fixture.update(b) { $0.labels = ["team": "x"] }
            #expect(Self.state(try await sink.message(3)) == ["INSTANCE_EVENT_KIND_CHANGED b INSTANCE_STATE_RUNNING"])
            try await fixture.update(b) { $0.state = .deleted }
            #expect(Self.state(try await sink.message(4)) == ["INSTANCE_EVENT_KIND_REMOVED b INSTANCE_STATE_DELETED"])
        }
    }

    @Test("a watch of some instances is told of those only; a name stands for its instance")
    func someIDs() async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a").instance?.id)
        let b = try #require(try await fixture.create("b").instance?.id)
        try await self.watch(fixture, { $0.ids = ["b", "i-nonesuch"] }) { sink in
            #expect(try await sink.message(0, as: Response.self).events.compactMap(\.instance?.id) == [b])
            try await fixture.update(a) { $0.state = .running }
            try await fixture.update(b) { $0.state = .running }
            #expect(try await sink.message(2, as: Response.self).events.compactMap(\.instance?.id) == [b])
        }
    }

    @Test("silence is broken by a bookmark that says how far the watch has come")
    func bookmarks() async throws {
        let fixture = try await Fixture()
        try await self.watch(fixture) { sink in
            _ = try await sink.message(0, as: Response.self)
            await fixture.clock.untilSleeping(1)
            _ = try await fixture.create("theirs", tenant: "other")
            await fixture.clock.untilSleeping(1)
            fixture.clock.advance(by: .seconds(5))
            let bookmark: Response = try await sink.message(1)
            #expect(bookmark.events.isEmpty && bookmark.resumeToken?.revision == fixture.view.revision.number)
        }
    }

    @Test("when its connection or the server goes away the watch ends with its token", arguments: [false, true])
    func draining(_ isIdle: Bool) async throws {
        let (fixture, context) = (try await Fixture(), Fixture.context())
        let ended = try await self.watch(fixture, context: context) { sink in
            _ = try await sink.message(0, as: Response.self)
            if isIdle { await fixture.clock.untilSleeping(1) }
            context.askToEnd()
            let last: Response = try await sink.message(1)
            #expect(last.events.isEmpty && last.resumeToken?.revision == fixture.view.revision.number)
        }
        #expect(ended?.code == .unavailable)
    }

    @Test("the last token of a slow watcher is not older than what it has been sent")
    func drainingSlowWatcher() async throws {
        let (fixture, context) = (try await Fixture(), Fixture.context())
        let ended = try await self.watch(fixture, fullAfter: 1, context: context) { sink in
            _ = try await sink.message(0, as: Response.self)
            await fixture.clock.untilSleeping(1)
            _ = try await fixture.create("new")
            let sent: Response = try await sink.message(1)
            context.askToEnd()
            let last: Response = try await sink.message(2)
            #expect(!sent.events.isEmpty && last.resumeToken == sent.resumeToken)
        }
        #expect(ended?.code == .unavailable)
    }

    @Test("a large snapshot comes in parts, whose last says that it is complete")
    func largeSnapshot() async throws {
        let count = WatchChunks.countMax * 2 + 5
        let fixture = try await Fixture(maxInstances: count, maxHourlySpend: .dollars(1000))
        for number in 0..<count { _ = try await fixture.create("n-\(number)") }
        try await self.watch(fixture) { sink in
            var names: Set<String> = []
            for part in 0..<3 {
                let response: Response = try await sink.message(part)
                #expect(response.events.count <= WatchChunks.countMax && !response.snapshotComplete)
                names.formUnion(response.events.compactMap(\.instance?.name))
            }
            #expect(names.count == count)
            let last: Response = try await sink.message(3)
            #expect(last.snapshotComplete)
        }
    }

    @Test(
        "a bad watch request names its field",
        arguments: [
            ("filter", "filter"), ("ids", "ids"), ("interval", "bookmark_interval"), ("long", "bookmark_interval"),
            ("negative", "resume_token.revision"),
        ])
    func bad(_ kind: String, _ field: String) async throws {
        let fixture = try await Fixture()
        var request = Request()
        switch kind {
        case "filter": request.filter = "color = red"
        case "ids": request.ids = Array(repeating: "i", count: 1001)
        case "interval": request.bookmarkInterval = .init(.milliseconds(999))
        case "long": request.bookmarkInterval = .init(.seconds(61))
        default: request.resumeToken = .init(try #require(fixture.view.deployment?.history), Revision(-1))
        }
        let asked = request
        let refused = try await refusal {
            try await fixture.instances.watchInstances(asked, responses: ResponseWriter(TestSink()), context: Fixture.context())
        }
        #expect(refused.code == .invalidArgument && refused.fields == [field])
    }

    @Test("a change is encoded once however many watch, and what is kept of it is bounded")
    func encodedOnce() throws {
        let events = EncodedEvents()
        var instance = Instance(
            id: InstanceID(rawValue: "i-1"), name: "n", tenant: .default, spec: InstanceSpec(products: [], image: ""),
            createdAt: .init(seconds: 0))
        func encoded(_ revision: Int64, as kind: NovitaiV1.InstanceEventKind = .changed) throws -> [UInt8] {
            try events.encoded(instance, at: Revision(revision), changeCount: 1, as: kind)
        }
        let first = try encoded(1)
        // Not encoded again: the second instance would show.
        instance.name = "other"
        #expect(try encoded(1) == first)
        #expect(try encoded(1, as: .removed) != first)
        for revision in 2...Int64(EncodedEvents.keptMax + 1) { _ = try encoded(revision) }
        #expect(try encoded(1) != first)
    }

    @Test(
        "changes come in their order, each once, whether the watch is given them, is overtaken by them, or goes after them",
        arguments: [(true, nil), (true, 2), (false, nil)] as [(Bool, Int?)])
    func everyChange(hasHome: Bool, fullAfter: Int?) async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a").instance?.id)
        try await self.watch(fixture, fullAfter: fullAfter, hasHome: hasHome, { $0.everyChange = true }) { sink in
            _ = try await sink.message(1, as: Response.self)
            var revisions: [Int64] = []
            for number in 0..<10 {
                try await fixture.update(a) { $0.stateMessage = "\(number)" }
                revisions.append(fixture.view.revision.number)
                // The watch may be resting by then, or not yet.
                if number == 4 { await fixture.clock.untilSleeping(1) }
            }
            var told: [Int64] = []
            var next = 2
            while told.count < revisions.count {
                let response: Response = try await sink.message(next)
                told += response.events.map(\.revision)
                #expect(response.resumeToken?.revision == response.events.last?.revision)
                next += 1
            }
            #expect(told == revisions)
        }
    }

    @Test("what changes no instance passes a watch of them by: the next change comes alone, and a bookmark tells how far all is known")
    func otherObjects() async throws {
        let fixture = try await Fixture()
        let created = try await fixture.create("a")
        let (a, jobID) = (try #require(created.instance?.id), JobID(rawValue: try #require(created.job?.id)))
        @Sendable func changeJob(_ progress: String) async throws {
            var job = try #require(fixture.view.job(jobID))
            job.progress = progress
            _ = try await fixture.store.commit(Commit(jobs: [Commit.JobWrite(job)]))
        }
        try await self.watch(fixture, hasHome: true, { $0.everyChange = true }) { sink in
            _ = try await sink.message(1, as: Response.self)
            await fixture.clock.untilSleeping(1)
            for number in 0..<3 { try await changeJob("\(number)") }
            try await fixture.update(a) { $0.stateMessage = "changed" }
            let change: Response = try await sink.message(2)
            #expect(change.events.map(\.revision) == [fixture.view.revision.number])
            #expect(change.resumeToken?.revision == fixture.view.revision.number)
            try await changeJob("more")
            fixture.clock.advance(by: WatchOptions.bookmarkDefault)
            let bookmark: Response = try await sink.message(3)
            #expect(bookmark.events.isEmpty && bookmark.resumeToken?.revision == fixture.view.revision.number)
        }
    }

    @Test("that an instance is over is said once, though it may change yet")
    func endOnce() async throws {
        let fixture = try await Fixture()
        let a = try #require(try await fixture.create("a").instance?.id)
        try await self.watch(fixture) { sink in
            _ = try await sink.message(1, as: Response.self)
            try await fixture.update(a) { $0.state = .deleted }
            #expect(Self.state(try await sink.message(2)) == ["INSTANCE_EVENT_KIND_REMOVED a INSTANCE_STATE_DELETED"])
            try await fixture.update(a) { $0.stateMessage = "a debt was settled" }
            _ = try await fixture.create("b")
            #expect(Self.state(try await sink.message(3)) == ["INSTANCE_EVENT_KIND_CHANGED b INSTANCE_STATE_PENDING"])
        }
    }

    @Test("a commit is encoded once for all to whom it means the same")
    func batch() throws {
        let (view, encoder) = (View(), EncodedEvents())
        func subject(_ filter: String) throws -> InstanceSubject {
            var request = Request()
            request.filter = filter
            return try InstanceSubject(request, tenant: .default, isResumed: false, view: view, encoder: encoder)
        }
        let instance = Instance(
            id: InstanceID(rawValue: "i-1"), name: "n", tenant: .default, spec: InstanceSpec(products: [], image: ""),
            createdAt: .init(seconds: 0))
        let batch = LiveBatch<InstanceSubject>(
            [Event(revision: Revision(7), object: .instance(instance))], from: Revision(6), to: Revision(7))
        let token = NovitaiV1.ResumeToken(HistoryID(rawValue: "h"), Revision(7))
        #expect(batch.message(for: .one(.changed)) == nil)
        let first = try batch.makeMessage(for: .one(.changed), by: subject(""), token: token)
        #expect(batch.message(for: .one(.changed)) == first)
        #expect(batch.message(for: .one(.removed)) == nil)
        #expect(try batch.makeMessage(for: .one(.removed), by: subject("name = n"), token: token) != first)
        #expect(batch.message(for: .one(.changed)) == first)
        let response = try Response(decoding: Array(first.dropFirst(MessagePrefix.size)))
        #expect(response.events.map(\.instance?.name) == ["n"] && response.resumeToken == token)
    }

    @Test("an instance is encoded once for all watches that begin while it stays as it is")
    func snapshotOnce() throws {
        let events = EncodedEvents()
        var instance = Instance(
            id: InstanceID(rawValue: "i-1"), name: "n", tenant: .default, spec: InstanceSpec(products: [], image: ""),
            createdAt: .init(seconds: 0))
        instance.revision = Revision(7)
        let first = try events.snapshot(instance)
        instance.name = "other"
        #expect(try events.snapshot(instance) == first)
        instance.revision = Revision(8)
        #expect(try events.snapshot(instance) != first)
    }

    @Test("those who wait share a timer, and each is told at its own time")
    func sharedTimer() async throws {
        let (view, clock) = (View(), TestClock())
        let start = clock.now
        try await withThrowingTaskGroup(of: Int.self) { group in
            for seconds in [3, 1, 4, 2] {
                group.addTask {
                    let isChanged = try await view.wait(after: view.revision, until: start + .seconds(seconds), clock: clock)
                    return isChanged ? -1 : seconds
                }
            }
            for seconds in 1...4 {
                await clock.untilSleeping(1)
                clock.advance(by: .seconds(1))
                let told = try await group.next()
                #expect(told == seconds)
            }
        }
    }

    @Test("a response around encoded events is the generated message on the wire", arguments: [0, 1, 2, 300])
    func response(count: Int) throws {
        var event = NovitaiV1.InstanceEvent()
        event.kind = .changed
        event.revision = 300
        var rest = Response()
        rest.snapshotComplete = true
        rest.resumeToken = .init(HistoryID(rawValue: "h"), Revision(5))
        var message = rest
        message.events = [NovitaiV1.InstanceEvent](repeating: event, count: count)
        // A part may be of a larger array.
        let part = try event.encoded(reserving: 3)[3...]
        let assembled = AssembledMessage([ArraySlice<UInt8>](repeating: part, count: count), and: rest)
        #expect(try assembled.message == message)
        #expect(try assembled.encoded(reserving: 5).count == message.encoded(reserving: 0).count + 5)
        #expect(try assembled.encoded(reserving: 5).prefix(5).allSatisfy { $0 == 0 })
        let decoded = try AssembledMessage<Response>(decoding: message.encoded(reserving: 0))
        #expect(try decoded.message == message)
    }
}
