import Testing

@testable import Fleet

@Suite("Spot machines and migrations")
struct SpotRuleTests {
    private let admission = Admission(settings: FleetSettings())

    private static func instance(
        _ state: InstanceState, _ spot: SpotFacts?, recovery: SpotRecovery? = nil
    ) -> Instance {
        var instance = Instance.sample(state, status: state == .stopped ? "exited" : "running")
        instance.askedPlacements = [AskedPlacement(attempt: 3, placement: .standard)]
        instance.spot = spot
        instance.policies = recovery.map { InstancePolicies(spotRecovery: $0) }
        return instance
    }

    private static let taken = SpotFacts(status: "terminated", reclaimAt: noon - .seconds(400))
    private static let noticed = SpotFacts(status: "notified", reclaimAt: noon + .seconds(3000))

    private func recovery(_ instance: Instance, jobs: [Job] = [], at now: Timestamp = noon) -> (way: SpotRecovery, commit: Commit)? {
        self.admission.recovery(of: Admission.Subject(instance: instance, jobs: jobs), jobID: JobID(rawValue: "j-spot"), at: now)
    }

    private func refusal(_ way: Migration, _ instance: Instance, jobs: [Job] = []) -> FleetError.Code? {
        let occasion = Admission.Occasion(
            now: noon, instanceID: InstanceID(rawValue: "i"), jobID: JobID(rawValue: "j"),
            request: RequestKey(tenant: .default, method: "MigrateInstance", requestID: "r"), payloadDigest: [1])
        do throws(FleetError) {
            _ = try self.admission.migrate(way, Admission.Subject(instance: instance, jobs: jobs), on: occasion)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("Only what the provider says it took, or will take, is recovered, each in its way, and only while somebody wants it to run")
    func ways() {
        #expect(self.recovery(Self.instance(.stopped, Self.taken))?.way == .migrate)
        #expect(self.recovery(Self.instance(.stopped, Self.taken, recovery: .start))?.commit.jobs.first?.job.type == .startInstance)
        #expect(self.recovery(Self.instance(.running, Self.noticed, recovery: .replace))?.way == .replace)
        for recovery in [SpotRecovery.start, .migrate, .none] {
            #expect(self.recovery(Self.instance(.running, Self.noticed, recovery: recovery)) == nil)
        }
        #expect(self.recovery(Self.instance(.stopped, Self.taken, recovery: SpotRecovery.none)) == nil)
        // A machine that stopped before the time of its notice was stopped by somebody else.
        #expect(self.recovery(Self.instance(.stopped, Self.noticed)) == nil)
        #expect(self.recovery(Self.instance(.stopped, SpotFacts(status: "running"))) == nil)
        #expect(self.recovery(Self.instance(.stopped, nil)) == nil)
        var unwanted = Self.instance(.stopped, Self.taken)
        unwanted.desiredState = .stopped
        #expect(self.recovery(unwanted) == nil)
        #expect(self.recovery(Self.instance(.stopped, Self.taken), jobs: [.sample(.updateInstance, .confirm)]) == nil)
    }

    @Test("A protected machine is not replaced by itself, nor when somebody asks for it: its disk would go")
    func protected() {
        var instance = Self.instance(.running, Self.noticed, recovery: .replace)
        #expect(self.recovery(instance) != nil)
        instance.deletionProtection = true
        #expect(self.recovery(instance) == nil)
        #expect(self.refusal(.replace, instance) == .deletionProtected && self.refusal(.replace, Self.instance(.running, nil)) == nil)
    }

    @Test("Nor is one replaced whose months are paid: the provider would keep it, unused, until they end")
    func paid() {
        var instance = Self.instance(.running, nil)
        instance.billing = BillingFacts(paidUntil: noon)
        #expect(self.refusal(.replace, instance) == nil, "they are over")
        instance.billing = BillingFacts(paidUntil: noon + .seconds(1))
        #expect(self.refusal(.replace, instance) == .invalidState)
        instance.state = .migrating
        var job = Job.sample(.migrateInstance, .confirm)
        (job.migration, job.firstSentAt) = (.move, noon)
        let failed = UpstreamJob(
            id: UpstreamJobID(rawValue: "u"), kind: .migration, machineID: UpstreamID(rawValue: "m1"), status: "fail", createdAt: noon)
        var machine = Machine.sample("m1", "migrating")
        machine.paidUntil = instance.billing?.paidUntil
        let result = JobStepper.sample(job, instance).migrated(machine, jobs: [failed])
        #expect(result.job?.state == .failed && result.instance?.replacement == nil)
    }

    @Test("A caller's move that is given up while the machine hangs keeps the wish that it runs; one that left it stopped does not")
    func givenUp() throws {
        var job = Job.sample(.migrateInstance, .confirm)
        (job.migration, job.firstSentAt) = (.move, noon - FleetSettings().startupTimeout)
        for (status, desired) in [("migrating", DesiredState.running), ("exited", .stopped)] {
            let result = JobStepper.sample(job, .sample(.migrating, status: status)).migrated(.sample("m1", status), jobs: [])
            #expect(result.job?.state == .failed && result.instance?.desiredState == desired, "\(status)")
        }
    }

    @Test("A recovery for which a ceiling leaves no room says so in the instance, once")
    func noRoom() throws {
        let reached = CeilingReached(ceiling: .instances, limit: 1, inUse: 1, requested: 1)
        let told = try #require(Admission.recoveryRefused(by: reached, of: Self.instance(.stopped, Self.taken), at: noon)?.instances.first)
        #expect(told.stateMessage.contains("MAX_INSTANCES"))
        #expect(Admission.recoveryRefused(by: reached, of: told, at: noon) == nil)
    }

    @Test("Who stops a machine gets none in its place: one that is there already must go")
    func stoppedMeanwhile() throws {
        let attempt = CreateAttempt(number: 4, placement: .standard, sentAt: noon, callDeadline: noon + .seconds(30))
        let steps: [(JobStep, [String])] = [(.place, []), (.settle(attempt, absences: 0), []), (.boot, ["m2"])]
        for ((step, owed), isProtected) in steps.flatMap({ [($0, false), ($0, true)] }) {
            var (job, instance) = (Job.sample(.migrateInstance, .place), Self.instance(.running, Self.noticed))
            job.begin(replacing: &instance)
            job.step = step
            if step == .boot { instance.replacement?.upstreamID = UpstreamID(rawValue: "m2") }
            // Nor does the machine go for another once it is protected.
            if isProtected { instance.deletionProtection = true } else { instance.desiredState = .stopped }
            guard case .decided(let result) = JobStepper.sample(job, instance).plan() else { return unexpected(step) }
            #expect(result.job?.errorReason == "SUPERSEDED" && result.instance?.replacement == nil)
            #expect(result.instance?.debts.map(\.upstreamID.rawValue) == owed)
        }
    }

    @Test("Five attempts in a day, the second five minutes after the first, each later one after twice the time")
    func budget() {
        #expect(RecoveryBudget.nextAttempt(after: [], at: noon) == noon)
        #expect(RecoveryBudget.nextAttempt(after: [noon], at: noon) == noon + .seconds(300))
        #expect(RecoveryBudget.nextAttempt(after: [noon, noon, noon, noon], at: noon) == noon + .seconds(2400))
        let five = Array(repeating: noon, count: 5)
        #expect(RecoveryBudget.nextAttempt(after: five, at: noon + .seconds(3600)) == nil)
        #expect(RecoveryBudget.nextAttempt(after: RecoveryBudget.spent(at: noon), at: noon + .seconds(3600)) == nil, "called off")
        #expect(RecoveryBudget.nextAttempt(after: five, at: noon + RecoveryBudget.window) == noon + RecoveryBudget.window)
    }

    @Test("A machine in the place of another counts as one more, under tokens that were never used, and is none too many")
    func replacement() throws {
        let commit = try #require(self.recovery(Self.instance(.running, Self.noticed, recovery: .replace))?.commit)
        let instance = try #require(commit.instances.first)
        let job = try #require(commit.jobs.first?.job)
        #expect(instance.liableMachines == 2 && instance.liableHourlySpend == MicroUSD(micros: 700_000))
        #expect(commit.guards.contains(.ceilings(FleetSettings().ceilings)) && commit.guards.contains(.permitted(.begin)))
        #expect(job.step == .place && job.createCalls == 3 && instance.replacement?.fromAttempt == 4)
        let reconciliation = Reconciliation(deployment: ours, brake: Brake())
        func questions(_ attempt: Int) -> [ReconciliationQuestion.Kind] {
            let listing = MachineListing(machines: [.sample(), .sample("m2", attempt: attempt)], begunAt: noon)
            return reconciliation.questions(from: listing, living: [instance], busy: [instance.id], believesAbsence: true).map(\.kind)
        }
        #expect(questions(4) == [] && questions(2) == [.extra])
    }

    @Test("The record changes over when the other machine runs, and the one before is owed; when it does not come up, that is owed")
    func changesOver() throws {
        var instance = Self.instance(.running, Self.noticed)
        instance.billing = BillingFacts(autoRenewMonths: 1)
        var job = Job.sample(.migrateInstance, .boot)
        job.begin(replacing: &instance)
        job.step = .boot
        instance.replacement?.upstreamID = UpstreamID(rawValue: "m2")
        instance.replacement?.placement = .standard
        let waiting = JobStepper.sample(job, instance).booted(.sample("m2", "pulling", attempt: 4))
        #expect(waiting.job?.step == .boot && waiting.instance?.upstream?.id.rawValue ?? "m1" == "m1")
        let over = JobStepper.sample(job, instance).booted(.sample("m2", "running", attempt: 4))
        #expect(over.instance?.billing == nil, "that was about the machine before")
        #expect(over.job?.state == .succeeded && over.instance?.upstream?.id.rawValue == "m2" && over.instance?.state == .running)
        #expect(over.instance?.debts.map(\.upstreamID.rawValue) == ["m1"] && over.instance?.replacement == nil)
        let late = JobStepper.sample(job, instance, at: noon + .seconds(1300)).booted(.sample("m2", "pulling", attempt: 4))
        #expect(late.job?.state == .failed && late.instance?.debts.map(\.upstreamID.rawValue) == ["m2"])
        #expect(late.instance?.upstream?.id.rawValue == "m1" && late.instance?.state == .running)
        let unknown = JobStepper.sample(job, instance, at: noon + .seconds(90_000)).booted(.sample("m2", "dreaming", attempt: 4))
        #expect(unknown.job?.state == .waiting && unknown.job?.progress.contains("dreaming") == true)
        #expect(unknown.instance?.debts.isEmpty ?? true, "an unknown word is told, not acted on")
    }

    @Test("A replacement that is not taken is waste from when it was asked for")
    func wasteOfReplacement() {
        var instance = Instance.sample()
        instance.replacement = Replacement(fromAttempt: 2)
        instance.ask(for: .standard, attempt: 2, at: noon - .seconds(60))
        instance.replacement?.upstreamID = UpstreamID(rawValue: "m2")
        instance.dropReplacement(at: noon)
        #expect(instance.debts.map(\.since) == [noon - .seconds(60)])
        #expect(instance.owedMachines.map(\.since) == [noon], "nobody is late with its delete yet")
    }

    @Test("A late machine of an earlier call counts from when it was made", arguments: [(-200, -200), (-10, -60)])
    func wasteOfLateReplacement(_ madeAt: Int, _ since: Int) throws {
        var instance = Instance.sample()
        instance.replacement = Replacement(fromAttempt: 2)
        instance.ask(for: .standard, attempt: 3, at: noon - .seconds(60))
        let machine = Machine.sample("m2", "pulling", attempt: 2, createdAt: noon + .seconds(madeAt))
        let found = JobStepper.sample(.sample(.migrateInstance, .place), instance).replacementFound(machine, others: [])
        var taken = try #require(found.instance)
        taken.dropReplacement(at: noon)
        #expect(taken.debts.map(\.since) == [noon + .seconds(since)])
    }

    @Test("A machine of a replacement is released by its id, whatever it is called now; one that served until then is no waste")
    func released() throws {
        let reconciliation = Reconciliation(deployment: ours, brake: Brake())
        for (cause, word, isWaste) in [
            (nil, nil, true), (.replaced, "REPLACED", false), (.notTaken, "REPLACEMENT_NOT_TAKEN", true),
        ] as [(Debt.Cause?, String?, Bool)] {
            var instance = Self.instance(.running, nil)
            instance.debts = [
                Debt(upstreamID: UpstreamID(rawValue: "m0"), hourlyPrice: .dollars(1), since: noon - .seconds(3600), cause: cause)
            ]
            func answer(_ machine: Machine?) -> ReconciliationAnswer {
                reconciliation.answer(
                    ReconciliationQuestion(kind: .debt, instanceID: instance.id, upstreamID: UpstreamID(rawValue: "m0")),
                    instance: instance, machine: machine, wasAbsent: machine == nil, placement: nil, at: noon)
            }
            switch answer(.sample("m0", name: "renamed")) {
            case .unproven: #expect(cause == nil)
            case .release(let id, let first): #expect(cause != nil && id.rawValue == "m0" && first?.audit.first?.cause == word)
            default: unexpected("neither")
            }
            guard case .commit(let gone) = answer(nil) else { return unexpected("not settled") }
            #expect(gone.instances.first?.debts.isEmpty == true && gone.audit.first?.cause == word ?? "SECOND_MACHINE")
            #expect(gone.instances.first?.wastedCost == (isWaste ? .dollars(1) : .zero))
            #expect(gone.instances.first?.wastedMachines?.count ?? 0 == (isWaste ? 1 : 0))
        }
    }

    @Test("A move that is cancelled or fails leaves a machine that nobody wants to run; what was wanted anyhow still is")
    func wish() throws {
        var instance = Self.instance(.stopped, nil)
        instance.desiredState = .running
        var job = Job.sample(.migrateInstance, .send)
        job.migration = .move
        let occasion = Admission.Occasion(
            now: noon, instanceID: instance.id, jobID: JobID(rawValue: "j"),
            request: RequestKey(tenant: .default, method: "CancelJob", requestID: "r"), payloadDigest: [1])
        func cancelled(_ job: Job) throws -> Instance {
            try self.admission.cancel(job.id, Admission.Subject(instance: instance, jobs: [job]), on: occasion).instance
        }
        #expect(try cancelled(job).desiredState == .stopped)
        #expect(JobStepper.sample(job, instance).failed(.providerError, "", job).instance?.desiredState == .stopped)
        job.cause = .spotReclaim
        #expect(try cancelled(job).desiredState == .running)
        #expect(JobStepper.sample(job, instance).failed(.providerError, "", job).instance?.desiredState == .running)
        var replacing = Job.sample(.migrateInstance, .place)
        replacing.begin(replacing: &instance)
        let failed = JobStepper.sample(replacing, instance).replacementFailed(.noCapacity, "", replacing)
        #expect(failed.instance?.desiredState == .stopped && failed.instance?.replacement == nil)
    }

    @Test("The provider's word about its own job decides what follows a move")
    func moves() throws {
        var instance = Self.instance(.stopped, Self.taken)
        var job = Job.sample(.migrateInstance, .confirm)
        job.migration = .move
        job.firstSentAt = noon - .seconds(100)
        job.acknowledgedAt = noon - .seconds(100)
        instance.state = .migrating
        func upstreamJob(_ status: String, _ age: Int64 = 90) -> UpstreamJob {
            UpstreamJob(
                id: UpstreamJobID(rawValue: "jb"), kind: .migration, machineID: UpstreamID(rawValue: "m1"), status: status,
                createdAt: noon - .seconds(age))
        }
        func look(_ status: String, _ jobs: [UpstreamJob]) -> StepResult {
            JobStepper.sample(job, instance).migrated(.sample("m1", status), jobs: jobs)
        }
        #expect(look("migrating", [upstreamJob("running")]).job?.step == .confirm)
        let failed = look("migrating", [upstreamJob("fail")])
        #expect(failed.job?.step == .place && failed.instance?.replacement?.fromAttempt == 4)
        #expect(look("migrating", [upstreamJob("fail", 4000)]).job?.step == .confirm, "that was an older move")
        let moved = look("exited", [upstreamJob("success")])
        #expect(moved.job?.step == .send && moved.job?.migration == .start)
        #expect(look("exited", [upstreamJob("fail")]).job?.state == .failed)
        #expect(look("exited", []).job?.step == .send, "it was not taken up")
        #expect(look("running", [upstreamJob("success")]).job?.state == .succeeded)
    }

    @Test("A move wants a stopped machine, a replacement one of which we know what it is made of")
    func refusals() throws {
        #expect(self.refusal(.move, Self.instance(.running, nil)) == .invalidState)
        #expect(self.refusal(.move, Self.instance(.stopped, nil)) == nil)
        #expect(self.refusal(.replace, Self.instance(.running, nil)) == nil)
        var found = Self.instance(.running, nil)
        found.askedPlacements = []
        #expect(self.refusal(.replace, found) == .invalidState)
        #expect(self.refusal(.replace, Self.instance(.running, nil), jobs: [.sample(.stopInstance, .confirm)]) == .invalidState)
    }
}
