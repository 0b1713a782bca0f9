import Access
import Fleet
import NovitaiProto
import RPCCore
import SQLiteStore
import Synchronization
import Testing

@testable import Services

@Suite("Freeze, activation and audit over RPC")
struct ControlHandlersTests {
    private static func freeze(_ isFrozen: Bool, _ requestID: String, _ fixture: Fixture) async throws -> NovitaiV1.SetFreezeResponse {
        var request = NovitaiV1.SetFreezeRequest()
        (request.frozen, request.requestId, request.reason) = (isFrozen, requestID, "a look")
        return try await fixture.admin.setFreeze(request, context: Fixture.context())
    }

    @Test("A frozen fleet refuses creates with FROZEN, shows who froze it, and goes on when it is let go")
    func freeze() async throws {
        let fixture = try await Fixture()
        let reply = try await Self.freeze(true, "r1", fixture)
        #expect(reply.control?.freeze?.actor == "p" && reply.control?.freeze?.reason == "a look")
        let refused = try await refusal { try await fixture.create("one") }
        #expect(refused.code == .failedPrecondition && refused.reason == "FROZEN" && refused.effect == .none)
        let health = try await fixture.admin.getHealth(.init(), context: Fixture.context())
        #expect(health.control?.freeze?.actor == "p")
        #expect(try await Self.freeze(false, "r2", fixture).control?.freeze == nil)
        #expect(try await Self.freeze(true, "r1", fixture).control?.freeze == nil, "a repeated request says nothing anew")
        #expect(try await refusal { try await Self.freeze(false, "r1", fixture) }.reason == "REQUEST_ID_REUSED")
        _ = try await fixture.create("one")
    }

    @Test("An observed deployment refuses every change until it is activated by its own id")
    func observing() async throws {
        let fixture = try await Fixture()
        let created = try #require(try await fixture.create("one").instance)
        _ = try await fixture.store.commit(
            Commit(control: FleetControl(observation: FleetControl.Observation(reason: "restored", since: fixture.clock.now))))
        var delete = NovitaiV1.DeleteInstanceRequest()
        delete.id = created.id
        let change = delete
        #expect(
            try await refusal { try await fixture.instances.deleteInstance(change, context: Fixture.context()) }.reason == "OBSERVING")
        var request = NovitaiV1.ActivateDeploymentRequest()
        request.deploymentId = "another"
        let wrong = request
        #expect(
            try await refusal { try await fixture.admin.activateDeployment(wrong, context: Fixture.context()) }.fields == ["deployment_id"])
        request.deploymentId = fixture.view.deployment?.id.rawValue ?? ""
        let reply = try await fixture.admin.activateDeployment(request, context: Fixture.context())
        #expect(reply.control?.observation == nil)
        // A create that was not tried as far as the backup knows looks for its machine first.
        let job = try #require(fixture.view.unfinishedJobs().jobs.first)
        #expect(job.step.isSettling && job.createCalls >= 1000)
        _ = try await fixture.instances.deleteInstance(change, context: Fixture.context())
    }

    @Test("Every accepted request stands in the audit log once, with its actor and price; refused ones and checks do not")
    func audit() async throws {
        let fixture = try await Fixture(maxInstances: 2)
        for name in ["one", "two", "two"] { _ = try? await fixture.create(name, requestID: "create-\(name)") }
        _ = try? await fixture.create("three")
        var request = NovitaiV1.ListAuditEventsRequest()
        (request.pageSize, request.filter) = (1, "action = CreateInstance")
        var events: [NovitaiV1.AuditEvent] = []
        repeat {
            let page = try await fixture.admin.listAuditEvents(request, context: Fixture.context())
            #expect(page.events.count <= 1)
            events += page.events
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        #expect(events.map(\.requestId) == ["create-two", "create-one"])
        #expect(events.allSatisfy { $0.actor == "p" && $0.cause == "REQUESTED" && $0.hourlyPrice?.micros == 350_000 })
    }

    @Test("A comparison shows foreign machines, and a dry run says that it changed nothing", arguments: [true, false])
    func reconcile(_ isDryRun: Bool) async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.ReconcileInstancesRequest()
        request.dryRun = isDryRun
        let reply = try await fixture.admin.reconcileInstances(request, context: Fixture.context())
        #expect(reply.foreign.map(\.id) == ["theirs"] && reply.applied == !isDryRun && reply.listedAt?.seconds == 7)
    }

    @Test("Caches are shown, and made void by name or all together; a name that is none is named, and a check changes nothing")
    func caches() async throws {
        let fixture = try await Fixture()
        func kept() async throws -> [String] {
            try await fixture.admin.listCaches(.init(), context: Fixture.context()).caches.filter { $0.fetchTime != nil }.map(\.name)
        }
        let shown = try await fixture.admin.listCaches(.init(), context: Fixture.context()).caches
        #expect(
            shown.map(\.name)
                == ["catalogue", "templates", "registry_credentials", "network_volumes", "networks", "image_prewarms"])
        #expect(shown[0].entryCount == 3 && shown[0].hitCount == 5 && shown[0].fetchCount == 2 && shown[0].expireTime?.seconds == 301)
        var request = NovitaiV1.ClearCacheRequest()
        request.name = "colours"
        let error = await #expect(throws: RPCError.self) { try await fixture.admin.clearCache(request, context: Fixture.context()) }
        #expect(error?.code == .invalidArgument && error?.message.contains("name") == true)
        (request.name, request.validateOnly) = ("", true)
        #expect(try await fixture.admin.clearCache(request, context: Fixture.context()).caches.count == 6)
        #expect(try await kept() == ["catalogue", "templates"])
        (request.name, request.validateOnly, request.requestId) = ("catalogue", false, "mine")
        let cleared = try await fixture.admin.clearCache(request, context: Fixture.context())
        #expect(cleared.caches.map(\.name) == ["catalogue"] && cleared.caches[0].fetchTime == nil && cleared.requestId == "mine")
        #expect(try await kept() == ["templates"])
        request.name = ""
        _ = try await fixture.admin.clearCache(request, context: Fixture.context())
        #expect(try await kept().isEmpty)
    }

    @Test("What concerns the fleet as a whole needs the role admin")
    func roles() {
        for method in [
            NovitaiV1.AdminService.setFreeze, NovitaiV1.AdminService.activateDeployment, NovitaiV1.AdminService.reconcileInstances,
            NovitaiV1.AdminService.listAuditEvents, NovitaiV1.AdminService.listCaches, NovitaiV1.AdminService.clearCache,
        ] { #expect(MethodRoles.table.leastRole(for: MethodKey(method)) == .admin) }
    }

    @Test("A machine that must go is shown with its price, in the instance, the list and the health, until it is proven gone")
    func debts() async throws {
        let fixture = try await Fixture()
        let created = try #require(try await fixture.create("one").instance)
        try await fixture.update(created.id) {
            $0.debts = [Debt(upstreamID: UpstreamID(rawValue: "m2"), hourlyPrice: .dollars(2), since: fixture.clock.now)]
        }
        let list = try await fixture.instances.listInstances(.init(), context: Fixture.context())
        #expect(list.owedMachines.map(\.upstreamId) == ["m2"] && list.leakedHourlyPrice?.micros == 2_000_000)
        #expect(list.instances.first?.owedMachines.first?.kind == .extra)
        #expect(try await fixture.admin.getHealth(.init(), context: Fixture.context()).leakedHourlyPrice?.micros == 2_000_000)
        #expect(
            try await fixture.instances.listInstances(.init(), context: Fixture.context(tenant: "other")).leakedHourlyPrice?.micros == 0)
    }
}

