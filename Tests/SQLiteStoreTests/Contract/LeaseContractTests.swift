import Fleet
import StoreContract
import Testing

@Suite("Store contract: leases")
struct LeaseContractTests {
    private func commit(_ jobs: [Job], to store: any Store) async throws {
        _ = try await store.commit(Commit(jobs: jobs.map { .init($0) }))
    }

    @Test(
        "Due jobs are leased in order of due time, at most as many as asked for, and the rest tells when to ask again",
        arguments: StoreKind.all)
    func order(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let dueAt: [Int64] = [50, 10, 40, 20, 30, 500]
            try await self.commit(dueAt.enumerated().map { Sample.job($0, dueAt: Sample.time($1)) }, to: store)
            let first = try await store.lease(LeaseRequest("a", at: 100, limit: 2))
            #expect(first.jobs.map(\.id) == [1, 3].map(Sample.jobID))
            #expect(first.nextDueAt == Sample.time(30))
            let second = try await store.lease(LeaseRequest("b", at: 100, limit: 10))
            #expect(second.jobs.map(\.id) == [4, 2, 0].map(Sample.jobID))
            #expect(second.nextDueAt == Sample.time(130), "the first leases end before the last job is due")
            #expect(try await store.lease(LeaseRequest("c", at: 100)) == Leased(jobs: [], nextDueAt: Sample.time(130)))
        }
    }

    @Test("What ends spending is leased before everything else that is due, however long that has waited", arguments: StoreKind.all)
    func priorities(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let types: [JobType] = [.createInstance, .startInstance, .deleteInstance, .updateInstance, .stopInstance, .deleteInstance]
            let dueAt: [Int64] = [10, 20, 40, 5, 30, 500]
            try await self.commit(
                types.enumerated().map { Sample.job($0, type: $1, dueAt: Sample.time(dueAt[$0])) }, to: store)
            #expect(try await store.lease(LeaseRequest("a", at: 100, limit: 1)).jobs.map(\.id) == [Sample.jobID(4)])
            #expect(try await store.lease(LeaseRequest("b", at: 100, limit: 3)).jobs.map(\.id) == [2, 3, 0].map(Sample.jobID))
            #expect(try await store.lease(LeaseRequest("c", at: 100)).jobs.map(\.id) == [Sample.jobID(1)])
        }
    }

    @Test("Of a type without room no job is leased, those behind it are, and it is no reason to ask again", arguments: StoreKind.all)
    func room(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let types: [JobType] = [.deleteInstance, .deleteInstance, .stopInstance, .deleteInstance, .createInstance, .createInstance]
            try await self.commit(
                types.enumerated().map { Sample.job($0, type: $1, dueAt: Sample.time(Int64(10 + $0))) }, to: store)
            var request = LeaseRequest("a", at: 100, limit: 4)
            request.room = [.deleteInstance: 2, .createInstance: 1]
            let first = try await store.lease(request)
            #expect(first.jobs.map(\.id) == [0, 1, 2, 4].map(Sample.jobID))
            request = LeaseRequest("b", at: 100, limit: 4)
            request.room = [.deleteInstance: 0, .createInstance: 0]
            let none = try await store.lease(request)
            #expect(
                none.jobs == [] && none.nextDueAt == Sample.time(130), "the lease of the stop ends; what holds the others ends with a step")
            request.room = [.deleteInstance: 0]
            #expect(try await store.lease(request).jobs.map(\.id) == [Sample.jobID(5)])
            #expect(try await store.lease(LeaseRequest("c", at: 100)).jobs.map(\.id) == [Sample.jobID(3)])
        }
    }

    @Test("Steps that look beyond their room wait, those that ask for something are leased before them", arguments: StoreKind.all)
    func lookRoom(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let steps: [JobStep] = [.boot, .confirm, Sample.settling, .place, .send, .confirm, .confirm, .confirm]
            let types = Array(repeating: JobType.createInstance, count: 6) + [.deleteInstance, .stopInstance]
            try await self.commit(
                zip(steps, types).enumerated().map { number, kind in
                    var job = Sample.job(number, type: kind.1, dueAt: Sample.time(Int64(10 + number)))
                    job.step = kind.0
                    return job
                }, to: store)
            var request = LeaseRequest("a", at: 100, limit: 4)
            request.lookRoom = [0: 2, 1: 1]
            #expect(
                try await store.lease(request).jobs.map(\.id) == [6, 7, 3, 4].map(Sample.jobID), "deletes and stops have all of it first")
            request = LeaseRequest("b", at: 100)
            request.lookRoom = [0: 1, 1: 0]
            let none = try await store.lease(request)
            #expect(none.jobs == [] && none.nextDueAt == Sample.time(130), "a step that ends makes room")
            request.lookRoom = [0: 5, 1: 2]
            #expect(try await store.lease(request).jobs.map(\.id) == [0, 1].map(Sample.jobID))
            request.lookRoom = [0: 1, 1: 2]
            #expect(try await store.lease(request).jobs.map(\.id) == [Sample.jobID(2)], "all together have no more")
            #expect(try await store.lease(LeaseRequest("c", at: 100)).jobs.map(\.id) == [Sample.jobID(5)])
        }
    }

    @Test("A job is due from its due time on", arguments: StoreKind.all)
    func dueTime(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            #expect(try await store.lease(LeaseRequest("a", at: 0)) == Leased(jobs: [], nextDueAt: nil))
            let job = Sample.job(1, dueAt: Sample.time(50))
            try await self.commit([job], to: store)
            var early = LeaseRequest("a", at: 50)
            early.now.microseconds -= 1
            #expect(try await store.lease(early) == Leased(jobs: [], nextDueAt: job.dueAt))
            #expect(try await store.lease(LeaseRequest("a", at: 50)).jobs.map(\.id) == [job.id])
        }
    }

    @Test("A leased job is given to nobody else until its lease ends", arguments: StoreKind.all)
    func expiry(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            try await self.commit([Sample.job(1)], to: store)
            _ = try await store.lease(LeaseRequest("a", at: 100, for: .seconds(30)))
            #expect(try await store.lease(LeaseRequest("b", at: 129)) == Leased(jobs: [], nextDueAt: Sample.time(130)))
            #expect(try await store.lease(LeaseRequest("b", at: 130)).jobs.map(\.id) == [Sample.jobID(1)])
        }
    }

    @Test("A worker whose lease went to another cannot commit; the other can", arguments: StoreKind.all)
    func fencing(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            try await self.commit([Sample.job(1)], to: store)
            let job = try #require(try await store.lease(LeaseRequest("stale", at: 100)).jobs.first)
            _ = try await store.lease(LeaseRequest("fresh", at: 200))
            let stale = Commit(guards: [.lease(job.id, Sample.token("stale"))], jobs: [.init(job.ended(.failed))])
            await #expect(throws: StoreError.leaseLost(job.id)) { try await store.commit(stale) }
            _ = try await store.commit(Commit(guards: [.lease(job.id, Sample.token("fresh"))], jobs: [.init(job.ended())]))
            #expect(try await store.job(job.id)?.state == .succeeded)
        }
    }

    @Test("Of many workers that lease at once each due job goes to exactly one", arguments: StoreKind.all)
    func exclusivity(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            try await self.commit((0..<40).map { Sample.job($0) }, to: store)
            let given = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for worker in 0..<16 {
                    group.addTask { try await store.lease(LeaseRequest("w-\(worker)", at: 100, limit: 3)).jobs.map(\.id) }
                }
                return try await group.reduce([], +)
            }
            #expect(given.count == 40)
            #expect(Set(given).count == 40)
        }
    }

    @Test("Renewing extends a lease and names those that were lost", arguments: StoreKind.all)
    func renewing(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            try await self.commit([Sample.job(1), Sample.job(2), Sample.job(3)], to: store)
            _ = try await store.lease(LeaseRequest("a", at: 100, limit: 1))
            _ = try await store.lease(LeaseRequest("b", at: 100, limit: 1))
            let jobs = [1, 2, 3, 99].map(Sample.jobID)
            let lost = try await store.renew(jobs, token: Sample.token("a"), until: Sample.time(500))
            #expect(lost == [2, 3, 99].map(Sample.jobID))
            let later = try await store.lease(LeaseRequest("c", at: 499))
            #expect(later.jobs.map(\.id) == [2, 3].map(Sample.jobID))
            #expect(later.nextDueAt == Sample.time(500))
        }
    }

    @Test(
        "Jobs of one instance run one at a time, in the order in which they were made, whatever their due times",
        arguments: StoreKind.all)
    func blocking(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let create = Sample.job(1, of: 1, dueAt: Sample.time(300))
            let delete = Sample.job(2, of: 1, type: .deleteInstance, dueAt: Sample.time(10), createdAt: create.createdAt)
            try await self.commit([create], to: store)
            try await self.commit([delete], to: store)
            #expect(try await store.lease(LeaseRequest("a", at: 100)) == Leased(jobs: [], nextDueAt: Sample.time(300)))
            let leased = try await store.lease(LeaseRequest("a", at: 300))
            #expect(leased.jobs.map(\.id) == [create.id])
            #expect(leased.nextDueAt == nil, "the blocked job is not due before the other has ended")
            _ = try await store.commit(Commit(guards: [.lease(create.id, Sample.token("a"))], jobs: [.init(create.ended())]))
            #expect(try await store.lease(LeaseRequest("b", at: 301)).jobs.map(\.id) == [delete.id])
        }
    }

    @Test("An older job that the domain ended blocks no longer, and its worker is fenced", arguments: StoreKind.all)
    func superseded(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let create = Sample.job(1, of: 1)
            try await self.commit([create], to: store)
            _ = try await store.lease(LeaseRequest("a", at: 100))
            try await self.commit([create.ended(.cancelled), Sample.job(2, of: 1, type: .deleteInstance)], to: store)
            #expect(try await store.lease(LeaseRequest("b", at: 100)).jobs.map(\.id) == [Sample.jobID(2)])
            let late = Commit(guards: [.lease(create.id, Sample.token("a"))], jobs: [.init(create.ended())])
            await #expect(throws: StoreError.leaseLost(create.id)) { try await store.commit(late) }
        }
    }

    @Test("A commit ends the lease of a job it writes, unless it keeps it; an ended job never keeps one", arguments: StoreKind.all)
    func keeping(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            try await self.commit([Sample.job(1)], to: store)
            let job = try #require(try await store.lease(LeaseRequest("a", at: 100)).jobs.first)
            let guards: [Guard] = [.lease(job.id, Sample.token("a"))]
            _ = try await store.commit(Commit(guards: guards, jobs: [.init(job, keepsLease: true)]))
            #expect(try await store.lease(LeaseRequest("b", at: 101)).jobs.isEmpty)
            _ = try await store.commit(Commit(guards: guards, jobs: [.init(job)]))
            await #expect(throws: StoreError.leaseLost(job.id)) { try await store.commit(Commit(guards: guards)) }
            #expect(try await store.lease(LeaseRequest("a", at: 102)).jobs.map(\.id) == [job.id])
            _ = try await store.commit(Commit(guards: guards, jobs: [.init(job.ended(), keepsLease: true)]))
            await #expect(throws: StoreError.leaseLost(job.id)) { try await store.commit(Commit(guards: guards)) }
            #expect(try await store.lease(LeaseRequest("b", at: 500)) == Leased(jobs: [], nextDueAt: nil))
        }
    }
}
