import Fleet
import NovitaiProto
import RPCCore
import Testing

@testable import Services

@Suite("Watching jobs", .timeLimit(.minutes(1)))
struct JobWatchTests {
    typealias Request = NovitaiV1.WatchJobsRequest
    typealias Response = NovitaiV1.WatchJobsResponse

    /// Runs a watch beside `body`.
    private func watch(
        _ fixture: Fixture, _ change: (inout Request) -> Void = { _ in }, _ body: @escaping @Sendable (TestSink) async throws -> Void
    ) async throws {
        var request = Request()
        change(&request)
        let (sink, asked, jobs) = (TestSink(), request, fixture.jobs)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await jobs.watchJobs(asked, responses: ResponseWriter(sink), context: Fixture.context()) } catch is RPCError {}
            }
            try await body(sink)
            group.cancelAll()
        }
    }

    @Test("Unfinished jobs come first, then every change to their end, of the caller's tenant only")
    func snapshotAndTail() async throws {
        let fixture = try await Fixture()
        let job = try #require(try await fixture.create("a").job?.id)
        _ = try await fixture.create("theirs", tenant: "other")
        try await self.watch(fixture) { sink in
            let snapshot: Response = try await sink.message(0)
            #expect(snapshot.events.map(\.kind) == [.snapshot] && snapshot.events[0].job?.id == job && snapshot.resumeToken == nil)
            let complete: Response = try await sink.message(1)
            #expect(complete.snapshotComplete && complete.resumeToken?.revision == fixture.view.revision.number)
            _ = try await fixture.create("theirs-2", tenant: "other")
            try await fixture.end(job)
            let ended: Response = try await sink.message(2)
            #expect(ended.events.map(\.kind) == [.changed] && ended.events[0].job?.state == .succeeded)
            #expect(ended.resumeToken?.revision == fixture.view.revision.number)
        }
    }

    @Test("A watch goes on where its token says, and a job that was asked for by id and has ended comes with the snapshot")
    func resumed() async throws {
        let fixture = try await Fixture()
        let job = try #require(try await fixture.create("a").job?.id)
        let token = NovitaiV1.ResumeToken(try #require(fixture.view.deployment?.history), fixture.view.revision)
        try await fixture.end(job)
        try await self.watch(fixture, { $0.resumeToken = token }) { sink in
            let tail: Response = try await sink.message(0)
            #expect(tail.events.map(\.job?.state) == [.succeeded])
        }
        try await self.watch(fixture, { $0.ids = [job] }) { sink in
            let snapshot: Response = try await sink.message(0)
            #expect(snapshot.events.map(\.job?.state) == [.succeeded])
        }
    }

    @Test("What no longer fits the filter is taken away once")
    func filtered() async throws {
        let fixture = try await Fixture()
        let job = try #require(try await fixture.create("a").job?.id)
        try await self.watch(fixture, { $0.filter = "state = READY" }) { sink in
            let snapshot: Response = try await sink.message(0)
            #expect(snapshot.events.count == 1)
            try await fixture.end(job)
            let gone: Response = try await sink.message(2)
            #expect(gone.events.map(\.kind) == [.removed])
        }
        let refused = try await refusal {
            var request = Request()
            request.bookmarkInterval = GoogleProtobuf.Duration(.seconds(61))
            try await fixture.jobs.watchJobs(request, responses: ResponseWriter(TestSink()), context: Fixture.context())
        }
        #expect(refused.fields == ["bookmark_interval"])
    }
}
