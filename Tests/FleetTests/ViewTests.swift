import Fleet
import Synchronization
import TestSupport
import Testing

@Suite("Read model")
struct ViewTests {
    private func event(_ revision: Int64, _ change: (inout Instance) -> Void) -> Event {
        var instance = Instance.sample()
        instance.revision = Revision(revision)
        change(&instance)
        return Event(revision: Revision(revision), object: .instance(instance))
    }

    private func event(_ revision: Int64, job: Job) -> Event {
        Event(revision: Revision(revision), object: .job(job))
    }

    @Test("Reads are by id and by name; a name goes with the instance that is not final")
    func reading() {
        let view = View()
        view.committed([self.event(1) { _ in }])
        #expect(view.instance(InstanceID(rawValue: "i-1"))?.revision == Revision(1))
        #expect(view.instance(named: "one", of: .default)?.id.rawValue == "i-1")
        #expect(view.instance(named: "one", of: TenantID(rawValue: "other")) == nil)
        view.committed([self.event(2) { $0.name = "two" }])
        #expect(view.instance(named: "one", of: .default) == nil && view.instance(named: "two", of: .default) != nil)
        view.committed([
            self.event(3) {
                $0.name = "two"
                $0.state = .deleted
            }
        ])
        #expect(view.instance(named: "two", of: .default) == nil)
        #expect(view.instance(InstanceID(rawValue: "i-1"))?.state == .deleted, "who waits for the end can read it")
        #expect(view.livingInstances().instances.isEmpty && view.livingInstances().revision == Revision(3))
    }

    @Test("A final instance lives on while it has debts")
    func debts() {
        let view = View()
        let debt = Debt(upstreamID: UpstreamID(rawValue: "m2"), hourlyPrice: .zero, since: noon)
        view.committed([
            self.event(1) {
                $0.state = .deleted
                $0.debts = [debt]
            }
        ])
        #expect(view.livingInstances().instances.count == 1)
        #expect(view.instance(named: "one", of: .default) == nil)
        view.committed([self.event(2) { $0.state = .deleted }])
        #expect(view.livingInstances().instances.isEmpty)
    }

    @Test("What all of them cost an hour follows every change")
    func hourlySpend() {
        let view = View()
        let own = Instance.sample().liableHourlySpend.micros
        let debt = Debt(upstreamID: UpstreamID(rawValue: "m2"), hourlyPrice: .dollars(1), since: noon)
        func second(_ revision: Int64, _ change: (inout Instance) -> Void = { _ in }) -> Event {
            var instance = Instance(
                id: InstanceID(rawValue: "i-2"), name: "two", tenant: .default, spec: .small, placement: .standard, createdAt: noon)
            instance.revision = Revision(revision)
            change(&instance)
            return Event(revision: Revision(revision), object: .instance(instance))
        }
        func ended(_ revision: Int64, debts: [Debt]) -> Event { self.event(revision) { ($0.state, $0.debts) = (.deleted, debts) } }
        let steps: [(Event, Int64)] = [
            (self.event(1) { _ in }, own), (self.event(2) { _ in }, own), (second(3), 2 * own),
            (self.event(4) { $0.debts = [debt] }, 2 * own + 1_000_000), (ended(5, debts: [debt]), own + 1_000_000),
            (ended(6, debts: []), own), (second(7) { $0.placement = nil }, 0),
        ]
        for (event, micros) in steps {
            view.committed([event])
            #expect(view.billedHourlySpend == MicroUSD(micros: micros), "at revision \(event.revision.number)")
            #expect(view.billedHourlySpend == view.livingInstances().instances.reduce(.zero) { $0 + $1.billedHourlySpend })
        }
    }

    @Test("Living instances are listed in the order of their creation, whatever the order of their changes")
    func order() {
        let view = View()
        for (revision, number) in [3, 1, 2].enumerated() {
            let instance = Instance(
                id: InstanceID(rawValue: "i-\(number)"), name: "n\(number)", tenant: .default, spec: .small,
                createdAt: noon + .seconds(number))
            view.committed([Event(revision: Revision(Int64(revision + 1)), object: .instance(instance))])
        }
        #expect(view.livingInstances().instances.map(\.id.rawValue) == ["i-1", "i-2", "i-3"])
        view.committed([self.event(3) { $0.state = .deleted }])
        #expect(view.livingInstances().instances.count == 3, "what was there before is not applied again")
    }

    @Test("Unfinished jobs of an instance come in the order of creation; an ended one stays readable")
    func jobs() {
        let view = View()
        var first = Job.sample(.stopInstance, .confirm, id: "j-1")
        view.committed([
            self.event(1, job: .sample(.startInstance, .send, id: "j-2", createdAt: noon + .seconds(1))), self.event(2, job: first),
        ])
        #expect(view.unfinishedJobs(of: InstanceID(rawValue: "i-1")).map(\.id.rawValue) == ["j-1", "j-2"])
        #expect(view.machinesAwaited == 1)
        first.state = .succeeded
        first.step = .end
        view.committed([self.event(3, job: first)])
        #expect(view.unfinishedJobs(of: InstanceID(rawValue: "i-1")).map(\.id.rawValue) == ["j-2"])
        #expect(view.job(first.id)?.state == .succeeded && view.machinesAwaited == 0)
    }

    @Test("A watcher is given what follows its position; one that fell far behind gets the latest of each and how many it stands for")
    func watching() throws {
        let view = View()
        for revision in 1...3 { view.committed([self.event(Int64(revision)) { _ in }]) }
        let near = try #require(try view.changes(after: Revision(1), everyChange: true) { _ in true })
        #expect(near.changes.map(\.event.revision.number) == [2, 3] && near.changes.allSatisfy { $0.changeCount == 1 })
        for revision in 4...2000 { view.committed([self.event(Int64(revision)) { _ in }]) }
        let far = try #require(try view.changes(after: Revision(1), everyChange: false) { _ in true })
        #expect(far.changes.map(\.event.revision.number) == [2000] && far.changes.map(\.changeCount) == [1999])
        let slow = #expect(throws: FleetError.self) { try view.changes(after: Revision(1), everyChange: true) { _ in true } }
        #expect(slow?.code == .watchTooSlow)
        let future = #expect(throws: FleetError.self) { try view.changes(after: Revision(2001), everyChange: true) { _ in true } }
        #expect(future?.code == .unknownHistory)
    }

    @Test("What has fallen out of memory must be read from the log")
    func fallenOut() throws {
        let view = View()
        for revision in 1...9000 { view.committed([self.event(Int64(revision)) { _ in }]) }
        #expect(try view.changes(after: Revision(1), everyChange: false) { _ in true } == nil)
        #expect(try view.changes(after: Revision(8999), everyChange: false) { _ in true }?.changes.count == 1)
    }

    @Test("A waiting watcher is woken by a commit, and by being cancelled")
    func waiting() async throws {
        let view = View()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await view.wait(after: .zero) }
            while view.revision == .zero {
                await Task.yield()
                view.committed([self.event(1) { _ in }])
            }
            try await group.next()
            group.addTask { try await view.wait(after: Revision(1)) }
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
    }
}
