import Testing

@testable import Fleet

@Suite("What a database from the past holds to be undone")
struct RestorationTests {
    private let restoration = Restoration(attemptFloor: 1_800_000_000, now: noon)

    private func outcome(_ jobs: Job..., instance: Instance = .sample()) -> Restoration.Outcome {
        self.restoration.outcome(for: jobs) { $0 == instance.id ? instance : nil }
    }

    private func job(_ type: JobType, _ step: JobStep, sent: Bool = false, cause: JobCause? = nil, id: String = "j-1") -> Job {
        var job = Job.sample(type, step, id: id)
        job.firstSentAt = sent ? noon - .seconds(60) : nil
        job.cause = cause
        return job
    }

    @Test("An unfinished start, stop or restart is dropped, sent or not: it may have been done and undone since")
    func stale() throws {
        for type in [JobType.startInstance, .stopInstance, .restartInstance] {
            for isSent in [false, true] {
                var instance = Instance.sample(.stopping)
                instance.desiredState = .stopped
                let outcome = self.outcome(self.job(type, isSent ? .confirm : .send, sent: isSent), instance: instance)
                #expect(outcome.jobs.map(\.state) == [.cancelled] && outcome.jobs.first?.errorReason == "RESTORED" && outcome.dropped == 1)
                let after = try #require(outcome.instances.first)
                #expect(after.state == .running && after.desiredState == .running && after.stateReason == .external)
                #expect(outcome.revisions.map(\.1) == [instance.revision])
            }
        }
    }

    @Test("A machine in the place of another is followed no further, and never owed by itself: it may have taken that place since")
    func replacements() throws {
        let attempt = CreateAttempt(number: 9, placement: .standard, sentAt: noon, callDeadline: noon)
        for step in [JobStep.place, .settle(attempt, absences: 0), .boot] {
            var (job, instance) = (self.job(.migrateInstance, .place), Instance.sample())
            instance.askedPlacements = [AskedPlacement(attempt: 8, placement: .standard)]
            job.begin(replacing: &instance)
            job.step = step
            instance.ask(for: .standard, attempt: 9, at: noon)
            instance.replacement?.upstreamID = UpstreamID(rawValue: "m2")
            let outcome = self.outcome(job, instance: instance)
            #expect(outcome.jobs.map(\.errorReason) == ["RESTORED"] && outcome.settled == 0)
            let after = try #require(outcome.instances.first)
            #expect(after.replacement == nil && after.debts.isEmpty && after.askedPlacements?.map(\.attempt) == [8])
            #expect(!after.hasAsked(for: .sample("m2", attempt: 9)))
        }
    }

    @Test("A delete that was sent goes on; one that was not is dropped: it may have been withdrawn since, and the machine be in use")
    func deletes() {
        var instance = Instance.sample(.deleting)
        instance.desiredState = .deleted
        instance.deleteAskedAt = noon
        var sent = self.job(.deleteInstance, .confirm)
        sent.noteCall(at: noon)
        #expect(self.outcome(sent, instance: instance).jobs.isEmpty)
        for cause in [nil, JobCause.startupTimeout] {
            let dropped = self.outcome(self.job(.deleteInstance, .send, cause: cause), instance: instance)
            #expect(dropped.dropped == 1 && dropped.instances.map(\.desiredState) == [.running] && dropped.instances[0].owedMachines == [])
        }
        sent = self.job(.deleteInstance, .send)
        sent.noteCall(at: noon)
        #expect(self.outcome(sent, instance: instance).jobs.isEmpty, "asked again")
        let behind = self.outcome(
            self.job(.stopInstance, .confirm, sent: true), self.job(.deleteInstance, .send, id: "j-2"), instance: instance)
        #expect(behind.jobs.map(\.id.rawValue) == ["j-1", "j-2"] && behind.instances.map(\.desiredState) == [.running])
    }

