import Testing

@testable import Fleet

@Suite("Admission")
struct AdmissionTests {
    private let admission = Admission(settings: FleetSettings())
    private let occasion = Admission.Occasion.sample()

    private func planner(_ products: [Product]) -> Planner {
        Planner(
            catalogue: Catalogue(
                products: products, clusters: [Cluster(id: "us-ca-6", name: "US-CA-06", productNames: [])], fetchedAt: noon),
            cooldowns: Cooldowns(), defaultRegion: nil)
    }

    private func change(
        _ change: Admission.Change, _ instance: Instance, _ jobs: [Job] = [], expected: Revision? = nil, force: Bool = false
    ) throws(FleetError) -> Admission.Admitted {
        try self.admission.change(
            change, Admission.Subject(instance: instance, jobs: jobs), expectedRevision: expected, force: force, on: self.occasion)
    }

    @Test("A create is one commit: intent, job, request id, environment, under name, id and ceilings")
    func create() throws {
        let new = Admission.NewInstance(tenant: .default, name: "", spec: .small, environment: InstanceEnvironment(["B": "2", "A": "1"]))
        let admitted = try self.admission.create(new, planner: self.planner([.sample("4090", "RTX 4090 24GB")]), on: self.occasion)
        #expect(
            admitted.commit.guards == [
                .requestIsNew(self.occasion.request), .permitted(.begin), .nameIsFree(.default, "i-new"),
                .ceilings(FleetSettings().ceilings),
            ])
        #expect(admitted.instance.state == .pending && admitted.instance.name == "i-new" && admitted.instance.jobID == admitted.job.id)
        #expect(admitted.instance.placement?.hourlyPrice == MicroUSD(micros: 350_000))
        #expect(admitted.instance.spec.environmentNames == ["A", "B"])
        #expect(admitted.job.step == .place && admitted.job.dueAt == noon)
        #expect(admitted.commit.environments[admitted.instance.id] == new.environment)
        #expect(admitted.commit.request?.instanceID == admitted.instance.id)
    }

    @Test("A principal with ceilings of its own is held to them in the same commit")
    func ownCeilings() throws {
        let ceilings = Ceilings(maxInstances: 2, maxHourlySpend: .dollars(3))
        let owner = Owner(principal: PrincipalID(rawValue: "ann"), ceilings: ceilings)
        let planner = self.planner([.sample("4090", "RTX 4090 24GB")])
        let new = Admission.NewInstance(tenant: .default, owner: owner, name: "x", spec: .small)
        let admitted = try self.admission.create(new, planner: planner, on: self.occasion)
        #expect(admitted.commit.guards.last == .ownCeilings(ceilings, owner.principal) && admitted.instance.owner == owner)
        let free = Admission.NewInstance(tenant: .default, owner: Owner(principal: owner.principal), name: "x", spec: .small)
        #expect(
            try self.admission.create(free, planner: planner, on: self.occasion).commit.guards.last == .ceilings(FleetSettings().ceilings))
    }

    @Test("What does not fit is told apart from what is out of stock")
    func refusals() {
        func code(_ product: Product, _ spec: InstanceSpec = .small) -> FleetError.Code? {
            #expect(throws: FleetError.self) {
                try self.admission.create(
                    Admission.NewInstance(tenant: .default, name: "x", spec: spec), planner: self.planner([product]), on: self.occasion)
            }?.code
        }
        #expect(code(.sample("4090", "RTX 4090 24GB", isAvailable: false)) == .noCapacity)
        #expect(code(.sample("4090", "RTX 4090 24GB", price: nil)) == .noCandidate)
        #expect(code(.sample("other", "Other")) == .invalidArgument)
        #expect(code(.sample("4090", "RTX 4090 24GB", maxDiskGB: 40)) == .invalidArgument)
    }

    @Test("A delete that was automatic is obeyed once somebody asks for it: brake and freeze no longer hold it")
    func claimedDelete() throws {
        var job = Job.sample(.deleteInstance, .send)
        job.cause = .startupTimeout
        let admitted = try self.change(.delete, .sample(.deleting), [job])
        #expect(admitted.job.id == job.id && admitted.job.cause == nil)
        #expect(
            admitted.commit.jobs.map(\.job.cause) == [nil]
                && admitted.commit.guards.contains(.instance(.init(rawValue: "i-1"), Revision(7))))
        job.cause = nil
        #expect(try self.change(.delete, .sample(.deleting), [job]).commit.jobs.isEmpty, "nothing changes for one that was asked for")
    }

    @Test("An instance whose create was never sent ends at once, without a call")
    func deleteUnsent() throws {
        let instance = Instance.sample(.pending, upstream: nil)
        let admitted = try self.change(.delete, instance, [.sample(.createInstance, .place)])
        #expect(admitted.instance.state == .deleted)
        #expect(admitted.job.state == .succeeded)
        #expect(admitted.commit.jobs.map(\.job.state) == [.cancelled, .succeeded])
        #expect(admitted.commit.guards.contains(.instance(instance.id, instance.revision)))
    }

    @Test("A delete waits behind a create whose outcome is open")
    func deleteUnsettled() throws {
        let attempt = CreateAttempt(number: 1, placement: .standard, sentAt: noon, callDeadline: noon + .seconds(30))
        let admitted = try self.change(
            .delete, .sample(.pending, upstream: nil), [.sample(.createInstance, .settle(attempt, absences: 0))])
        #expect(admitted.instance.state == .deleting && admitted.instance.desiredState == .deleted)
        #expect(admitted.commit.jobs.map(\.job.id.rawValue) == ["j-new"], "the create goes on")
        #expect(!admitted.job.state.isFinal)
    }

    @Test("A delete takes the place of everything whose outcome can't cost money", arguments: [JobStep.boot, .send, .confirm])
    func deleteSupersedes(_ step: JobStep) throws {
        let admitted = try self.change(.delete, .sample(.provisioning), [.sample(.startInstance, step)])
        #expect(admitted.commit.jobs.map(\.job.state) == [.cancelled, .ready])
        #expect(admitted.commit.jobs.first?.job.errorReason == "SUPERSEDED")
    }

    @Test("Deletion protection holds until somebody says force; expected revisions are compared")
    func protection() throws {
        var instance = Instance.sample()
        instance.deletionProtection = true
        #expect(throws: FleetError.self) { try self.change(.delete, instance) }
        #expect(try self.change(.delete, instance, force: true).job.type == .deleteInstance)
        let mismatch = #expect(throws: FleetError.self) { try self.change(.stop, instance, expected: Revision(6)) }
        #expect(mismatch?.code == .revisionMismatch)
        #expect(try self.change(.stop, instance, expected: Revision(7)).job.type == .stopInstance)
    }

    @Test(
        "What is so already is done at once",
        arguments: [(Admission.Change.start, InstanceState.running), (.stop, .stopped), (.delete, .deleted), (.delete, .failed)])
    func idempotent(_ change: Admission.Change, _ state: InstanceState) throws {
        var instance = Instance.sample(state)
        instance.upstream?.observedAt = noon - .seconds(9)
        let admitted = try self.change(change, instance)
        #expect(admitted.job.state == .succeeded && admitted.instance.state == state)
    }

    @Test("A stop asks though the machine was seen stopped a while ago: it may run since, and be billed")
    func oldSight() throws {
        var instance = Instance.sample(.stopped, status: "exited")
        instance.upstream?.observedAt = noon - .seconds(10)
        #expect(try self.change(.stop, instance).job.state == .ready)
    }

    @Test(
        "Who starts what is being started anyhow has started it: what was to stop it before does not",
        arguments: [nil, JobCause.spotReclaim])
    func joinedStart(_ cause: JobCause?) throws {
        var (instance, job) = (Instance.sample(.starting, status: "exited"), Job.sample(.startInstance, .confirm))
        (instance.policies, job.cause) = (InstancePolicies(stopAt: noon - .seconds(60)), cause)
        let joined = try self.change(.start, instance, [job])
        #expect(joined.job.id == job.id && joined.instance.startAskedAt == noon && joined.instance.touchedAt == noon)
        #expect(joined.commit.instances == [joined.instance])
        #expect(joined.commit.jobs.map(\.job.cause) == (cause == nil ? [] : [nil]))
    }

    @Test("The same change that is under way already is joined, not repeated", arguments: Admission.Change.allCases)
    func joined(_ change: Admission.Change) throws {
        let job = try self.change(change, .sample(change == .start ? .stopping : .restarting), []).job
        var busy = job
        busy.step = .confirm
        let again = try self.change(change, .sample(.restarting), [busy])
        #expect(again.job.id == job.id && again.commit.jobs.isEmpty)
        #expect(again.commit.request?.jobID == job.id)
    }

    @Test("A newer wish takes the place of one that was not sent, and waits behind one that was")
    func supersede() throws {
        let unsent = try self.change(.stop, .sample(), [.sample(.startInstance, .send)])
        #expect(unsent.commit.jobs.map(\.job.state) == [.cancelled, .ready])
        let sent = try self.change(.start, .sample(.stopping), [.sample(.stopInstance, .confirm)])
        #expect(sent.commit.jobs.map(\.job.id.rawValue) == ["j-new"])
        #expect(sent.job.createdAt > noon, "after the one before it")
    }

    @Test("A wish that was called in vain may still take effect: a newer one waits behind it, whatever the machine shows")
    func attempted() throws {
        var start = Job.sample(.startInstance, .send)
        start.attemptCount = 1
        start.callsTaken = 1
        let stop = try self.change(.stop, .sample(.stopped, status: "exited"), [start])
        #expect(stop.commit.jobs.map(\.job.id.rawValue) == ["j-new"] && stop.job.state == .waiting)
    }

    @Test("A call that certainly did nothing is none: a newer wish takes the place of what made it")
    func inVain() throws {
        var stop = Job.sample(.stopInstance, .send)
        (stop.attemptCount, stop.firstSentAt) = (1, noon - .seconds(10))
        let start = try self.change(.start, .sample(.running), [stop])
        #expect(start.commit.jobs.map(\.job.state).first == .cancelled)
        stop.callsTaken = nil
        #expect(try self.change(.start, .sample(.running), [stop]).commit.jobs.count == 1, "a row that does not say it")
    }

    @Test("What a batch stops is what runs, what is on its way, and what would be wanted back")
    func stoppable() {
        var reclaimed = Instance.sample(.stopped, status: "exited")
        #expect(Admission.Subject(instance: reclaimed, jobs: []).canBeStopped)
        reclaimed.desiredState = .stopped
        #expect(!Admission.Subject(instance: reclaimed, jobs: []).canBeStopped)
        #expect(Admission.Subject(instance: reclaimed, jobs: [.sample(.startInstance, .confirm)]).canBeStopped)
        #expect(Admission.Subject(instance: .sample(), jobs: []).canBeStopped)
    }

    @Test(
        "While anything is on its way nothing is so already",
        arguments: [(Admission.Change.stop, InstanceState.stopped), (.start, .running)])
    func unfinished(_ change: Admission.Change, _ state: InstanceState) throws {
        let admitted = try self.change(change, .sample(state), [.sample(.restartInstance, .send)])
        #expect(admitted.commit.jobs.map(\.job.state) == [.cancelled, .ready])
    }

    @Test("An instance that is on its way out, or ended, takes no other change", arguments: [Admission.Change.start, .stop, .restart])
    func leaving(_ change: Admission.Change) {
        var instance = Instance.sample(.deleting)
        instance.desiredState = .deleted
        #expect(#expect(throws: FleetError.self) { try self.change(change, instance) }?.code == .invalidState)
        #expect(#expect(throws: FleetError.self) { try self.change(change, .sample(.failed)) }?.code == .invalidState)
    }
}
