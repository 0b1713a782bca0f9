import Testing

@testable import Fleet

@Suite("Policies")
struct PolicyTests {
    private let admission = Admission(settings: FleetSettings())

    /// Created ten minutes and running for 400 s before noon.
    private static func instance(_ policies: InstancePolicies, _ state: InstanceState = .running) -> Instance {
        var instance = Instance.sample(state)
        instance.policies = policies
        return instance
    }

    private static func next(_ instance: Instance) -> NextAction? {
        var copy = instance
        copy.touch(at: instance.touchedAt ?? instance.createdAt)
        return copy.nextAction
    }

    private func begun(
        _ instance: Instance, _ jobs: [Job] = [], times: ServiceTimes = ServiceTimes(), at now: Timestamp
    ) -> Commit? {
        self.admission.automatic(
            Admission.Subject(instance: instance, jobs: jobs), jobID: JobID(rawValue: "j-auto"), times: times, at: now)
    }

    /// As the look of the policies at that time leaves it.
    private static func warned(_ instance: Instance, times: ServiceTimes = ServiceTimes(), at now: Timestamp) -> Instance {
        Admission.upkeep(of: instance, touchedAt: nil, times: times, at: now)?.instances.first ?? instance
    }

    private static func occasion(_ method: String = "CancelJob") -> Admission.Occasion {
        Admission.Occasion(
            now: noon, instanceID: InstanceID(rawValue: "i-2"), jobID: JobID(rawValue: "j-2"),
            request: RequestKey(tenant: .default, method: method, requestID: "r"), payloadDigest: [1], actor: "ann")
    }

    @Test("The earliest of what the policies do is what comes next; every start has fresh clocks, and a delete goes before a stop")
    func earliest() {
        let idle = Self.instance(InstancePolicies(idleStop: .seconds(1200)))
        #expect(Self.next(idle) == NextAction(kind: .stop, cause: .idle, at: noon + .seconds(800)))
        let both = Self.instance(InstancePolicies(idleStop: .seconds(1200), maxLifetime: .seconds(1000)))
        #expect(Self.next(both) == NextAction(kind: .delete, cause: .lifetime, at: noon + .seconds(400)))
        let lease = Self.instance(InstancePolicies(lease: .seconds(350)))
        #expect(Self.next(lease) == NextAction(kind: .stop, cause: .leaseLapsed, at: noon - .seconds(50)))
        let lapsed = Self.instance(InstancePolicies(lease: .seconds(350)), .stopped)
        #expect(Self.next(lapsed) == NextAction(kind: .delete, cause: .leaseLapsed, at: noon + .seconds(300)))
        let short = Self.instance(InstancePolicies(idleStop: .seconds(60)))
        #expect(Self.next(short)?.at == noon - .seconds(100), "five minutes of grace after the start")
        #expect(Self.next(Self.instance(InstancePolicies(stopAt: noon))) == NextAction(kind: .stop, cause: .schedule, at: noon))
        var started = Self.instance(InstancePolicies(stopAt: noon - .seconds(500)))
        started.startAskedAt = noon - .seconds(450)
        #expect(Self.next(started) == nil, "its start was asked for since")
        #expect(Self.next(Self.instance(InstancePolicies(idleStop: .seconds(60)), .stopped)) == nil)
    }

    @Test("A machine that runs although its start was given up is seen by its policies: it is billed")
    func lateStart() throws {
        let policies = InstancePolicies(idleStop: .seconds(400), maxLifetime: .seconds(7200))
        var job = Job.sample(.startInstance, .confirm)
        job.firstSentAt = noon
        let given = JobStepper.sample(job, Self.instance(policies, .starting), at: noon + .seconds(1300)).confirmed(.sample("m1", "exited"))
        #expect(given.job?.state == .failed && given.instance?.desiredState == .stopped)
        var late = try #require(given.instance)
        late.observe(.sample("m1", "running"), because: .external, at: noon + .seconds(1400))
        late = Self.warned(late, at: noon + .seconds(1900))
        #expect(late.nextAction?.kind == .stop && late.nextAction?.cause == .idle)
        #expect(self.begun(late, at: noon + .seconds(2300))?.jobs.first?.job.type == .stopInstance)
    }

