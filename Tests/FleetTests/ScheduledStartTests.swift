import JSONText
import Testing

@testable import Fleet

@Suite("Starts at a time")
struct ScheduledStartTests {
    private let admission = Admission(settings: FleetSettings())

    /// Created ten minutes before noon, and down.
    private static func instance(_ state: InstanceState = .stopped, startAt: Timestamp = noon) -> Instance {
        var instance = Instance.sample(state)
        instance.desiredState = state == .running ? .running : .stopped
        if state == .stopped { instance.upstream?.status = "exited" }
        instance.policies = InstancePolicies(startAt: startAt)
        return instance
    }

    /// As the look of the policies at that time leaves it.
    private static func looked(_ instance: Instance, at now: Timestamp) -> Instance {
        Admission.upkeep(of: instance, touchedAt: nil, at: now)?.instances.first ?? instance
    }

    private func begun(_ instance: Instance, _ jobs: [Job] = [], at now: Timestamp) -> Commit? {
        self.admission.automatic(Admission.Subject(instance: instance, jobs: jobs), jobID: JobID(rawValue: "j-auto"), at: now)
    }

    private func change(_ change: Admission.Change, _ instance: Instance, at now: Timestamp) throws -> Admission.Admitted {
        var occasion = Admission.Occasion.sample()
        occasion.now = now
        return try self.admission.change(change, Admission.Subject(instance: instance, jobs: []), on: occasion)
    }

