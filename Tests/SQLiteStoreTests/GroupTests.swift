import Fleet
import SQLiteStore
import StoreContract
import Synchronization
import Testing

@Suite("Groups of operations")
struct GroupTests {
    @Test("In a group the refused one fails alone, later ones see the earlier, and the follower is told before anybody is answered")
    func group() async throws {
        try await withFile { file in
            let store = try file.openInline()
            let follower = RecordingFollower()
            _ = try await store.attach(follower)
            let answers = Mutex<[Result<Committed, StoreError>]>([])
            let name = Guard.nameIsFree(Sample.tenant, "name-1")
            let commits = [Sample.creation(1, guards: [name]), Sample.creation(1, guards: [name]), Sample.creation(2)]
            store.core.apply(
                try commits.map { commit in
                    BatchItem(try StoreOperation<Committed>.commit(commit)) { result in
                        #expect(follower.events.count == 4)
                        answers.withLock { $0.append(result) }
                    }
                })
            let results = answers.withLock { $0 }
            #expect(results.map { try? $0.get().revision.number } == [2, nil, 4])
            #expect(throws: StoreError.nameTaken(InstanceID(rawValue: "i-1"))) { try results[1].get() }
            #expect(try await store.events(after: .zero, limit: 10) == follower.events)
            store.close()
        }
    }

    @Test("A refused operation leaves nothing in the transaction that others share, whatever it wrote before it was refused")
    func undone() async throws {
        try await withFile { file in
            let store = try file.openInline()
            _ = try await store.commit(Sample.creation(1))
            let follower = RecordingFollower()
            _ = try await store.attach(follower)
            var late = Sample.creation(2)
            late.request = Sample.request("r-1")
            let commits = [late, Sample.creation(3)]
            store.core.apply(try commits.map { BatchItem(try StoreOperation<Committed>.commit($0)) { _ in } })
            #expect(try await store.instances(HistoryQuery(tenant: nil, limit: 10)).map(\.id.rawValue) == ["i-3", "i-1"])
            #expect(follower.events.map(\.revision.number) == [3, 4])
            #expect(try await store.events(after: Revision(2), limit: 10) == follower.events)
            store.close()
        }
    }

    @Test("A refused operation without company leaves nothing either, and the next one begins anew", arguments: [true, false])
    func undoneAlone(isPerformed: Bool) async throws {
        try await withFile { file in
            let store = try file.openInline()
            _ = try await store.commit(Sample.creation(1))
            let follower = RecordingFollower()
            _ = try await store.attach(follower)
            var late = Sample.creation(2)
            late.request = Sample.request("r-1")
            let operation = try StoreOperation<Committed>.commit(late)
            let refusal = StoreError.requestExists(Sample.request("r-1"))
            if isPerformed {
                #expect(throws: refusal) { try store.core.perform(operation) }
            } else {
                let answers = Mutex<[Result<Committed, StoreError>]>([])
                store.core.apply([BatchItem(operation) { result in answers.withLock { $0.append(result) } }])
                #expect(answers.withLock { $0.count } == 1)
                #expect(throws: refusal) { try answers.withLock { $0 }.first?.get() }
            }
            #expect(follower.events.isEmpty)
            let committed = try await store.commit(Sample.creation(3))
            #expect(committed.events.map(\.revision.number) == [3, 4] && follower.events == committed.events)
            #expect(try await store.instances(HistoryQuery(tenant: nil, limit: 10)).map(\.id.rawValue) == ["i-3", "i-1"])
            #expect(try await store.events(after: Revision(2), limit: 10) == committed.events)
            store.close()
        }
    }

    @Test("The ceilings hold within a group: each operation counts what the ones before it did, and not what was refused")
    func ceilings() async throws {
        try await withFile { file in
            let store = try file.openInline()
            let guards: [Guard] = [.ceilings(Ceilings(maxInstances: 2, maxHourlySpend: .dollars(2)))]
            func write(_ instance: Instance) -> Commit { Commit(guards: guards, instances: [instance]) }
            let commits = [
                write(Sample.instance(1)), write(Sample.instance(9, name: "name-1")), write(Sample.instance(2)),
                write(Sample.instance(3)), write(Sample.instance(1)),
                write(Sample.instance(2).deleted()), write(Sample.instance(4, price: MicroUSD(micros: 1_000_001))),
                write(Sample.instance(5)), write(Sample.instance(6)),
            ]
            let passed = Mutex<[Bool]>([])
            store.core.apply(
                try commits.map { commit in
                    BatchItem(try StoreOperation<Committed>.commit(commit)) { result in
                        passed.withLock { $0.append((try? result.get()) != nil) }
                    }
                })
            #expect(passed.withLock { $0 } == [true, false, true, false, true, true, false, true, false])
            store.close()
        }
    }

    @Test("Concurrent commits share transactions, within the named limit")
    func sharing() async throws {
        try await withFile { file in
            var limits = SQLiteLimits()
            limits.groupOperationsMax = 8
            let store = try file.open(isDurable: true, limits: limits)
            await withTaskGroup { group in
                for number in 0..<200 { group.addTask { _ = try? await store.commit(Sample.creation(number)) } }
            }
            #expect(try await store.instances(HistoryQuery(tenant: nil, limit: 1000)).count == 200)
            await store.close()
            let statistics = store.statistics
            #expect(statistics.operationLatency.count == 201)
            #expect(statistics.groupSize.sum == 201)
            #expect(statistics.groupSize.count < 200)
            #expect(statistics.groupSize.counts[4...].allSatisfy { $0 == 0 }, "no group above 8")
            #expect(statistics.queued == 0)
        }
    }

    @Test("A cancelled caller's commit is applied all the same, and the caller learns so")
    func cancelled() async throws {
        try await withFile { file in
            let store = try file.open()
            let committed = await withTaskGroup(of: Committed?.self) { group in
                group.cancelAll()
                group.addTask { try? await store.commit(Sample.creation(1)) }
                return await group.next() ?? nil
            }
            #expect(committed?.revision == Revision(2))
            #expect(try await store.instance(InstanceID(rawValue: "i-1")) != nil)
            await store.close()
        }
    }

    @Test("Beyond the limit of what may wait a caller is refused at once and nothing of it is stored", arguments: [true, false])
    func full(byCount: Bool) async throws {
        try await withFile { file in
            var limits = SQLiteLimits()
            limits.queuedOperationsMax = byCount ? 20 : .max
            limits.queuedBytesMax = byCount ? .max : 20_000
            limits.groupOperationsMax = 1
            let store = try file.open(isDurable: true, limits: limits)
            let outcomes = await withTaskGroup(of: (Int, Result<Committed, StoreError>).self) { group in
                for number in 0..<400 {
                    group.addTask {
                        do throws(StoreError) {
                            return (number, .success(try await store.commit(Sample.creation(number))))
                        } catch {
                            return (number, .failure(error))
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let refused = outcomes.filter { $0.1 == .failure(.unavailable("too many operations wait for the store")) }
            let stored = try await store.instances(HistoryQuery(tenant: nil, limit: 1000)).map(\.id.rawValue)
            await store.close()
            #expect(!refused.isEmpty)
            #expect(store.statistics.refused == refused.count)
            #expect(stored.count + refused.count == 400)
            #expect(Set(stored).isDisjoint(with: refused.map { "i-\($0.0)" }))
        }
    }
}