    @Test("A stop that did not come about ends no run: idle time and lease go on as they were")
    func failedStop() throws {
        let warned = Self.warned(Self.instance(InstancePolicies(lease: .seconds(400))), at: noon - .seconds(300))
        let begun = try #require(self.begun(warned, at: noon))
        let (asked, stopping) = (try #require(begun.jobs.first?.job), try #require(begun.instances.first))
        let sending = JobStepper.sample(asked, stopping).sending(.stop, to: UpstreamID(rawValue: "m1"))
        let (sent, sentOf) = (try #require(sending.job), try #require(sending.instance))
        let job = try #require(JobStepper.sample(sent, sentOf).sent(CloudError(.unavailable, "")).job)
        let looked = JobStepper.sample(job, sentOf, at: noon + .seconds(5)).confirmed(.sample("m1", "running"))
        let instance = try #require(looked.instance)
        #expect(instance.state == .running && instance.runningSince == noon - .seconds(400))
        let again = JobStepper.sample(try #require(looked.job), instance, at: noon + .seconds(9)).plan()
        guard case .act(.stop, _) = again else { return unexpected("it is not due any more") }
    }

    @Test("What a clock that was ahead has written is brought back, once somebody else has said what time it is")
    func timeToCome() throws {
        var instance = Self.instance(InstancePolicies(idleStop: .seconds(1200)))
        instance.touchedAt = noon + .seconds(86_400)
        instance.runningSince = noon + .seconds(86_400)
        let unsure = Admission.upkeep(of: instance, touchedAt: nil, at: noon)?.instances.first ?? instance
        #expect(unsure.touchedAt == instance.touchedAt, "this clock may be the wrong one")
        let sure = try #require(Admission.upkeep(of: instance, touchedAt: nil, isClockSure: true, at: noon)?.instances.first)
        #expect(sure.touchedAt == noon && sure.runningSince == noon && sure.nextAction?.at == noon + .seconds(1200))
        #expect(Admission.upkeep(of: sure, touchedAt: nil, isClockSure: true, at: noon) == nil)
        // A stop this evening is not before a start tomorrow, nor does a fault of tomorrow use up what may be recovered today.
        instance.policies = InstancePolicies(stopAt: noon + .seconds(3600))
        instance.startAskedAt = noon + .seconds(86_400)
        instance.recoveries = [noon - .seconds(60), noon + .seconds(86_400)]
        let brought = try #require(Admission.upkeep(of: instance, touchedAt: nil, isClockSure: true, at: noon)?.instances.first)
        #expect(brought.nextAction?.at == noon + .seconds(3600) && brought.recoveries == [noon - .seconds(60), noon])
        let made = Instance(
            id: instance.id, name: "one", tenant: .default, spec: .small, policies: InstancePolicies(maxLifetime: .seconds(600)),
            createdAt: noon + .seconds(86_400))
        let known = try #require(Admission.upkeep(of: made, touchedAt: nil, isClockSure: true, at: noon)?.instances.first)
        #expect(known.nextAction?.at == noon + .seconds(600))
    }

    @Test("What the provider did not take is dropped when it is not due any more, and only that", arguments: [true, false])
    func asksAgain(isAcknowledged: Bool) throws {
        let instance = Self.warned(Self.instance(InstancePolicies(idleStop: .seconds(400))), at: noon - .seconds(300))
        let commit = try #require(self.begun(instance, at: noon))
        var stepper = JobStepper.sample(try #require(commit.jobs.first?.job), try #require(commit.instances.first))
        stepper.job.firstSentAt = noon
        stepper.job.acknowledgedAt = isAcknowledged ? noon : nil
        stepper.instance.touchedAt = noon
        switch stepper.plan() {
        case .decided(let result): #expect(!isAcknowledged && result.job?.errorReason == "NOT_DUE")
        case .act(.stop, _): #expect(isAcknowledged)
        default: unexpected("neither")
        }
    }

    @Test("A protected machine is stopped and not deleted; what is going or an orphan is left alone")
    func exceptions() {
        var protected = Self.instance(InstancePolicies(idleStop: .seconds(1200), maxLifetime: .seconds(60)))
        protected.deletionProtection = true
        #expect(Self.next(protected)?.kind == .stop)
        var going = Self.instance(InstancePolicies(maxLifetime: .seconds(60)))
        going.desiredState = .deleted
        #expect(Self.next(going) == nil)
        var orphan = Self.instance(InstancePolicies(maxLifetime: .seconds(60)))
        orphan.orphanedSince = noon
        #expect(Self.next(orphan) == nil)
    }

    /// Ten minutes and a minute before it without a server, which began 100 s before noon; what goes by signs is put off by that, from a sign
    /// before it on, and nothing else is.
    private static let restarts: [(InstancePolicies, InstanceState, touched: Int?, at: Int)] = [
        (InstancePolicies(idleStop: .seconds(1200)), .running, -400, 800 + 600),
        (InstancePolicies(idleStop: .seconds(1200)), .running, nil, 800 + 600),
        (InstancePolicies(idleStop: .seconds(1200)), .running, 0, 1200 + 500),
        (InstancePolicies(idleStop: .seconds(1200)), .running, 600, 1800),
        (InstancePolicies(lease: .seconds(1200)), .running, -400, 800 + 600),
        (InstancePolicies(lease: .seconds(1200)), .stopped, -400, 2000 + 600),
        (InstancePolicies(maxLifetime: .seconds(7200)), .running, -400, 6600),
        (InstancePolicies(stopAt: noon + .seconds(900)), .running, -400, 900),
        (InstancePolicies(deleteAt: noon + .seconds(900)), .running, -400, 900),
    ]

    @Test("Time without a server does not count for leases and idle times; all other time does, over every restart", arguments: restarts)
    func restart(_ policies: InstancePolicies, _ state: InstanceState, _ touched: Int?, _ seconds: Int) {
        var instance = Self.instance(policies, state)
        instance.touchedAt = touched.map { noon + .seconds($0) }
        let absence = ServiceRecord.Absence(began: noon - .seconds(100), ended: noon + .seconds(500))
        let record = ServiceRecord(servedUntil: noon + .seconds(510), absences: [absence])
        let times = ServiceTimes(servingSince: noon + .seconds(500), record: record)
        #expect(instance.judgeNextAction(times)?.at == noon + .seconds(seconds))
    }

    @Test("Signs that a database from the past has forgotten may have been given until it was activated")
    func restored() {
        let instance = Self.instance(InstancePolicies(lease: .seconds(1200)))
        #expect(instance.judgeNextAction(ServiceTimes(activatedAt: noon))?.at == noon + .seconds(1200))
    }

    @Test("A sign is written down before it is answered, once in a minute, where a policy goes by it")
    func durableSign() throws {
        var instance = Self.instance(InstancePolicies(lease: .seconds(1200)))
        let sign = try #require(Admission.sign(of: instance, at: noon)?.instances.first)
        #expect(sign.touchedAt == noon && sign.nextAction?.at == noon + .seconds(1200))
        #expect(Admission.sign(of: sign, at: noon + .seconds(59)) == nil && Admission.sign(of: sign, at: noon + .seconds(60)) != nil)
        instance.policies = InstancePolicies(maxLifetime: .seconds(1200))
        #expect(Admission.sign(of: instance, at: noon) == nil)
    }

    @Test("A sign of use moves the idle stop and the lease, and nothing else")
    func touch() {
        var instance = Self.instance(InstancePolicies(idleStop: .seconds(1200), maxLifetime: .seconds(7200)))
        instance.touch(at: noon)
        #expect(instance.nextAction?.at == noon + .seconds(1200))
        instance.touch(at: noon - .seconds(60))
        #expect(instance.nextAction?.at == noon + .seconds(1200), "an older sign takes nothing back")
        instance.touch(at: noon + .seconds(6000))
        #expect(instance.nextAction == NextAction(kind: .delete, cause: .lifetime, at: noon + .seconds(6600)))
    }

    @Test("What is due begins a job with its cause, held back by freeze and brake; nothing begins early or in the way of another job")
    func begins() throws {
        let instance = Self.warned(Self.instance(InstancePolicies(idleStop: .seconds(400))), at: noon - .seconds(300))
        #expect(self.begun(instance, at: noon - .seconds(1)) == nil)
        #expect(self.begun(instance, [.sample(.restartInstance, .confirm)], at: noon) == nil)
        let commit = try #require(self.begun(instance, at: noon))
        let job = try #require(commit.jobs.first?.job)
        #expect(job.type == .stopInstance && job.cause == .idle && commit.instances.first?.desiredState == .stopped)
        #expect(commit.guards.contains(.permitted(.endAutomatically)))
        var stepper = JobStepper.sample(job, try #require(commit.instances.first))
        let sent = stepper.sending(.stop, to: UpstreamID(rawValue: "m1")).commit
        #expect(sent.guards.contains(.brake(Brake(), noon)) && sent.audit.map(\.cause) == ["IDLE"])
        // A sign of use that was given before the server was away is no reason, nor is the time in which none could be given.
        #expect(self.begun(instance, times: ServiceTimes(servingSince: noon - .seconds(30)), at: noon) == nil)
        // A sign of use before it is sent: the job is dropped, and the machine runs on.
        stepper.instance.touchedAt = noon
        guard case .decided(let result) = stepper.plan() else { return unexpected("it is stopped in spite of the sign") }
        #expect(result.job?.state == .cancelled && result.instance?.state == .running && result.instance?.desiredState == .running)
    }

    @Test("A warning comes five minutes before, once for each action")
    func warning() throws {
        var instance = Self.instance(InstancePolicies(maxLifetime: .seconds(1200)))
        instance.touch(at: noon - .seconds(100))
        #expect(Admission.upkeep(of: instance, touchedAt: nil, at: noon) == nil)
        let warned = try #require(Admission.upkeep(of: instance, touchedAt: nil, at: noon + .seconds(300))?.instances.first)
        #expect(warned.stateMessage.contains("delete because of LIFETIME") && warned.warnedOf == instance.nextAction)
        #expect(Admission.upkeep(of: warned, touchedAt: nil, at: noon + .seconds(310)) == nil)
        var idle = Self.instance(InstancePolicies(idleStop: .seconds(500)))
        idle.touch(at: noon)
        let near = try #require(Admission.upkeep(of: idle, touchedAt: nil, at: noon + .seconds(210))?.instances.first)
        #expect(near.stateMessage.contains("stop because of IDLE"))
        let taken = try #require(Admission.upkeep(of: near, touchedAt: noon + .seconds(211), at: noon + .seconds(212))?.instances.first)
        #expect(taken.stateMessage.isEmpty && taken.warnedOf == nil && taken.nextAction?.at == noon + .seconds(711), "it is taken back")
    }

    @Test("Signs of use are written down once in a minute, and the last one before an action always")
    func signs() throws {
        var instance = Self.instance(InstancePolicies(idleStop: .seconds(600)))
        instance.touch(at: noon)
        #expect(Admission.upkeep(of: instance, touchedAt: noon + .seconds(59), at: noon + .seconds(60)) == nil)
        #expect(Admission.upkeep(of: instance, touchedAt: noon + .seconds(60), at: noon + .seconds(60)) != nil)
        instance = Self.warned(instance, at: noon + .seconds(300))
        let last = Admission.upkeep(of: instance, touchedAt: noon + .seconds(20), at: noon + .seconds(600))
        #expect(last?.instances.first?.nextAction?.at == noon + .seconds(620))
    }

    @Test("Who starts it uses it")
    func starting() throws {
        let stopped = Self.instance(InstancePolicies(lease: .seconds(350)), .stopped)
        let subject = Admission.Subject(instance: stopped, jobs: [])
        let started = try self.admission.change(.start, subject, on: Self.occasion("StartInstance")).instance
        #expect(started.touchedAt == noon)
    }

    @Test("Nothing is done that was not said: what has become due without a server is warned of, and done five minutes later")
    func lateWarning() throws {
        for policies in [InstancePolicies(maxLifetime: .seconds(590)), InstancePolicies(stopAt: noon - .seconds(100))] {
            let due = Self.instance(policies)
            #expect(self.begun(due, at: noon) == nil, "it was never said")
            let warned = Self.warned(due, at: noon)
            #expect(warned.stateMessage.contains("policy:") && warned.nextAction?.at == noon + .seconds(300))
            #expect(self.begun(warned, at: noon + .seconds(299)) == nil)
            #expect(self.begun(warned, at: noon + .seconds(300)) != nil)
            // The server that said it was away since: there was nobody to say anything to.
            let times = ServiceTimes(servingSince: noon + .seconds(290))
            #expect(self.begun(warned, times: times, at: noon + .seconds(589)) == nil)
            #expect(self.begun(warned, times: times, at: noon + .seconds(590)) != nil)
        }
    }

    @Test("What its owner has said a minute ahead is done in a minute")
    func shortNotice() {
        let made = noon - .seconds(600)
        let instance = Self.warned(Self.instance(InstancePolicies(deleteAt: made + .seconds(60))), at: made + .seconds(5))
        #expect(self.begun(instance, at: made + .seconds(64)) == nil && self.begun(instance, at: made + .seconds(65)) != nil)
    }

    @Test("The delete of a short lease follows its stop by five minutes, not at once")
    func leaseDelete() throws {
        var stopped = Self.instance(InstancePolicies(lease: .seconds(60)), .stopped)
        stopped.touchedAt = noon - .seconds(300)
        let warned = Self.warned(stopped, at: noon)
        #expect(warned.nextAction == NextAction(kind: .delete, cause: .leaseLapsed, at: noon + .seconds(300)))
        #expect(self.begun(warned, at: noon + .seconds(200)) == nil && self.begun(warned, at: noon + .seconds(300)) != nil)
    }

    @Test("A machine that is idle for less than a warning is warned of while it is, and stopped in time")
    func shortIdle() throws {
        var instance = Self.instance(InstancePolicies(idleStop: .seconds(60)))
        instance.touchedAt = noon
        instance = Self.warned(instance, at: noon + .seconds(5))
        instance.touchedAt = noon + .seconds(50)
        instance = Self.warned(instance, at: noon + .seconds(55))
        #expect(instance.warnedAt == noon + .seconds(5), "it has been said already")
        #expect(self.begun(instance, at: noon + .seconds(109)) == nil && self.begun(instance, at: noon + .seconds(110)) != nil)
    }

    @Test("What was to be stopped before somebody started it, or before a database from the past was activated, is not stopped for that")
    func pastSchedule() throws {
        var instance = Self.instance(InstancePolicies(stopAt: noon - .seconds(100), deleteAt: noon - .seconds(50)))
        #expect(instance.judgeNextAction()?.kind == .stop)
        #expect(instance.judgeNextAction(ServiceTimes(activatedAt: noon)) == nil)
        instance.startAskedAt = noon - .seconds(90)
        #expect(instance.judgeNextAction()?.kind == .delete)
    }

    @Test("A stop whose time passes while the machine comes up, of a create or of a later start, is done once it runs")
    func passedWhileBooting() throws {
        var instance = Self.instance(InstancePolicies(stopAt: noon - .seconds(500)))
        #expect(instance.judgeNextAction() == NextAction(kind: .stop, cause: .schedule, at: noon - .seconds(500)))
        instance.startAskedAt = noon - .seconds(501)
        #expect(instance.judgeNextAction()?.at == noon - .seconds(500))
        let warned = Self.warned(instance, at: noon)
        #expect(self.begun(warned, at: noon + .seconds(300))?.jobs.first?.job.type == .stopInstance)
    }

    @Test("Who starts at the provider what was stopped wants it: the time that has passed does not stop it once more")
    func startedElsewhere() {
        var instance = Self.instance(InstancePolicies(stopAt: noon - .seconds(100)), .stopped)
        instance.desiredState = .stopped
        instance.observe(.sample("m1", "running"), because: .external, at: noon)
        #expect(instance.state == .running && instance.startAskedAt == noon && instance.judgeNextAction() == nil)
        var wanted = Self.instance(InstancePolicies(stopAt: noon - .seconds(100)), .stopped)
        wanted.observe(.sample("m1", "running"), because: .external, at: noon)
        #expect(wanted.judgeNextAction()?.kind == .stop, "it was down against our wish, and is back")
    }

    @Test("Lifetime and times count for the machine that was asked for once more, not for the one that never came")
    func retried() throws {
        var failed = Self.instance(InstancePolicies(maxLifetime: .seconds(700), deleteAt: noon - .seconds(10)), .failed)
        failed.orphanedSince = noon - .seconds(100)
        failed.warnedOf = NextAction(kind: .delete, cause: .lifetime, at: noon)
        var job = Job.sample(.createInstance, .end)
        job.state = .failed
        let retried = try self.admission.retry(job, Admission.Subject(instance: failed, jobs: []), on: Self.occasion("RetryJob")).instance
        #expect(retried.warnedOf == nil)
        #expect(retried.judgeNextAction() == NextAction(kind: .delete, cause: .lifetime, at: noon + .seconds(700)))
    }

    @Test("What somebody has called off stays so, over restarts of the server too, until its clock starts anew or the policy is changed")
    func calledOff() throws {
        let instance = Self.warned(Self.instance(InstancePolicies(idleStop: .seconds(400))), at: noon - .seconds(300))
        let begun = try #require(self.begun(instance, at: noon))
        let job = try #require(begun.jobs.first?.job)
        let subject = Admission.Subject(instance: try #require(begun.instances.first), jobs: [job])
        let calledOff = try self.admission.cancel(job.id, subject, on: Self.occasion()).instance
        #expect(calledOff.desiredState == .running && calledOff.judgeNextAction() == nil)
        #expect(calledOff.judgeNextAction(ServiceTimes(servingSince: noon + .seconds(5000))) == nil)
        var touched = calledOff
        touched.touchedAt = noon + .seconds(10)
        #expect(touched.judgeNextAction()?.at == noon + .seconds(410))
        var update = InstanceUpdate()
        update.policies = PolicyUpdate(InstancePolicies(idleStop: .seconds(400)))
        let said = try self.admission.update(update, Admission.Subject(instance: calledOff, jobs: []), on: Self.occasion("Update")).instance
        #expect(said.nextAction == NextAction(kind: .stop, cause: .idle, at: noon + .seconds(400)))
    }

    @Test("Who keeps a machine from being stopped for its lease keeps it from being deleted for the same")
    func calledOffLease() throws {
        var instance = Self.warned(Self.instance(InstancePolicies(lease: .seconds(400))), at: noon - .seconds(300))
        let job = try #require(self.begun(instance, at: noon)?.jobs.first?.job)
        instance = try self.admission.cancel(job.id, Admission.Subject(instance: instance, jobs: [job]), on: Self.occasion()).instance
        #expect(instance.judgeNextAction() == nil)
    }

    @Test("Single policies are changed by their names; the others stay")
    func changed() throws {
        let before = InstancePolicies(idleStop: .seconds(600), maxLifetime: .seconds(7200))
        var update = InstanceUpdate()
        update.policies = PolicyUpdate(InstancePolicies(lease: .seconds(900)), fields: [.lease, .maxLifetime])
        let subject = Admission.Subject(instance: Self.instance(before), jobs: [])
        let changed = try self.admission.update(update, subject, on: Self.occasion("Update"))
        #expect(changed.instance.policies == InstancePolicies(idleStop: .seconds(600), lease: .seconds(900)))
        #expect(changed.job.state == .succeeded && changed.instance.touchedAt == noon, "who says it uses it")
        update.policies = PolicyUpdate(InstancePolicies())
        #expect(try self.admission.update(update, subject, on: Self.occasion("Update")).instance.policies == nil)
        update.policies = PolicyUpdate(InstancePolicies(stopAt: noon))
        #expect(throws: FleetError.self) { try self.admission.update(update, subject, on: Self.occasion("Update")) }
    }

    @Test("A delete that is due waits five minutes for other jobs, then takes their place; an unsettled create is waited for")
    func stuckJobs() throws {
        var instance = Self.instance(InstancePolicies(maxLifetime: .seconds(300)))
        instance = Self.warned(instance, at: noon - .seconds(300))
        var stuck = Job.sample(.updateInstance, .confirm)
        stuck.firstSentAt = noon
        stuck.update = MachineUpdate(parts: [.upgrade], before: .small)
        instance.spec.image = "other:1"
        #expect(self.begun(instance, [stuck], at: noon + .seconds(299)) == nil)
        let commit = try #require(self.begun(instance, [stuck], at: noon + .seconds(300)))
        #expect(commit.jobs.map(\.job.state) == [.cancelled, .ready] && commit.instances.first?.spec == .small)
        let attempt = CreateAttempt(number: 1, placement: .standard, sentAt: noon, callDeadline: noon)
        let settling = Job.sample(.createInstance, .settle(attempt, absences: 0))
        #expect(self.begun(instance, [settling], at: noon + .seconds(300))?.jobs.map(\.job.state) == [.waiting])
    }

    @Test("A delete that is due waits for an image that is being saved as long as that may take; who saves it uses it")
    func savedBefore() throws {
        let instance = Self.warned(Self.instance(InstancePolicies(maxLifetime: .seconds(300))), at: noon - .seconds(300))
        let subject = Admission.Subject(instance: instance, jobs: [])
        let admitted = try self.admission.saveImage(ImageSave(image: "registry.example/saved:1"), subject, on: Self.occasion("SaveImage"))
        #expect(admitted.instance.touchedAt == noon)
        var saving = admitted.job
        #expect(self.begun(instance, [saving], at: noon + .seconds(300)) != nil, "it was not begun")
        saving.noteCall(at: noon)
        saving.step = .confirm
        #expect(self.begun(instance, [saving], at: noon + .seconds(7199)) == nil)
        #expect(self.begun(instance, [saving], at: noon + .seconds(7200)) != nil)
    }

    @Test("A clock that is two minutes off the provider's is not believed")
    func clockDoubt() {
        #expect(ClockDoubt.judge(skew: nil) == nil && ClockDoubt.judge(skew: .seconds(120)) == nil)
        #expect(ClockDoubt.judge(skew: .seconds(121))?.contains("121 s behind") == true)
        #expect(ClockDoubt.judge(skew: .seconds(-3600))?.contains("3600 s ahead of") == true)
        var stepper = JobStepper.sample(.sample(.createInstance, .boot, createdAt: noon - .seconds(9000)), .sample(.provisioning))
        #expect(stepper.booted(.sample("m1", "creating")).job?.state == .failed)
        stepper.believesClock = false
        #expect(stepper.booted(.sample("m1", "creating")).job?.state == .waiting)
    }

    @Test(
        "What is no policy is said by its field",
        arguments: [
            (InstancePolicies(idleStop: .seconds(59)), ["policies.idle_stop"]),
            (InstancePolicies(maxLifetime: .seconds(367 * 86_400), lease: .seconds(1)), ["policies.max_lifetime", "policies.lease"]),
            (InstancePolicies(stopAt: noon, deleteAt: noon + .seconds(1)), ["policies.stop_at"]), (InstancePolicies(), []),
        ])
    func rules(_ policies: InstancePolicies, _ fields: [String]) {
        #expect(SpecRules.violations(of: policies, at: noon).map(\.field) == fields)
    }
}