    @Test("What is stopped, or being stopped, is started at its time, after it was said, as money that begins to be spent")
    func begins() throws {
        #expect(Self.instance().judgeNextAction() == NextAction(kind: .start, cause: .schedule, at: noon))
        #expect(Self.instance(.stopping).judgeNextAction()?.kind == .start)
        let warned = Self.looked(Self.instance(), at: noon - .seconds(300))
        #expect(warned.stateMessage.contains("start because of SCHEDULE"))
        #expect(self.begun(warned, at: noon - .microseconds(1)) == nil)
        #expect(self.begun(warned, [.sample(.stopInstance, .confirm)], at: noon) == nil, "the stop is waited for")
        let commit = try #require(self.begun(warned, at: noon))
        let (job, started) = (try #require(commit.jobs.first?.job), try #require(commit.instances.first))
        #expect(job.type == .startInstance && job.cause == .schedule)
        #expect(started.desiredState == .running && started.startAskedAt == noon && started.judgeNextAction() == nil)
        #expect(commit.guards.contains(.permitted(.begin)))
        #expect(commit.audit.map(\.action) == ["StartMachine"] && commit.audit.map(\.cause) == ["SCHEDULE"])
        guard case .act(.start, _) = JobStepper.sample(job, started).plan() else { return unexpected("it is asked for") }
    }

    @Test("A time that passes while it runs starts nothing later, however it is stopped then")
    func passedWhileRunning() throws {
        let running = Self.instance(.running)
        #expect(running.judgeNextAction() == nil)
        var passed = Self.looked(running, at: noon)
        passed.state = .stopped
        #expect(passed.judgeNextAction() == nil, "somebody has stopped it at the provider")
        // Before any look of the policies.
        var stopped = try self.change(.stop, running, at: noon).instance
        stopped.state = .stopped
        #expect(stopped.judgeNextAction() == nil)
        var stopping = running
        stopping.desiredState = .stopped
        var late = Admission.upkeep(of: stopping, touchedAt: nil, isAtRest: false, at: noon)?.instances.first ?? stopping
        late.state = .stopped
        #expect(late.judgeNextAction()?.at == noon, "its stop was under way")
        var elsewhere = Self.looked(stopping, at: noon)
        elsewhere.state = .stopped
        #expect(elsewhere.judgeNextAction() == nil, "somebody had started it at the provider")
        var early = try self.change(.stop, running, at: noon - .seconds(1)).instance
        early.state = .stopped
        #expect(early.judgeNextAction()?.at == noon, "it was stopped before its time")
    }

    @Test("Who stops or starts it after its time has decided anew; another time counts again")
    func decidedSince() throws {
        var old = Self.instance()
        old.upstream?.observedAt = noon - .seconds(100)
        let stopped = try self.change(.stop, old, at: noon + .seconds(10)).instance
        #expect(stopped.judgeNextAction() == nil, "held by a freeze meanwhile, say")
        var started = try self.change(.start, Self.instance(), at: noon + .seconds(10)).instance
        (started.state, started.desiredState) = (.stopped, .stopped)
        #expect(started.judgeNextAction() == nil)
        var update = InstanceUpdate()
        update.policies = PolicyUpdate(InstancePolicies(startAt: noon + .seconds(600)), fields: [.startAt])
        let said = try self.admission.update(update, Admission.Subject(instance: stopped, jobs: []), on: .sample()).instance
        #expect(said.nextAction == NextAction(kind: .start, cause: .schedule, at: noon + .seconds(600)))
    }

    @Test("Whose start is cancelled before it was asked of the provider stays stopped")
    func cancelled() throws {
        let commit = try #require(self.begun(Self.looked(Self.instance(), at: noon - .seconds(300)), at: noon))
        let (job, started) = (try #require(commit.jobs.first?.job), try #require(commit.instances.first))
        let instance = try self.admission.cancel(job.id, Admission.Subject(instance: started, jobs: [job]), on: .sample()).instance
        #expect(instance.desiredState == .stopped && instance.state == .stopped && instance.judgeNextAction() == nil)
    }

    @Test("A policy that is changed after its time does not bring it back, not even where it was never done")
    func changedSince() throws {
        var update = InstanceUpdate()
        update.policies = PolicyUpdate(InstancePolicies(lease: .seconds(3600)), fields: [.lease])
        let said = try self.admission.update(update, Admission.Subject(instance: Self.instance(), jobs: []), on: .sample()).instance
        #expect(said.policies?.startAt == noon && said.nextAction?.kind != .start)
    }

    @Test(
        "Of what is late the newest counts",
        arguments: [(-100, nil, true), (-100, -50, false), (-50, -100, true), (-100, -100, false), (-100, 50, true)] as [(Int, Int?, Bool)])
    func late(_ start: Int, _ stop: Int?, _ isStarted: Bool) {
        var instance = Self.instance(startAt: noon + .seconds(start))
        instance.policies?.stopAt = stop.map { noon + .seconds($0) }
        instance.startAskedAt = instance.createdAt
        #expect((Self.looked(instance, at: noon).nextAction?.kind == .start) == isStarted)
        instance.policies?.deleteAt = noon - .seconds(1)
        #expect(Self.looked(instance, at: noon).nextAction?.kind == .delete, "a delete of later goes before")
        instance.deletionProtection = true
        #expect((Self.looked(instance, at: noon).nextAction?.kind == .start) == isStarted)
    }

    @Test("A stop that is late is not done after the start that was to follow it, though its job has been waiting")
    func lateStop() throws {
        var instance = Self.instance(.running, startAt: noon)
        instance.policies?.stopAt = noon - .seconds(500)
        instance.startAskedAt = instance.createdAt
        #expect(instance.judgeNextAction()?.kind == .stop)
        let passed = Self.looked(instance, at: noon)
        #expect(passed.judgeNextAction() == nil)
        #expect(Admission.upkeep(of: passed, touchedAt: nil, at: noon + .seconds(5)) == nil, "once")
        var job = Job.sample(.stopInstance, .send)
        job.cause = .schedule
        instance.desiredState = .stopped
        guard case .act(.stop, _) = JobStepper.sample(job, instance, at: noon - .seconds(1)).plan() else { return unexpected("it was due") }
        guard case .decided(let result) = JobStepper.sample(job, instance, at: noon).plan() else { return unexpected("nothing is asked") }
        #expect(result.job?.errorReason == "NOT_DUE" && result.instance?.desiredState == .running)
    }

    @Test("A start that waits to be sent is dropped when its owner takes it away or puts it off", arguments: [nil, 600] as [Int?])
    func withdrawn(_ later: Int?) throws {
        let commit = try #require(self.begun(Self.looked(Self.instance(), at: noon - .seconds(300)), at: noon))
        var stepper = JobStepper.sample(try #require(commit.jobs.first?.job), try #require(commit.instances.first), at: noon + .seconds(60))
        guard case .act(.start, _) = stepper.plan() else { return unexpected("it is wanted") }
        stepper.instance.policies?.startAt = later.map { noon + .seconds($0) }
        guard case .decided(let result) = stepper.plan() else { return unexpected("it is not wanted any more") }
        #expect(result.job?.errorReason == "NOT_DUE" && result.instance?.desiredState == .stopped)
    }

    @Test("A start that may have been taken is followed, whatever is said since; one that has not is dropped when its end has come")
    func mayHaveBeenTaken() throws {
        let commit = try #require(self.begun(Self.looked(Self.instance(), at: noon - .seconds(300)), at: noon))
        var stepper = JobStepper.sample(try #require(commit.jobs.first?.job), try #require(commit.instances.first), at: noon + .seconds(60))
        stepper.instance.policies?.stopAt = noon + .seconds(30)
        guard case .decided(let result) = stepper.plan() else { return unexpected("it would be stopped at once") }
        #expect(result.job?.errorReason == "NOT_DUE" && result.instance?.desiredState == .stopped)
        stepper.job.callsTaken = 1
        stepper.instance.policies?.startAt = nil
        guard case .act(.start, _) = stepper.plan() else { return unexpected("nobody would follow it") }
    }

    @Test("A start that waits is not dropped for a lease that may have had no server to be renewed at")
    func leasedMeanwhile() throws {
        var instance = Self.instance()
        instance.policies?.lease = .seconds(300)
        instance.touchedAt = noon - .seconds(60)
        let commit = try #require(self.begun(Self.looked(instance, at: noon - .seconds(300)), at: noon))
        let (job, started) = (try #require(commit.jobs.first?.job), try #require(commit.instances.first))
        guard case .act(.start, _) = JobStepper.sample(job, started, at: noon + .seconds(7200)).plan() else {
            return unexpected("it is wanted")
        }
    }

    @Test(
        "A create in line is given up for a stop that has passed, but not for one that its start has overtaken", arguments: [true, false])
    func inLine(isOvertaken: Bool) {
        var instance = Self.instance(.pending, startAt: noon - .seconds(isOvertaken ? 10 : 200))
        instance.policies?.stopAt = noon - .seconds(100)
        instance.startAskedAt = instance.createdAt
        #expect(instance.isOutlived(at: noon) != isOvertaken)
    }

    @Test("A later wish than that of a policy's dropped job stands")
    func laterWish() throws {
        let commit = try #require(self.begun(Self.looked(Self.instance(), at: noon - .seconds(300)), at: noon))
        var stepper = JobStepper.sample(try #require(commit.jobs.first?.job), try #require(commit.instances.first), at: noon + .seconds(60))
        stepper.instance.policies?.startAt = nil
        (stepper.instance.desiredState, stepper.instance.jobID) = (.stopped, JobID(rawValue: "j-later"))
        stepper.instance.upstream?.status = "unheard-of"
        guard case .decided(let result) = stepper.plan() else { return unexpected("it is not wanted any more") }
        #expect(result.instance?.desiredState == .stopped)
    }

    @Test("A start that fails is no standing wish: nothing else has the machine run for it")
    func failed() throws {
        let commit = try #require(self.begun(Self.looked(Self.instance(), at: noon - .seconds(300)), at: noon))
        let stepper = JobStepper.sample(try #require(commit.jobs.first?.job), try #require(commit.instances.first))
        let failed = stepper.failed(.providerError, "no", stepper.job)
        #expect(failed.job?.state == .failed && failed.instance?.desiredState == .stopped)
    }

    @Test("While a stopped machine is changed, and where nobody knows what it is, its start waits; a clock in doubt takes none away")
    func waits() {
        for state in [InstanceState.updating, .unrecognized, .stopping] {
            var instance = Self.instance(state)
            instance = Self.looked(instance, at: noon)
            instance.state = .stopped
            #expect(instance.judgeNextAction()?.at == noon, "\(state)")
        }
        let running = Self.instance(.running, startAt: noon + .seconds(86_400))
        let ahead = noon + .seconds(90_000)
        #expect(Admission.upkeep(of: running, touchedAt: nil, believesClock: false, at: ahead) == nil)
        var spent = Self.looked(running, at: ahead)
        #expect(spent.calledOff?.count == 1)
        spent = Admission.upkeep(of: spent, touchedAt: nil, isClockSure: true, at: noon)?.instances.first ?? spent
        spent.state = .stopped
        #expect(spent.judgeNextAction()?.at == noon + .seconds(86_400), "by a clock that was a day ahead it had passed")
    }

    @Test("A stop that a clock ahead took for overtaken is done all the same, and a start after a policy that it changed")
    func stopByWrongClock() {
        var instance = Self.instance(.running, startAt: noon + .seconds(40_000))
        instance.policies?.stopAt = noon + .seconds(3600)
        instance.policiesSaidAt = noon + .seconds(86_400)
        let ahead = Self.looked(instance, at: noon + .seconds(86_400))
        #expect(ahead.judgeNextAction() == nil)
        var known = Admission.upkeep(of: ahead, touchedAt: nil, isClockSure: true, at: noon)?.instances.first ?? ahead
        #expect(known.judgeNextAction() == NextAction(kind: .stop, cause: .schedule, at: noon + .seconds(3600)))
        known.state = .stopped
        #expect(known.judgeNextAction() == NextAction(kind: .start, cause: .schedule, at: noon + .seconds(40_000)))
    }

    @Test("Who cancels a start of their own after its time does not want that one either")
    func cancelledOwn() throws {
        var held = try self.change(.start, Self.instance(), at: noon - .seconds(60))
        held.instance.state = .stopped
        var occasion = Admission.Occasion.sample()
        occasion.now = noon + .seconds(60)
        let cancelled = try self.admission.cancel(held.job.id, Admission.Subject(instance: held.instance, jobs: [held.job]), on: occasion)
        #expect(cancelled.instance.desiredState == .stopped && cancelled.instance.judgeNextAction() == nil)
    }

    @Test("A release that knows no starts can read the row")
    func rows() throws {
        let action = NextAction(kind: .start, cause: .schedule, at: noon)
        let text = try JSONTextEncoder.text(of: action)
        #expect(text.contains(#""kind":"stop""#))
        #expect(try JSONTextDecoder.decode(NextAction.self, from: text) == action)
        let stop = NextAction(kind: .stop, cause: .idle, at: noon)
        #expect(try !JSONTextEncoder.text(of: stop).contains("isStart"))
    }

    @Test("What is going, an orphan, or what a later delete has to end is not started; a delete of the same time goes before")
    func exceptions() {
        var deleted = Self.instance()
        deleted.desiredState = .deleted
        #expect(deleted.judgeNextAction() == nil)
        var orphan = Self.instance()
        orphan.orphanedSince = noon
        #expect(orphan.judgeNextAction() == nil)
        var ending = Self.instance()
        ending.policies?.deleteAt = noon
        #expect(ending.judgeNextAction()?.kind == .delete)
        #expect(Self.instance(startAt: noon).judgeNextAction(ServiceTimes(activatedAt: noon)) == nil, "a database from the past")
    }

    @Test("It must lie ahead", arguments: [(-1, false), (0, false), (1, true), (366 * 86_400, true), (366 * 86_400 + 1, false)])
    func rules(_ seconds: Int, _ isAllowed: Bool) {
        let found = SpecRules.violations(of: InstancePolicies(startAt: noon + .seconds(seconds)), at: noon)
        #expect(found.map(\.field) == (isAllowed ? [] : ["policies.start_at"]))
    }
}
