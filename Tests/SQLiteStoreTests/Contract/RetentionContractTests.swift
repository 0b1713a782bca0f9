import Fleet
import StoreContract
import Testing

@Suite("Store contract: retention of jobs")
struct RetentionContractTests {
    private static let day: Int64 = 86_400

    /// Jobs 1 to 6 end on days 1 to 6; job 7 never does; job 8 is the newest of an instance that lives.
    private static func fill(_ store: any Store) async throws {
        for number in 1...7 {
            let time = Sample.time(Int64(number) * self.day)
            let job = Sample.job(number, createdAt: time)
            let request = RequestRecord(
                key: Sample.requestKey("r-\(number)"), payloadDigest: [1], instanceID: InstanceID(rawValue: "i-\(number)"), jobID: job.id,
                createdAt: time)
            _ = try await store.commit(Commit(jobs: [.init(number == 7 ? job : job.ended(at: time))], request: request))
        }
        let living = Sample.instance(8, createdAt: Sample.time(0))
        _ = try await store.commit(
            Commit(instances: [living], jobs: [.init(Sample.job(8, createdAt: Sample.time(0)).ended(at: Sample.time(1)))]))
    }

    @Test(
        "Ended jobs go by age, or beyond the number that is kept; never an unfinished one, nor the newest of what lives",
        arguments: StoreKind.all,
        [
            (JobRetention(age: .seconds(10 * day), count: 100, ageMin: .zero), [1, 2, 3, 4, 5, 6, 7, 8]),
            (JobRetention(age: .seconds(5 * day + 1), count: 100, ageMin: .zero), [5, 6, 7, 8]),
            (JobRetention(age: .seconds(1), count: 100, ageMin: .zero), [7, 8]),
            (JobRetention(age: .seconds(100 * day), count: 4, ageMin: .zero), [5, 6, 7, 8]),
            (JobRetention(age: .seconds(100 * day), count: 0, ageMin: .seconds(7 * day)), [3, 4, 5, 6, 7, 8]),
        ])
    func retention(_ kind: StoreKind, _ rule: (JobRetention, [Int])) async throws {
        try await kind.withStore { store in
            try await Self.fill(store)
            try await store.trimJobs(rule.0, at: Sample.time(10 * Self.day))
            let kept = try await store.jobs(HistoryQuery(tenant: nil, limit: 100)).map(\.id)
            #expect(Set(kept) == Set(rule.1.map(Sample.jobID)))
            for number in 1...7 {
                let request = try await store.request(Sample.requestKey("r-\(number)"))
                #expect((request != nil) == (rule.1.contains(number)), "request \(number)")
            }
        }
    }

    @Test(
        "What an instance was bought with is kept as long as it lives: its request id buys nothing a second time",
        arguments: StoreKind.all)
    func purchases(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            let time = Sample.time(1)
            var instance = Sample.instance(1, createdAt: time)
            instance.jobID = Sample.jobID(2)
            let request = RequestRecord(
                key: Sample.requestKey("r-1"), payloadDigest: [1], instanceID: instance.id, jobID: Sample.jobID(1), createdAt: time)
            let jobs = [1, 2].map { Commit.JobWrite(Sample.job($0, of: 1, createdAt: time).ended(at: time)) }
            _ = try await store.commit(Commit(instances: [instance], jobs: jobs, request: request))
            let rule = JobRetention(age: .seconds(1), count: 0, ageMin: .zero)
            try await store.trimJobs(rule, at: Sample.time(90 * Self.day))
            #expect(try await store.request(Sample.requestKey("r-1")) != nil)
            instance.state = .deleted
            _ = try await store.commit(Commit(instances: [instance]))
            try await store.trimJobs(rule, at: Sample.time(90 * Self.day))
            #expect(try await store.request(Sample.requestKey("r-1")) == nil)
        }
    }

    @Test(
        "An ended instance goes by the age of its last change, with its environment; never one that lives or owes a machine",
        arguments: StoreKind.all)
    func instances(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            for number in 1...4 {
                var instance = Sample.instance(number, createdAt: Sample.time(0))
                if number != 3 { instance.state = .deleted }
                if number == 4 { instance.debts = [Debt(upstreamID: UpstreamID(rawValue: "m"), hourlyPrice: .zero, since: Sample.time(0))] }
                instance.updatedAt = Sample.time(number == 2 ? Self.day : 0)
                _ = try await store.commit(
                    Commit(instances: [instance], environments: [instance.id: InstanceEnvironment(["A": "1"])]))
            }
            try await store.trimInstances(before: Sample.time(Self.day))
            let kept = try await store.instances(HistoryQuery(tenant: nil, limit: 100)).map(\.id)
            #expect(Set(kept) == Set([2, 3, 4].map { Sample.instance($0, createdAt: Sample.time(0)).id }))
            for number in 1...4 {
                let environment = try await store.environment(of: Sample.instance(number, createdAt: Sample.time(0)).id)
                #expect(environment.values.isEmpty == (number == 1))
            }
        }
    }

    @Test("A paused queue begins nothing", arguments: StoreKind.all)
    func paused(_ kind: StoreKind) async throws {
        try await kind.withStore { store in
            var control = FleetControl()
            control.pause(.stopInstance, by: "op", reason: "r", at: Sample.start)
            _ = try await store.commit(Commit(control: control))
            let pause = try #require(control.pause(of: .stopInstance))
            await #expect(throws: StoreError.paused(pause)) { try await store.commit(Commit(guards: [.queueIsOpen(.stopInstance)])) }
            _ = try await store.commit(Commit(guards: [.queueIsOpen(.startInstance)]))
        }
    }
}
