import Fleet
import Testing

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

    private func begun(_ instance: Instance, _ jobs: [Job] = [], at now: Timestamp) -> Commit? {
        self.admission.automatic(
            Admission.Subject(instance: instance, jobs: jobs), jobID: JobID(rawValue: "j-auto"), at: now)
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
        #expect(Self.next(Self.instance(InstancePolicies(stopAt: noon - .seconds(500)))) == nil, "it was started since")
        #expect(Self.next(Self.instance(InstancePolicies(idleStop: .seconds(60)), .stopped)) == nil)
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
        let instance = Self.instance(InstancePolicies(idleStop: .seconds(400)))
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
        let fresh = self.admission.automatic(
            Admission.Subject(instance: instance, jobs: []), jobID: JobID(rawValue: "j"), servingSince: noon - .seconds(30), at: noon)
        #expect(fresh == nil)
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
        let last = Admission.upkeep(of: instance, touchedAt: noon + .seconds(20), at: noon + .seconds(600))
        #expect(last?.instances.first?.nextAction?.at == noon + .seconds(620))
    }

    @Test("Who starts it uses it")
    func starting() throws {
        let stopped = Self.instance(InstancePolicies(lease: .seconds(350)), .stopped)
        let occasion = Admission.Occasion(
            now: noon, instanceID: InstanceID(rawValue: "i-2"), jobID: JobID(rawValue: "j-2"),
            request: RequestKey(tenant: .default, method: "StartInstance", requestID: "r"), payloadDigest: [1])
        let started = try self.admission.change(.start, Admission.Subject(instance: stopped, jobs: []), on: occasion).instance
        #expect(started.touchedAt == noon)
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
