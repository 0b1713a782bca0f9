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