@Suite("Jobs and queues over RPC")
struct JobChangeHandlersTests {
    @Test("A job is cancelled once, and a repeated call answers with the same")
    func cancel() async throws {
        let fixture = try await Fixture()
        let created = try await fixture.create("one")
        var request = NovitaiV1.CancelJobRequest()
        (request.id, request.requestId) = (created.job?.id ?? "", "c1")
        let wanted = request
        let reply = try await fixture.jobs.cancelJob(wanted, context: Fixture.context())
        #expect(reply.job?.state == .cancelled && reply.job?.errorReason == "CANCELLED")
        #expect(try await fixture.jobs.cancelJob(wanted, context: Fixture.context()).job?.id == reply.job?.id)
        var other = wanted
        other.requestId = "c2"
        let late = other
        #expect(try await refusal { try await fixture.jobs.cancelJob(late, context: Fixture.context()) }.reason == "INVALID_STATE")
        #expect(
            try await refusal { try await fixture.jobs.cancelJob(late, context: Fixture.context(tenant: "other")) }.code == .notFound)
    }

    @Test(
        "Of a saved image the provider is asked once to break off its job, and what it answered is said; it is cancelled here in any case",
        arguments: [
            (nil, "has taken the request"), (CloudError(.invalidState, "it has ended"), "did not break off its job"),
            (CloudError(.transport, "lost", mayHaveTakenEffect: true), "is not known"),
        ] as [(CloudError?, String)])
    func cancelSave(_ failure: CloudError?, _ words: String) async throws {
        let fixture = try await Fixture()
        let id = try await self.saving(fixture, as: UpstreamJobID(rawValue: "jb-1"))
        fixture.cloud.state.withLock { $0.breakFailure = failure }
        var request = NovitaiV1.CancelJobRequest()
        (request.id, request.requestId, request.validateOnly) = (id, "c", true)
        let check = request
        #expect(try await fixture.jobs.cancelJob(check, context: Fixture.context()).job?.state == .cancelled)
        let foreign = try await refusal { try await fixture.jobs.cancelJob(check, context: Fixture.context(tenant: "other")) }
        #expect(foreign.code == .notFound && fixture.cloud.state.withLock { $0.brokenOff.isEmpty }, "nothing is broken off for that")
        request.validateOnly = false
        let wanted = request
        for _ in 0..<2 {
            let job = try await fixture.jobs.cancelJob(wanted, context: Fixture.context()).job
            #expect(job?.state == .cancelled && job?.errorReason == "CANCELLED" && job?.errorMessage.contains(words) == true)
        }
        #expect(fixture.cloud.state.withLock { $0.brokenOff.map(\.rawValue) } == ["jb-1"])
    }

    @Test("A save whose job at the provider is not known is cancelled, and says that it may go on")
    func cancelUnknownSave() async throws {
        let fixture = try await Fixture()
        var request = NovitaiV1.CancelJobRequest()
        request.id = try await self.saving(fixture, as: nil)
        let job = try await fixture.jobs.cancelJob(request, context: Fixture.context()).job
        #expect(job?.state == .cancelled && job?.errorMessage.contains("the provider's job is not known") == true)
        #expect(fixture.cloud.state.withLock { $0.brokenOff.isEmpty })
    }

    /// The id of a job that saves an image, once the provider has been asked.
    private func saving(_ fixture: Fixture, as upstream: UpstreamJobID?) async throws -> String {
        let created = try await fixture.create("one")
        try await fixture.end(try #require(created.job?.id))
        try await fixture.update(try #require(created.instance?.id)) { instance in
            instance.state = .running
            instance.upstream = UpstreamFacts(
                id: UpstreamID(rawValue: "m"), status: "running", error: "", observedAt: Timestamp(seconds: 1_800_000_000))
        }
        var save = NovitaiV1.SaveInstanceImageRequest()
        (save.id, save.image) = ("one", "registry.example/saved:1")
        let id = try #require(try await fixture.instances.saveInstanceImage(save, context: Fixture.context()).job?.id)
        var job = try #require(fixture.view.job(JobID(rawValue: id)))
        (job.step, job.state, job.callsTaken, job.firstSentAt) = (.confirm, .waiting, 1, job.createdAt)
        job.imageSave?.upstreamJobID = upstream
        _ = try await fixture.store.commit(Commit(jobs: [Commit.JobWrite(job)]))
        return id
    }

    @Test("A cancelled create is tried again as a new job that names the old one")
    func retry() async throws {
        let fixture = try await Fixture()
        let created = try await fixture.create("one")
        var cancel = NovitaiV1.CancelJobRequest()
        cancel.id = created.job?.id ?? ""
        _ = try await fixture.jobs.cancelJob(cancel, context: Fixture.context())
        var request = NovitaiV1.RetryJobRequest()
        request.id = cancel.id
        let job = try #require(try await fixture.jobs.retryJob(request, context: Fixture.context()).job)
        #expect(job.retryOf == cancel.id && job.id != cancel.id && job.type == .createInstance)
        #expect(fixture.view.instance(named: "one", of: .default)?.state == .pending)
    }

    @Test("What is only checked hears of the ceilings too")
    func retryChecked() async throws {
        let fixture = try await Fixture(maxInstances: 1)
        let created = try await fixture.create("one")
        var cancel = NovitaiV1.CancelJobRequest()
        cancel.id = created.job?.id ?? ""
        _ = try await fixture.jobs.cancelJob(cancel, context: Fixture.context())
        var request = NovitaiV1.RetryJobRequest()
        (request.id, request.validateOnly) = (cancel.id, true)
        let check = request
        #expect(try await fixture.jobs.retryJob(check, context: Fixture.context()).job?.type == .createInstance)
        _ = try await fixture.create("two")
        let refused = try await refusal { try await fixture.jobs.retryJob(check, context: Fixture.context()) }
        #expect(refused.reason == "CEILING_REACHED")
    }

    @Test("Queues show their jobs, their deadlines and who paused them")
    func queues() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.create("one")
        var request = NovitaiV1.PauseQueueRequest()
        (request.type, request.reason) = (.createInstance, "a look")
        #expect(try await fixture.jobs.pauseQueue(request, context: Fixture.context()).queue?.pause?.actor == "p")
        let queues = try await fixture.jobs.listQueues(.init(), context: Fixture.context()).queues
        #expect(queues.count == JobType.known.count)
        #expect(queues.first?.pause?.reason == "a look" && queues.first?.ready == 1 && queues.first?.deadline?.seconds == 1200)
        let deletes = queues.first { $0.type == .deleteInstance }
        #expect(deletes != nil && deletes?.deadline == nil && deletes?.pause == nil)
        #expect(try await fixture.jobs.listQueues(.init(), context: Fixture.context(tenant: "other")).queues.first?.ready == 0)
        var resume = NovitaiV1.ResumeQueueRequest()
        resume.type = .createInstance
        #expect(try await fixture.jobs.resumeQueue(resume, context: Fixture.context()).queue?.pause == nil)
        request.type = .unspecified
        let unknown = request
        #expect(try await refusal { try await fixture.jobs.pauseQueue(unknown, context: Fixture.context()) }.fields == ["type"])
    }
}
