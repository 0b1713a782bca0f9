import Fleet
import StoreContract
import Testing
import Traces

@Suite("Store contract: reading")
struct ReadingContractTests {
    @Test("What is not there is nil, and no environment is an empty one", arguments: StoreKind.all)
    func nothing(_ kind: StoreKind) async throws {
        try await kind.withStore { (store: any Store) async throws in
            #expect(try await store.instance(InstanceID(rawValue: "i-1")) == nil)
            #expect(try await store.job(Sample.jobID(1)) == nil)
            #expect(try await store.environment(of: InstanceID(rawValue: "i-1")) == InstanceEnvironment())
            #expect(try await store.instances(HistoryQuery(tenant: nil, limit: 10)) == [])
        }
    }

    @Test("An environment that waits becomes the instance's own, or is dropped with its job", arguments: StoreKind.all)
    func waitingEnvironments(_ kind: StoreKind) async throws {
        try await kind.withStore { (store: any Store) async throws in
            let (id, new) = (InstanceID(rawValue: "i-1"), InstanceEnvironment(["TOKEN": "new"]))
            func update(_ number: Int) -> Job {
                var job = Sample.job(number, of: 1, type: .updateInstance)
                job.update = MachineUpdate(parts: [.upgrade], before: Sample.instance(1).spec)
                job.update?.bringsEnvironment = true
                return job
            }
            _ = try await store.commit(Sample.creation(1))
            for number in 2...3 {
                let job = update(number)
                _ = try await store.commit(Commit(jobs: [.init(job)], environments: [.waiting(for: job.id): new]))
            }
            var failed = update(2)
            failed.state = .failed
            _ = try await store.commit(Commit(jobs: [.init(failed)]))
            #expect(try await store.environment(of: .waiting(for: failed.id)) == InstanceEnvironment())
            #expect(try await store.environment(of: id) == InstanceEnvironment(["TOKEN": "secret-1"]))
            var commit = Commit(jobs: [.init(update(3))])
            commit.arrivedEnvironments = [id: Sample.jobID(3)]
            _ = try await store.commit(commit)
            #expect(try await store.environment(of: id) == new)
            #expect(try await store.environment(of: .waiting(for: Sample.jobID(3))) == InstanceEnvironment())
        }
    }

    @Test("Every field of an instance and of a job comes back as it was written", arguments: StoreKind.all)
    func fields(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            var instance = Sample.instance(1)
            instance.state = .running
            instance.endpoints = [Endpoint(port: 8080, protocol: .http, address: "https://example.com/a?b=c&d")]
            instance.upstream = UpstreamFacts(
                id: UpstreamID(rawValue: "m"), status: "running", error: "\u{1F4A5} \\ \"", observedAt: Sample.start)
            instance.debts = [Debt(upstreamID: UpstreamID(rawValue: "n"), hourlyPrice: MicroUSD(micros: .max), since: Sample.start)]
            instance.placement = nil
            instance.runningSince = Timestamp(microseconds: -1)
            var job = Sample.job(1)
            let placement = try #require(Sample.instance(1).placement)
            let attempt = CreateAttempt(number: 1, placement: placement, sentAt: Sample.start, callDeadline: Sample.time(30))
            job.step = .settle(attempt, absences: 1)
            job.attempts = [JobAttempt(number: 1, startedAt: Sample.start, step: "PLACE", error: "reset\n")]
            job.trace = TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: "a=1,b=\"")
            #expect(job.trace?.state.isEmpty == false)
            let committed = try await store.commit(Commit(instances: [instance], jobs: [.init(job)]))
            instance.revision = Revision(1)
            job.revision = Revision(2)
            #expect(committed.events.map(\.object) == [.instance(instance), .job(job)])
            #expect(try await store.instance(instance.id) == instance)
            #expect(try await store.job(job.id) == job)
        }
    }

    @Test(
        "Pages of history run newest first, without repeats or gaps, also over equal times, and keep to a tenant",
        arguments: StoreKind.all, [1, 2, 3, 7, 100])
    func pages(_ kind: StoreKind, _ pageSize: Int) async throws {
        try await kind.withStore { store in
            let other = TenantID(rawValue: "other")
            let createdAt: [Int64] = [5, 3, 3, 3, 9, 1, 3, 5]
            for (number, seconds) in createdAt.enumerated() {
                let tenant = number % 3 == 2 ? other : Sample.tenant
                let time = Sample.time(seconds)
                var commit = Commit(
                    instances: [Sample.instance(number, tenant: tenant, createdAt: time)],
                    jobs: [.init(Sample.job(number, tenant: tenant, createdAt: time))])
                if number == 4 { commit.instances[0] = commit.instances[0].deleted() }
                _ = try await store.commit(commit)
            }
            for (tenant, expected) in [(nil, [4, 7, 0, 6, 3, 2, 1, 5]), (other, [2, 5]), (Sample.tenant, [4, 7, 0, 6, 3, 1])] {
                let instances = try await self.walk(pageSize, tenant) { query in
                    try await store.instances(query).map { ($0.id.rawValue, $0.createdAt) }
                }
                let jobs = try await self.walk(pageSize, tenant) { query in
                    try await store.jobs(query).map { ($0.id.rawValue, $0.createdAt) }
                }
                #expect(instances == expected.map { "i-\($0)" })
                #expect(jobs == expected.map { "j-\($0)" })
            }
        }
    }

    private func walk(
        _ pageSize: Int, _ tenant: TenantID?, _ page: (HistoryQuery) async throws -> [(id: String, createdAt: Timestamp)]
    ) async throws -> [String] {
        var ids: [String] = []
        var query = HistoryQuery(tenant: tenant, limit: pageSize)
        while true {
            let found = try await page(query)
            #expect(found.count <= pageSize)
            ids += found.map(\.id)
            guard let last = found.last, ids.count < 100 else { return ids }
            query.after = HistoryCursor(createdAt: last.createdAt, id: last.id)
        }
    }

    @Test(
        "An opened database is what it was when it was closed, but for the leases, whose holder is gone with the old process",
        arguments: StoreKind.all)
    func reopening(_ kind: StoreKind) async throws {
        try await kind.withDatabase { database in
            var store = try await database.open()
            for number in 1...5 { _ = try await store.commit(Sample.creation(number)) }
            _ = try await store.commit(Commit(instances: [Sample.instance(2).deleted()], jobs: [.init(Sample.job(2).ended())]))
            _ = try await store.lease(LeaseRequest("held", at: 100, limit: 1))
            let before = try await StoreState(of: store)
            store = try await database.reopen()
            #expect(try await StoreState(of: store) == before)
            #expect(try await store.request(Sample.requestKey("r-2")) == Sample.request("r-2", instance: 2))
            await #expect(throws: StoreError.leaseLost(Sample.jobID(1))) {
                _ = try await store.commit(Commit(guards: [.lease(Sample.jobID(1), Sample.token("held"))]))
            }
            #expect(try await store.lease(LeaseRequest("new", at: 101)).jobs.map(\.id) == [1, 3, 4, 5].map(Sample.jobID))
        }
    }
}
