import Fleet
import StoreContract
import Testing

@Suite("Store contract: the log")
struct LogContractTests {
    /// A commit that writes `number`'s instance once more, as a worker would.
    private func change(_ number: Int, _ message: String) -> Commit {
        var instance = Sample.instance(number)
        instance.stateMessage = message
        return Commit(instances: [instance])
    }

    @Test("A commit's objects get the next revisions, instances first, and are answered and stored with them", arguments: StoreKind.all)
    func revisions(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let committed = try await store.commit(
                Commit(instances: [Sample.instance(2), Sample.instance(1)], jobs: [.init(Sample.job(2)), .init(Sample.job(1))]))
            #expect(committed.revision == Revision(4))
            #expect(committed.events.map(\.revision.number) == [1, 2, 3, 4])
            var expected = Sample.instance(1)
            expected.revision = Revision(2)
            #expect(committed.events[1].object == .instance(expected))
            #expect(try await store.instance(expected.id) == expected)
            #expect(try await store.job(Sample.jobID(1))?.revision == Revision(4))
            #expect(try await store.events(after: .zero, limit: 10) == committed.events)
            #expect(try await store.events(after: Revision(1), limit: 2) == Array(committed.events[1...2]))
            #expect(try await store.events(after: Revision(4), limit: 10) == [])
        }
    }

    @Test("An invisible write changes a job without a revision; a job's first write is always visible", arguments: StoreKind.all)
    func invisible(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let first = try await store.commit(Commit(jobs: [.init(Sample.job(1), isVisible: false)]))
            #expect(first.revision == Revision(1))
            #expect(first.events.count == 1)
            var job = Sample.job(1, dueAt: Sample.time(500))
            let second = try await store.commit(Commit(jobs: [.init(job, isVisible: false)]))
            #expect(second == Committed(revision: Revision(1), events: []))
            job.revision = Revision(1)
            #expect(try await store.job(job.id) == job)
            #expect(try await store.lease(LeaseRequest("a", at: 100)).nextDueAt == Sample.time(500))
        }
    }

    @Test(
        "Under concurrent commits revisions have no gap, each commit's are together, and the follower is told the log, in order",
        arguments: StoreKind.all)
    func concurrent(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let follower = RecordingFollower()
            let snapshot = try await store.attach(follower)
            #expect(snapshot.revision == .zero)
            try await withThrowingTaskGroup(of: Committed.self) { group in
                for number in 0..<100 {
                    let refused: [Guard] = number % 5 == 0 ? [.instance(InstanceID(rawValue: "none"), .zero)] : []
                    group.addTask {
                        do {
                            return try await store.commit(Sample.creation(number, guards: refused))
                        } catch StoreError.conflict where !refused.isEmpty {
                            return try await store.commit(Sample.creation(number))
                        }
                    }
                }
                for try await committed in group {
                    #expect(committed.events.map(\.revision) == [Revision(committed.revision.number - 1), committed.revision])
                }
            }
            let log = try await store.events(after: .zero, limit: 1000)
            #expect(log.map(\.revision.number) == Array(1...200))
            #expect(follower.events == log)
        }
    }

    @Test("When a commit returns, the follower has been told of it", arguments: StoreKind.all)
    func toldFirst(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let follower = RecordingFollower()
            _ = try await store.attach(follower)
            for number in 0..<20 {
                let committed = try await store.commit(Sample.creation(number))
                #expect(follower.events.suffix(2) == committed.events)
            }
        }
    }

    @Test("The snapshot and the events after it give the state, also when commits run meanwhile", arguments: StoreKind.all)
    func snapshotAndTail(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            _ = try await store.commit(Sample.creation(500))
            let gone = try await store.commit(Sample.creation(501)).events
            guard case .instance(let instance) = gone[0].object, case .job(let job) = gone[1].object else {
                Issue.record("unexpected events")
                return
            }
            _ = try await store.commit(Commit(instances: [instance.deleted()], jobs: [.init(job.ended())]))
            let follower = RecordingFollower()
            let snapshot = try await withThrowingTaskGroup(of: Snapshot?.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        _ = try await store.commit(Sample.creation(number))
                        if number % 2 == 0 { _ = try await store.commit(self.change(number, "changed")) }
                        if number % 3 == 0 {
                            let end = Commit(instances: [Sample.instance(number).deleted()], jobs: [.init(Sample.job(number).ended())])
                            _ = try await store.commit(end)
                        }
                        return nil
                    }
                    if number == 30 { group.addTask { try await store.attach(follower) } }
                }
                return try await group.reduce(nil) { $0 ?? $1 }
            }
            let begin = try #require(snapshot)
            #expect(begin.instances.allSatisfy { $0.isLiving })
            #expect(begin.jobs.allSatisfy { !$0.state.isFinal })
            var followed = Replay(begin)
            followed.apply(follower.events)
            #expect(try await store.events(after: begin.revision, limit: 1000) == follower.events)
            #expect(followed == Replay(try await store.attach(RecordingFollower())))
            #expect(followed.instances.count == 41)
        }
    }

    @Test("Trimming drops what is older than the time and not among the newest kept, in whatever batches", arguments: StoreKind.all)
    func trimming(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            for number in 1...60 {
                _ = try await store.commit(Commit(instances: [Sample.instance(number, createdAt: Sample.time(Int64(number)))]))
            }
            let cases: [(before: Int64, keeping: Int, oldest: Int64)] = [
                (before: 0, keeping: 0, oldest: 1), (before: 11, keeping: 0, oldest: 11), (before: 100, keeping: 40, oldest: 21),
                (before: 31, keeping: 5, oldest: 31), (before: 20, keeping: 0, oldest: 31),
            ]
            for (before, keeping, oldest) in cases {
                try await store.trimLog(before: Sample.time(before), keeping: keeping)
                #expect(try await store.events(after: Revision(oldest - 1), limit: 1).first?.revision == Revision(oldest))
                guard oldest > 1 else { continue }
                await #expect(throws: StoreError.revisionTrimmed(oldest: Revision(oldest))) {
                    try await store.events(after: Revision(oldest - 2), limit: 1)
                }
            }
        }
    }

    @Test("An emptied log goes on with the next revision", arguments: StoreKind.all)
    func emptied(_ kind: StoreKind) async throws {
        try await kind.withDatabase { database in
            var store = try await database.open()
            _ = try await store.commit(Sample.creation(1))
            try await store.trimLog(before: Sample.time(1_000_000), keeping: 0)
            #expect(try await store.events(after: Revision(2), limit: 10) == [])
            await #expect(throws: StoreError.revisionTrimmed(oldest: Revision(3))) { try await store.events(after: .zero, limit: 10) }
            store = try await database.reopen()
            #expect(try await store.commit(Commit(jobs: [.init(Sample.job(2))])).revision == Revision(3))
            #expect(try await store.events(after: Revision(2), limit: 10).count == 1)
        }
    }
}