    @Test("What is proven to have brought nothing asks for nothing any more: a machine may have been made since, and deleted")
    func notAskedAgain() throws {
        let instance = Instance.sample(.pending, upstream: nil)
        var job = try #require(self.outcome(self.job(.createInstance, .place), instance: instance).jobs.first)
        job.step = .place
        guard case .decided(let end) = JobStepper.sample(job, instance).plan() else { return unexpected("it buys") }
        #expect(end.job?.state == .cancelled && end.job?.errorReason == "RESTORED" && end.call == nil)
        #expect(end.instance?.state == .failed && end.instance?.liableMachines == 0)
        let ended = try #require(end.instance)
        let again = try Admission(settings: FleetSettings()).retry(
            try #require(end.job), Admission.Subject(instance: ended, jobs: []), on: .sample())
        #expect(again.job.isRestored == nil && again.job.createCalls == 1_800_000_000)
        // One that has come up late is not given up by the time of the first start, which was long ago.
        var booting = job
        booting.step = .boot
        for status in ["pulling", "starting"] {
            var coming = Instance.sample(.provisioning, status: status)
            coming.upstream?.error = "an error of then"
            let left = JobStepper.sample(booting, coming, at: noon + .seconds(86_400))
                .booted(.sample("m1", status, error: "an error of now"))
            #expect(left.job?.state == .failed && left.commit.jobs.count == 1 && left.instance?.desiredState == .running)
        }
        // One that has come is taken.
        let found = JobStepper.sample(job, .sample(.provisioning))
        guard case .decided(let taken) = found.plan() else { return unexpected("no machine") }
        #expect(taken.job?.step == .boot)
    }

    @Test("An unfinished create looks for its machine first, and its next attempts are above the floor")
    func creates() throws {
        for step in [JobStep.place, .settle(CreateAttempt(number: 3, placement: .standard, sentAt: noon, callDeadline: noon), absences: 1)]
        {
            let outcome = self.outcome(self.job(.createInstance, step), instance: .sample(.pending, upstream: nil))
            let job = try #require(outcome.jobs.first)
            guard case .settle(_, absences: 0) = job.step else { return unexpected(job.step) }
            #expect(job.createCalls == 1_800_000_000 && outcome.settled == 1)
            // Since then it may have got a machine, and another in its place: neither was asked for as far as is known here.
            let instance = try #require(outcome.instances.first)
            #expect(instance.askedPlacements == [] && outcome.revisions.map(\.0) == [instance.id])
            let machines = [Machine.sample("m1", attempt: 1), .sample("m2", attempt: 2)]
            let found = JobStepper.sample(job, instance).settled(
                MachineListing(machines: machines, begunAt: noon), isCredible: true)
            #expect(found.instance?.upstream?.id.rawValue == "m1" && found.instance?.debts.map(\.isUnasked) == [true])
        }
        // Its machine is there: the provider says what has become of it, and nothing is given up for an old deadline.
        let booting = self.outcome(self.job(.createInstance, .boot), instance: .sample(.starting))
        #expect(booting.jobs.map(\.state) == [.cancelled] && booting.dropped == 1)
        #expect(booting.instances.map(\.desiredState) == [.running])
    }

    @Test("The floor rises with every activation, also of the same backup, and no create call is numbered below it")
    func floor() {
        var (first, second) = (FleetControl(), FleetControl())
        first.raiseAttemptFloor(at: noon)
        second.raiseAttemptFloor(at: noon + .seconds(100))
        #expect((second.attemptFloor ?? 0) - (first.attemptFloor ?? 0) == 100)
        second.raiseAttemptFloor(at: noon)
        #expect(second.attemptFloor == 1_800_000_100)
        var stepper = JobStepper.sample(.sample(.createInstance, .place), .sample(.pending, upstream: nil))
        stepper.attemptFloor = 1_800_000_100
        let planner = Planner(
            catalogue: Catalogue(
                products: [.sample("4090", "RTX 4090 24GB")], clusters: [Cluster(id: "us-ca-6", name: "US", productNames: [])],
                fetchedAt: noon),
            cooldowns: Cooldowns(), defaultRegion: nil)
        #expect(stepper.placed(planner: planner).job?.createCalls == 1_800_000_101)
    }
}
