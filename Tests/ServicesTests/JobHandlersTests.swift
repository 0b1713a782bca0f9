import Fleet
import NovitaiProto
import RPCCore
import Testing

@testable import Services

@Suite("Jobs", .timeLimit(.minutes(1)))
struct JobHandlersTests {
    private func wait(_ id: String, timeout: Duration? = nil) -> NovitaiV1.WaitJobRequest {
        var request = NovitaiV1.WaitJobRequest()
        request.id = id
        request.timeout = timeout.map { .init($0) }
        return request
    }

    private func job(_ fixture: Fixture, tenant: String = "default") async throws -> String {
        try #require(try await fixture.create(tenant: tenant).job?.id)
    }

    @Test("a job is read by its id, by its tenant only")
    func get() async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.GetJobRequest()
        request.id = try await self.job(fixture)
        let job = try await fixture.jobs.getJob(request, context: Fixture.context())
        #expect(job.type == .createInstance && job.state == .ready && job.step == "PLACE" && job.dueTime != nil && job.revision > 0)
        let asked = request
        let refused = try await refusal { try await fixture.jobs.getJob(asked, context: Fixture.context(tenant: "other")) }
        #expect(refused.code == .notFound)
        #expect(try refused.detail(GoogleRpc.ResourceInfo.self)?.resourceType == "novitai.v1.Job")
    }

    @Test("waiting ends when the job does")
    func waiting() async throws {
        let fixture = try await Fixture()
        let id = try await self.job(fixture)
        let request = self.wait(id)
        async let waited = fixture.jobs.waitJob(request, context: Fixture.context())
        await fixture.clock.untilSleeping(1)
        try await fixture.end(id)
        #expect(try await waited.state == .succeeded)
        // And at once when it has ended already.
        #expect(try await fixture.jobs.waitJob(request, context: Fixture.context()).state == .succeeded)
    }

    @Test("waiting ends with the job's state then when the time is over")
    func timeout() async throws {
        let fixture = try await Fixture()
        let request = self.wait(try await self.job(fixture), timeout: .seconds(3))
        async let waited = fixture.jobs.waitJob(request, context: Fixture.context())
        await fixture.clock.untilSleeping(1)
        fixture.clock.advance(by: .seconds(3))
        #expect(try await waited.state == .ready)
        let now = self.wait(request.id, timeout: .zero)
        #expect(try await fixture.jobs.waitJob(now, context: Fixture.context()).state == .ready)
    }

    @Test("waiting ends shortly before the call's deadline")
    func deadline() async throws {
        let fixture = try await Fixture()
        let request = self.wait(try await self.job(fixture))
        let nearly = Fixture.context(deadline: .now + .milliseconds(200))
        #expect(try await fixture.jobs.waitJob(request, context: nearly).state == .ready)
        async let waited = fixture.jobs.waitJob(request, context: Fixture.context(deadline: .now + .seconds(30)))
        await fixture.clock.untilSleeping(1)
        fixture.clock.advance(by: .seconds(30) - JobHandlers.answerMargin)
        #expect(try await waited.state == .ready)
    }

    @Test("waiting ends when the server goes away")
    func draining() async throws {
        let fixture = try await Fixture()
        let request = self.wait(try await self.job(fixture))
        let context = Fixture.context()
        async let waited = refusal { try await fixture.jobs.waitJob(request, context: context) }
        await fixture.clock.untilSleeping(1)
        context.askToEnd()
        #expect(try await waited.code == .unavailable)
    }

    @Test("a wait beyond ten minutes names its field", arguments: [.seconds(601), .seconds(-1)] as [Duration])
    func limits(_ timeout: Duration) async throws {
        let fixture = try await Fixture()
        let request = self.wait("j-1", timeout: timeout)
        #expect(try await refusal { try await fixture.jobs.waitJob(request, context: Fixture.context()) }.fields == ["timeout"])
    }

    @Test("a list holds ended and unfinished jobs, newest first, filtered, page by page")
    func list() async throws {
        let fixture = try await Fixture()
        var ids: [String] = []
        for number in 0..<5 {
            ids.append(try await self.job(fixture))
            if number == 1 { try await fixture.end(ids[1], .failed) }
        }
        _ = try await self.job(fixture, tenant: "other")
        var request = NovitaiV1.ListJobsRequest()
        request.pageSize = 2
        var seen: [String] = []
        repeat {
            let page = try await fixture.jobs.listJobs(request, context: Fixture.context())
            seen += page.jobs.map(\.id)
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        #expect(seen == ids.reversed())
        request.filter = "state = FAILED AND type = CREATE_INSTANCE"
        #expect(try await fixture.jobs.listJobs(request, context: Fixture.context()).jobs.map(\.id) == [ids[1]])
        let instance = try #require(fixture.view.job(JobID(rawValue: ids[3]))?.instanceID)
        request.filter = "instance_id = \(instance)"
        #expect(try await fixture.jobs.listJobs(request, context: Fixture.context()).jobs.map(\.id) == [ids[3]])
        request.orderBy = "update_time"
        let asked = request
        #expect(try await refusal { try await fixture.jobs.listJobs(asked, context: Fixture.context()) }.fields == ["order_by"])
    }
}
