import Testing

@testable import Fleet

@Suite("Steps of a create")
struct CreateStepTests {
    private static let attempt = CreateAttempt(number: 1, placement: .standard, sentAt: noon, callDeadline: noon + .seconds(30))
    private static let windowEnd = noon + .seconds(630)

    private func settling(_ absences: Int = 0, at now: Timestamp = noon, desired: DesiredState = .running) -> JobStepper {
        var instance = Instance.sample(.pending, upstream: nil)
        instance.desiredState = desired
        var job = Job.sample(.createInstance, .settle(Self.attempt, absences: absences))
        job.createCalls = 1
        return .sample(job, instance, at: now)
    }

    private func listing(_ machines: [Machine], begunAt: Timestamp) -> MachineListing {
        MachineListing(machines: machines, begunAt: begunAt)
    }

    private var planner: Planner {
        Planner(
            catalogue: Catalogue(
                products: [.sample("4090", "RTX 4090 24GB", clusters: ["us-ca-6", "eu-de-1"])],
                clusters: [Cluster(id: "us-ca-6", name: "US", productNames: []), Cluster(id: "eu-de-1", name: "EU", productNames: [])],
                fetchedAt: noon),
            cooldowns: Cooldowns(), defaultRegion: nil)
    }

    @Test("Before the call the row says settle, with the deadline and a new token; the lease is kept, the instance is guarded")
    func writeAhead() throws {
        var job = Job.sample(.createInstance, .place)
        job.createCalls = 2
        let instance = Instance.sample(.pending, upstream: nil)
        let result = JobStepper.sample(job, instance).placed(planner: self.planner)
        guard case .create(let attempt) = result.call, case .settle(let written, 0) = result.job?.step else {
            Issue.record("\(result)")
            return
        }
        #expect(attempt == written && attempt.number == 3 && attempt.callDeadline == noon + .seconds(30))
        #expect(
            result.commit.guards == [
                .lease(job.id, testLease), .instance(instance.id, instance.revision), .permitted(.begin), .queueIsOpen(.createInstance),
            ])
        #expect(result.commit.jobs.first?.keepsLease == true)
        #expect(result.instance?.id == instance.id)
    }

    @Test("A freeze or a pause takes nothing from the time that a create has to bring a machine up")
    func held() throws {
        let freeze = FleetControl.Freeze(actor: "ann", reason: "", since: noon)
        var stepper = JobStepper.sample(.sample(.createInstance, .place), .sample(.pending, upstream: nil))
        for minutes in stride(from: 0, through: 60, by: 10) {
            stepper.now = noon + .seconds(minutes * 60)
            guard case .catalogue = stepper.plan() else { return unexpected("failed after \(minutes) min") }
            stepper.job = try #require(stepper.held(by: .control(.frozen(freeze))).job)
        }
        stepper.now = stepper.now + FleetSettings().startupTimeout + .seconds(11)
        guard case .decided(let result) = stepper.plan() else { return unexpected("it has no end") }
        #expect(result.job?.errorReason == "STARTUP_TIMEOUT")
    }

    @Test("Another process begins the settle window anew: the times of the one before may be of another clock")
    func newProcess() {
        let listing = self.listing([], begunAt: Self.windowEnd + .seconds(1))
        for (began, absences) in [(noon, 1), (noon + .seconds(60), 0)] {
            var stepper = self.settling(at: Self.windowEnd + .seconds(1))
            stepper.processBegan = began
            guard case .settle(_, let counted) = stepper.settled(listing, search: listing, isCredible: true).job?.step else {
                return unexpected(began)
            }
            #expect(counted == absences)
        }
    }

    @Test("A dearer offer than the admitted one is checked against the ceilings again")
    func dearer() {
        let own = Ceilings(maxInstances: 2, maxHourlySpend: .dollars(3))
        let owner = Owner(principal: PrincipalID(rawValue: "ann"), ceilings: own)
        var instance = Instance.sample(.pending, upstream: nil, owner: owner)
        instance.placement?.hourlyPrice = MicroUSD(micros: 1)
        let result = JobStepper.sample(.sample(.createInstance, .place), instance).placed(planner: self.planner)
        #expect(result.commit.guards.contains(.ceilings(FleetSettings().ceilings)))
        #expect(result.commit.guards.contains(.ownCeilings(own, owner.principal)))
    }

    @Test("A refused offer is not asked again by this job; when all refused it fails and nothing is owed")
    func refused() throws {
        let result = self.settling().created(.refused(CloudError(.capacity, "none")), attempt: Self.attempt)
        let job = try #require(result.job)
        #expect(job.step == .place && job.refusedCandidates == [Placement.standard.candidate])
        let next = JobStepper.sample(job, .sample(.pending, upstream: nil)).placed(planner: self.planner)
        guard case .create(let attempt) = next.call else { return unexpected("\(next)") }
        #expect(attempt.placement.clusterID == "eu-de-1" && attempt.number == 2)
        var exhausted = job
        exhausted.refusedCandidates.append(attempt.placement.candidate)
        let end = JobStepper.sample(exhausted, .sample(.pending, upstream: nil)).placed(planner: self.planner)
        #expect(end.job?.state == .failed && end.job?.errorReason == "NO_CAPACITY")
        #expect(end.instance?.state == .failed && end.instance?.liableMachines == 0)
    }

    @Test("What the provider refuses for good ends the create", arguments: [CloudError.Code.money, .invalidRequest, .unauthorized])
    func refusedForGood(_ code: CloudError.Code) {
        let result = self.settling().created(.refused(CloudError(code, "no")), attempt: Self.attempt)
        #expect(result.job?.state == .failed && result.instance?.state == .failed && result.instance?.stateReason == .refused)
    }

    @Test(
        "A call that was certainly not taken is tried again, later",
        arguments: [CloudError.Code.rateLimited, .notAttempted, .unavailable, .transport])
    func notTaken(_ code: CloudError.Code) {
        let result = self.settling().created(.refused(CloudError(code, "later", retryAfter: .seconds(17))), attempt: Self.attempt)
        #expect(result.job?.step == .place && result.job?.dueAt == noon + .seconds(17) && result.job?.refusedCandidates == [])
    }

    @Test("An unclear outcome asks for nothing: it looks", arguments: [CloudError.Code.transport, .unavailable, .malformedReply])
    func unclear(_ code: CloudError.Code) {
        let result = self.settling().created(.unclear(CloudError(code, "?")), attempt: Self.attempt)
        #expect(result.job?.step == .settle(Self.attempt, absences: 0) && result.job?.attempts.count == 1)
        #expect((result.job?.dueAt).map { $0 > noon && $0 <= noon + .seconds(8) } == true)
    }

    @Test("Presence is proof at first sight, whatever the attempt in the token")
    func adopted() {
        let result = self.settling().settled(
            self.listing(
                [
                    .sample("m9", "creating", attempt: 4), .sample("x", instance: "i-2"),
                    .sample("y", deployment: DeploymentID(rawValue: "o")),
                ], begunAt: noon),
            isCredible: true)
        #expect(result.job?.step == .boot && result.instance?.upstream?.id.rawValue == "m9" && result.instance?.state == .provisioning)
        #expect(result.instance?.debts == [])
    }

    @Test("Of two the running one is kept, else the older; the other is a debt", arguments: [("m2", "running"), ("m1", "pulling")])
    func two(_ kept: String, _ statusOfSecond: String) {
        let result = self.settling().settled(
            self.listing(
                [.sample("m1", "pulling", createdAt: noon - .seconds(9)), .sample("m2", statusOfSecond, attempt: 2, createdAt: noon)],
                begunAt: noon), isCredible: true)
        #expect(result.instance?.upstream?.id.rawValue == kept)
        #expect(result.instance?.debts.map(\.upstreamID.rawValue) == [kept == "m1" ? "m2" : "m1"])
        #expect(result.instance?.liableMachines == 2)
    }

    @Test("Of two the one that is named for us is kept; one that holds our token only in its environment is no debt")
    func clone() {
        let machines = [
            Machine.sample("m1", "running", createdAt: noon - .seconds(9), name: "clone"), .sample("m2", "pulling", createdAt: noon),
        ]
        let result = self.settling().settled(self.listing(machines, begunAt: noon), isCredible: true)
        #expect(result.instance?.upstream?.id.rawValue == "m2" && result.instance?.debts == [])
        let alone = self.settling().settled(self.listing([machines[0]], begunAt: noon), isCredible: true)
        #expect(alone.instance?.upstream?.id.rawValue == "m1", "found again after its name was changed by hand")
    }

    @Test(
        "The price is that of the attempt that brought the machine; when it is not known, the dearest",
        arguments: [(1, 500), (2, 90), (9, 500)])
    func priceOfAttempt(_ attempt: Int, _ price: Int64) throws {
        func settling(_ number: Int, _ price: Int64, _ before: JobStepper) throws -> JobStepper {
            var next = before
            next.job.step = .place
            let offer = Product.sample("4090", "RTX 4090 24GB", price: price, clusters: ["us-ca-6"])
            let planner = Planner(
                catalogue: Catalogue(products: [offer], clusters: [Cluster(id: "us-ca-6", name: "US", productNames: [])], fetchedAt: noon),
                cooldowns: Cooldowns(), defaultRegion: nil)
            let result = next.placed(planner: planner)
            return .sample(try #require(result.job), try #require(result.instance))
        }
        let first = try settling(1, 500, .sample(.sample(.createInstance, .place), .sample(.pending, upstream: nil)))
        let second = try settling(2, 90, first)
        #expect(second.instance.placement?.hourlyPrice == MicroUSD(micros: 90))
        let adopted = second.settled(self.listing([.sample("m1", attempt: attempt)], begunAt: noon), isCredible: true)
        #expect(adopted.instance?.placement?.hourlyPrice == MicroUSD(micros: price))
        let two = second.settled(
            self.listing([.sample("m1"), .sample("m2", "pulling", attempt: attempt)], begunAt: noon), isCredible: true)
        #expect(two.instance?.debts.map(\.hourlyPrice) == [MicroUSD(micros: price)])
        let answered = second.created(.created(UpstreamID(rawValue: "m1")), attempt: try #require(second.attempt))
        #expect(answered.instance?.placement?.hourlyPrice == MicroUSD(micros: 90))
    }

    struct Absence: Sendable, CustomTestStringConvertible {
        var before: Int
        var begunAfterWindow: Duration
        var isCredible = true
        /// Begun after the end of the window; nil: not made.
        var search: Duration? = .seconds(20)
        var after: JobStep
        var testDescription: String { "\(self.before), \(self.begunAfterWindow), \(self.isCredible), \(String(describing: self.search))" }
    }

    @Test(
        "Absence is proof by two credible listings begun after the settle window, each with a search by name",
        arguments: [
            Absence(before: 0, begunAfterWindow: .zero, after: .settle(attempt, absences: 0)),
            Absence(before: 0, begunAfterWindow: .seconds(1), after: .settle(attempt, absences: 1)),
            Absence(before: 1, begunAfterWindow: .seconds(1), isCredible: false, after: .settle(attempt, absences: 1)),
            Absence(before: 1, begunAfterWindow: .seconds(-1), after: .settle(attempt, absences: 1)),
            Absence(before: 1, begunAfterWindow: .seconds(6), search: nil, after: .settle(attempt, absences: 1)),
            Absence(before: 1, begunAfterWindow: .seconds(6), search: .zero, after: .settle(attempt, absences: 1)),
            Absence(before: 1, begunAfterWindow: .seconds(6), after: .place),
        ])
    func absence(_ example: Absence) {
        let begunAt = Self.windowEnd + example.begunAfterWindow
        let result = self.settling(example.before, at: begunAt).settled(
            self.listing([], begunAt: begunAt), search: example.search.map { self.listing([], begunAt: Self.windowEnd + $0) },
            isCredible: example.isCredible)
        #expect(result.job?.step == example.after)
    }

    @Test("A search by name is made where the listing would count as proof; what it finds is adopted")
    func search() {
        let after = Self.windowEnd + .seconds(6)
        let settling = self.settling(1, at: after)
        #expect(settling.searchBeforeAbsence(in: self.listing([], begunAt: after), isCredible: true) == "ourdeployment000.i-1.")
        #expect(settling.searchBeforeAbsence(in: self.listing([], begunAt: after), isCredible: false) == nil)
        #expect(settling.searchBeforeAbsence(in: self.listing([], begunAt: Self.windowEnd), isCredible: true) == nil)
        #expect(settling.searchBeforeAbsence(in: self.listing([.sample("m1")], begunAt: after), isCredible: true) == nil)
        let found = settling.settled(
            self.listing([], begunAt: after), search: self.listing([.sample("m1", "pulling")], begunAt: after), isCredible: true)
        #expect(found.job?.step == .boot && found.instance?.upstream?.id.rawValue == "m1" && found.instance?.debts == [])
        let twice = settling.settled(
            self.listing([.sample("m1")], begunAt: after), search: self.listing([.sample("m1")], begunAt: after), isCredible: true)
        #expect(twice.instance?.debts == [], "one machine seen twice is one")
    }

    @Test("A create that is no longer wanted settles first, then gives way")
    func supersededWhileSettling() {
        let wanted = self.settling(desired: .deleted)
        guard case .listing = wanted.plan() else { return unexpected("it must go on looking") }
        let adopted = wanted.settled(self.listing([.sample("m1", "creating")], begunAt: noon), isCredible: true)
        #expect(adopted.job?.state == .cancelled && adopted.instance?.upstream?.id.rawValue == "m1" && adopted.instance?.state == .deleting)
        let absent = self.settling(1, at: Self.windowEnd + .seconds(9), desired: .deleted)
            .settled(
                self.listing([], begunAt: Self.windowEnd + .seconds(8)), search: self.listing([], begunAt: Self.windowEnd + .seconds(9)),
                isCredible: true)
        #expect(absent.job?.state == .cancelled)
    }

    // MARK: boot

    private func booting(at now: Timestamp = noon, spec: InstanceSpec = .small, error: String = "") -> JobStepper {
        var instance = Instance.sample(.provisioning, status: "pulling", spec: spec)
        instance.upstream?.error = error
        var job = Job.sample(.createInstance, .boot)
        job.state = .waiting
        return .sample(job, instance, at: now)
    }

    @Test("A look that shows nothing new is no event")
    func quietLook() {
        let result = self.booting().booted(.sample("m1", "pulling"))
        #expect(result.commit.instances.isEmpty && result.commit.jobs.map(\.isVisible) == [false])
    }

    @Test("Ready is: it runs, and every port of the spec has an endpoint")
    func ready() {
        #expect(self.booting().booted(.sample("m1", "running")).job?.state == .succeeded)
        let half = self.booting(spec: .web).booted(.sample("m1", "running"))
        #expect(half.job?.step == .boot && half.instance?.state == .running && half.instance?.readiness == .notReady)
        let whole = self.booting(spec: .web).booted(.sample("m1", "running", ports: [80]))
        #expect(whole.job?.state == .succeeded && whole.instance?.readiness == .ready && whole.instance?.runningSince == noon)
    }

    private static let others: [(change: @Sendable (inout Machine) -> Void, words: String)] = [
        ({ $0.productID = "3090" }, "product 3090 instead of 4090"),
        ({ $0.gpuCount = 2 }, "GPUs: 2 instead of 1"),
        ({ $0.clusterID = "eu-de-1" }, "region eu-de-1 instead of us-ca-6"),
        ({ $0.billingMode = .spot }, "billed spot instead of onDemand"),
        ({ $0.diskGB = 59 }, "disk of 59 GB instead of 60"),
    ]

    @Test(
        "A machine that is another than was asked for is kept, for it runs and is billed, and what is different is said", arguments: others)
    func givenAnother(_ change: @Sendable (inout Machine) -> Void, _ words: String) {
        var machine = Machine.sample("m1", "running")
        change(&machine)
        let result = self.booting().booted(machine)
        #expect(result.job?.state == .succeeded && result.instance?.state == .running)
        #expect(result.instance?.stateMessage == "the provider gave another machine than was asked for: \(words)")
    }

    @Test("What the provider does not show, or gives beyond what was asked for, is no difference")
    func givenAsAsked() {
        var machine = Machine.sample("m1", "running")
        (machine.gpuCount, machine.billingMode, machine.diskGB) = (1, .onDemand, 100)
        #expect(self.booting().booted(machine).instance?.stateMessage == "")
        (machine.productID, machine.clusterID, machine.gpuCount, machine.billingMode, machine.diskGB) = ("", "", nil, nil, nil)
        #expect(self.booting().booted(machine).instance?.stateMessage == "")
    }

    @Test("What does not run in time is given up: a delete of its own follows, and money is counted until then")
    func givenUp() {
        let late = self.booting(at: noon + .seconds(1200)).booted(.sample("m1", "pulling"))
        #expect(late.job?.state == .failed && late.job?.errorReason == "STARTUP_TIMEOUT")
        #expect(late.commit.jobs.map(\.job.type) == [.createInstance, .deleteInstance])
        #expect(late.instance?.state == .deleting && late.instance?.liableMachines == 1 && late.instance?.jobID?.rawValue == "j-spare")
        #expect(self.booting(at: noon + .seconds(1200)).booted(.sample("m1", "running")).job?.state == .succeeded)
    }

    @Test("The provider's own error counts when it is seen twice")
    func providerError() {
        #expect(self.booting().booted(.sample("m1", "pulling", error: "no image")).job?.step == .boot)
        let twice = self.booting(error: "no image").booted(.sample("m1", "pulling", error: "no image"))
        #expect(twice.job?.errorReason == "PROVIDER_ERROR" && twice.instance?.stateReason == .providerError)
    }

    @Test(
        "A word that does not say that the machine never ran deletes nothing, however late it is and whatever error stands with it",
        arguments: ["levitating", "", "freezing", "migrating", "stopping", "restarting", "resetting", "exited"], ["", "odd"])
    func leftAlone(_ status: String, _ error: String) {
        let result = self.booting(at: noon + .seconds(1200), error: error).booted(.sample("m1", status, error: error))
        #expect(result.commit.jobs.map(\.job.type) == [.createInstance] && result.instance?.desiredState == .running)
        guard status != "exited" else { return #expect(result.job?.step == .boot, "seen stopped once") }
        #expect(result.job?.state == .failed && result.job?.errorReason == "STARTUP_TIMEOUT")
        #expect(result.instance?.upstream?.status == status && result.instance?.liableMachines == 1)
    }

    @Test("A machine that ran or stopped by itself is never deleted by its create")
    func stopped() {
        let late = noon + .seconds(1300)
        let once = self.booting(at: late).booted(.sample("m1", "exited"))
        #expect(once.job?.step == .boot && once.instance?.state == .stopped)
        var instance = Instance.sample(.stopped, status: "exited")
        instance.runningSince = nil
        let twice = JobStepper.sample(.sample(.createInstance, .boot), instance, at: late).booted(.sample("m1", "exited"))
        #expect(twice.job?.errorReason == "STOPPED_EARLY" && twice.instance?.state == .stopped && twice.commit.jobs.count == 1)
        instance.runningSince = noon
        let ran = JobStepper.sample(.sample(.createInstance, .boot), instance, at: late).booted(.sample("m1", "stopping"))
        #expect(ran.job?.state == .succeeded && ran.instance?.state == .stopping)
    }

    @Test("An unknown status word is kept and shown, and nothing is done about it")
    func unknownWord() {
        let result = self.booting().booted(.sample("m1", "levitating"))
        #expect(result.instance?.state == .unrecognized && result.instance?.upstream?.status == "levitating")
        #expect(result.job?.step == .boot && result.call == nil)
    }

    @Test("Gone is what two direct reads in a row do not find")
    func vanished() {
        let once = self.booting().booted(nil)
        #expect(once.job?.absences == 1 && once.job?.state.isFinal == false)
        var job = Job.sample(.createInstance, .boot)
        job.absences = 1
        let stepper = JobStepper.sample(job, .sample(.provisioning))
        guard case .look(_, isDirect: true) = stepper.plan() else { return unexpected("the second look must be direct") }
        let twice = stepper.booted(nil)
        #expect(twice.instance?.state == .deleted && twice.instance?.stateReason == .vanished && twice.job?.errorReason == "VANISHED")
    }

    @Test("A machine that was just adopted is not gone because a read does not find it yet", arguments: [(0, 0), (119, 0), (120, 1)])
    func notYetVisible(_ seconds: Int, _ absences: Int) throws {
        let adopted = self.settling().created(.created(UpstreamID(rawValue: "m1")), attempt: Self.attempt)
        let (job, instance) = (try #require(adopted.job), try #require(adopted.instance))
        let result = JobStepper.sample(job, instance, at: noon + .seconds(seconds)).booted(nil)
        #expect(result.job?.step == .boot && result.job?.absences == absences && result.commit.instances.isEmpty)
    }
}
