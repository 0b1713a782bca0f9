import Testing

@testable import Fleet

@Suite("Waiting for capacity")
struct CapacityWaitTests {
    private static let until = noon + .seconds(3600)

    private static func spec(gpus: Int = 1, until: Timestamp? = Self.until, maxPrice: MicroUSD? = nil) -> InstanceSpec {
        var spec = InstanceSpec.small
        (spec.gpuCount, spec.waitForCapacityUntil, spec.maxHourlyPrice) = (gpus, until, maxPrice)
        return spec
    }

    private static func planner(isAvailable: Bool, price: Int64? = 350_000, cooldowns: Cooldowns = Cooldowns()) -> Planner {
        Planner(
            catalogue: Catalogue(
                products: [.sample("4090", "RTX 4090 24GB", price: price, isAvailable: isAvailable)],
                clusters: [Cluster(id: "us-ca-6", name: "US-CA-06 (California)", productNames: [])], fetchedAt: noon),
            cooldowns: cooldowns, defaultRegion: nil)
    }

    private func waiting(
        _ spec: InstanceSpec = Self.spec(), since: Timestamp? = noon, desired: DesiredState = .running, at now: Timestamp = noon
    ) -> JobStepper {
        var instance = Instance.sample(.pending, upstream: nil, spec: spec)
        instance.desiredState = desired
        var job = Job.sample(.createInstance, .place)
        job.capacityWaitSince = since
        return .sample(job, instance, at: now)
    }

    @Test("Without room a create that may wait is PENDING for NO_CAPACITY and due with all others; one that may not fails")
    func turnedAway() throws {
        let now = noon + .seconds(7)
        let result = self.waiting(since: nil, at: now).placed(planner: Self.planner(isAvailable: false))
        let job = try #require(result.job)
        #expect(result.call == nil && job.state == .waiting && job.step == .place && job.capacityWaitSince == now)
        #expect(job.dueAt == noon + .seconds(60) && job.createCalls == 0)
        #expect(result.instance?.state == .pending && result.instance?.stateReason == .noCapacity)
        let other = self.waiting(Self.spec(until: nil), since: nil).placed(planner: Self.planner(isAvailable: false))
        #expect(other.job?.state == .failed && other.job?.errorReason == "NO_CAPACITY" && other.instance?.state == .failed)
    }

    @Test("A product that is sold out in the wanted billing mode and offered in the other is waited for")
    func soldOutInOneMode() throws {
        var product = Product.sample("4090", "RTX 4090 24GB")
        product.soldOutPrices = [.spot: MicroUSD(micros: 180_000)]
        let catalogue = Catalogue(
            products: [product], clusters: [Cluster(id: "us-ca-6", name: "US-CA-06 (California)", productNames: [])], fetchedAt: noon)
        var spec = Self.spec()
        spec.billingMode = .spot
        let result = self.waiting(spec, since: nil)
            .placed(planner: Planner(catalogue: catalogue, cooldowns: Cooldowns(), defaultRegion: nil))
        #expect(result.job?.state == .waiting && result.job?.isInCapacityLine == true)
    }

    @Test("A look that changes nothing is no event")
    func quiet() throws {
        let first = self.waiting(since: nil).placed(planner: Self.planner(isAvailable: false))
        var stepper = JobStepper.sample(try #require(first.job), try #require(first.instance), at: noon + .seconds(60))
        stepper.instance.revision = Revision(7)
        let second = stepper.placed(planner: Self.planner(isAvailable: false))
        #expect(second.commit.instances.isEmpty && second.commit.jobs.map(\.isVisible) == [false])
        #expect(second.job?.dueAt == noon + .seconds(120))
    }

    @Test(
        "It looks until its deadline and not after; the last look is at the deadline itself, and a clock in doubt ends nothing",
        arguments: [(0, false), (3599, false), (3600, true), (9000, true)])
    func deadline(seconds: Int, isOver: Bool) throws {
        var stepper = self.waiting(at: noon + .seconds(seconds))
        switch stepper.plan() {
        case .catalogue: #expect(!isOver)
        case .decided(let result):
            #expect(isOver && result.job?.errorReason == "NO_CAPACITY" && result.instance?.state == .failed && result.call == nil)
        default: Issue.record("another plan")
        }
        stepper.believesClock = false
        guard case .catalogue = stepper.plan() else { return unexpected("ended by a doubtful clock") }
        let last = self.waiting(at: noon + .seconds(3590)).placed(planner: Self.planner(isAvailable: false))
        #expect(last.job?.dueAt == Self.until)
    }

    @Test("A policy that would delete its machine ends the wait when its time comes", arguments: [(599, false), (600, true)])
    func outlived(seconds: Int, isOver: Bool) {
        for policies in [
            InstancePolicies(maxLifetime: .seconds(1200)), InstancePolicies(deleteAt: noon + .seconds(600)),
            // Nothing would stop what runs after that.
            InstancePolicies(stopAt: noon + .seconds(600)),
        ] {
            // The instance was made ten minutes ago.
            var stepper = self.waiting(at: noon + .seconds(seconds))
            stepper.instance.policies = policies
            guard case .decided(let result) = stepper.plan() else {
                #expect(!isOver)
                continue
            }
            #expect(isOver && result.instance?.state == .deleted && result.instance?.stateReason == .policy)
            #expect(result.job?.state == .cancelled && result.job?.errorReason == "POLICY" && result.call == nil)
        }
    }

    @Test("What is protected, or called off, does not end the wait; nor does a lease, which begins with a machine")
    func notOutlived() {
        var stepper = self.waiting(at: noon + .seconds(600))
        stepper.instance.policies = InstancePolicies(deleteAt: noon + .seconds(600))
        stepper.instance.deletionProtection = true
        guard case .catalogue = stepper.plan() else { return unexpected("protected") }
        stepper.instance.deletionProtection = false
        stepper.instance.callOff(.delete, .schedule)
        guard case .catalogue = stepper.plan() else { return unexpected("called off") }
        stepper.instance.policies = InstancePolicies(lease: .seconds(60))
        guard case .catalogue = stepper.plan() else { return unexpected("lease") }
        #expect(stepper.instance.judgeNextAction() == nil)
    }

    @Test("Who has left the line asks no later than it was allowed to")
    func deadlineAfterLine() {
        let later = noon + .seconds(90_000)
        var waiting = self.waiting()
        waiting.job.leaveLine(at: noon)
        guard case .decided(let end) = JobStepper.sample(waiting.job, waiting.instance, at: later).plan() else {
            return unexpected("it buys")
        }
        #expect(end.job?.errorReason == "NO_CAPACITY" && end.call == nil)
    }

    @Test("A machine that an earlier call brings late is taken, and nothing else is asked for")
    func late() {
        let line = self.waiting(since: nil).placed(planner: Self.planner(isAvailable: false))
        guard let job = line.job, let instance = line.instance else { return unexpected(line) }
        #expect(instance.waitsForCapacity && instance.billedHourlySpend == .zero && instance.liableHourlySpend > .zero)
        let reconciliation = Reconciliation(deployment: ours, brake: Brake())
        func questions(_ machine: Machine) -> [ReconciliationQuestion] {
            reconciliation.questions(
                from: MachineListing(machines: [machine], begunAt: noon), living: [instance], busy: [instance.id], believesAbsence: true)
        }
        #expect(questions(.sample("m1")).map(\.kind) == [.extra])
        #expect(questions(.sample("m1", name: "a copy")).isEmpty, "not proven ours")
        guard let question = questions(.sample("m1")).first,
            case .commit(let commit) = reconciliation.answer(
                question, instance: instance, machine: .sample("m1"), wasAbsent: false, placement: nil, at: noon),
            let found = commit.instances.first
        else { return unexpected("not taken") }
        #expect(found.upstream?.id.rawValue == "m1" && found.state == .running && found.debts.isEmpty)
        #expect(commit.guards.contains(.instance(instance.id, instance.revision)) && commit.audit.count == 1)
        guard case .decided(let next) = JobStepper.sample(job, found, at: noon + .seconds(9000)).plan()
        else { return unexpected("it asks") }
        #expect(next.job?.step == .boot && next.call == nil && next.job?.isInCapacityLine == false)
    }

    @Test("The time for its start begins when it asks: neither the wait nor the looks after it count from being accepted")
    func freshClock() throws {
        let late = noon + .seconds(3000)
        let asked = self.waiting(at: late).placed(planner: Self.planner(isAvailable: true))
        guard case .create = asked.call, let job = asked.job, let instance = asked.instance else { return unexpected(asked) }
        #expect(job.capacityWaitSince == nil && job.capacityWaitEndedAt == late && instance.stateReason == .requested)
        var booting = job
        booting.step = .boot
        #expect(!JobStepper.sample(booting, instance, at: late + .seconds(1199)).isOverdue)
        #expect(JobStepper.sample(booting, instance, at: late + .seconds(1200)).isOverdue)
        #expect(JobStepper.sample(booting, instance, at: late).nextLook <= late + .seconds(10))
    }

    @Test("What refused it is asked again in a later round, and a dearer offer is checked against the ceilings")
    func asksAgain() throws {
        var stepper = self.waiting(since: nil)
        stepper.job.refusedCandidates = [Placement.standard.candidate]
        let result = stepper.placed(planner: Self.planner(isAvailable: true))
        #expect(result.call == nil && result.job?.refusedCandidates == [] && result.job?.isInCapacityLine == true)
        let dearer = self.waiting().placed(planner: Self.planner(isAvailable: true, price: 360_000))
        #expect(dearer.call != nil && dearer.commit.guards.contains(.ceilings(FleetSettings().ceilings)))
        let refused = self.waiting().refused(by: CeilingReached(ceiling: .hourlySpend, limit: 1, inUse: 1, requested: 1))
        #expect(refused.job?.isInCapacityLine == true && refused.call == nil)
    }

    @Test("Beyond the highest price, the balance, or a stop that was asked for, room is no reason to ask")
    func otherLimits() {
        let dear = self.waiting(Self.spec(maxPrice: MicroUSD(micros: 300_000))).placed(planner: Self.planner(isAvailable: true))
        #expect(dear.call == nil && dear.job?.isInCapacityLine == true)
        let poor = CapacityOutlook(
            funds: Funds(balance: .dollars(1), readAt: noon), otherHourlySpend: MicroUSD(micros: 700_000))
        #expect(self.waiting().placed(planner: Self.planner(isAvailable: true), outlook: poor).call == nil)
        let rich = CapacityOutlook(
            funds: Funds(balance: .dollars(1), readAt: noon), otherHourlySpend: MicroUSD(micros: 600_000))
        #expect(self.waiting().placed(planner: Self.planner(isAvailable: true), outlook: rich).call != nil)
        #expect(self.waiting(desired: .stopped).placed(planner: Self.planner(isAvailable: true)).call == nil)
    }

    @Test("What a freeze or a pause has held is judged anew before it asks: by its policies, and by the balance", arguments: [true, false])
    func heldAndJudged(mayWait: Bool) throws {
        var stepper = self.waiting(Self.spec(until: mayWait ? Self.until : nil), since: nil)
        let poor = CapacityOutlook(
            funds: Funds(balance: .dollars(1), readAt: noon), otherHourlySpend: MicroUSD(micros: 700_000))
        #expect(stepper.placed(planner: Self.planner(isAvailable: true), outlook: poor).call != nil, "it was judged when it was accepted")
        stepper.job.heldUntil = noon
        // The balance was read before the hold ended: it is read again first.
        let waiting = stepper.placed(planner: Self.planner(isAvailable: true), outlook: poor)
        #expect(waiting.call == nil && waiting.job?.state == .waiting && waiting.job?.waitsForBalance == true)
        stepper.job.heldUntil = noon - .seconds(1)
        let refused = stepper.placed(planner: Self.planner(isAvailable: true), outlook: poor)
        #expect(refused.call == nil && refused.job?.isInCapacityLine == mayWait)
        #expect(mayWait || (refused.job?.errorReason == "REFUSED" && refused.instance?.state == .failed))
        #expect(stepper.placed(planner: Self.planner(isAvailable: true)).call != nil)
        stepper.instance.policies = InstancePolicies(deleteAt: noon)
        guard case .decided(let outlived) = stepper.plan() else { return unexpected("bought to be deleted") }
        #expect(outlived.instance?.state == .deleted && outlived.job?.state == .cancelled)
    }

    struct Turn: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var older: [CapacityOutlook.Waiter]
        var isInLine = true
        /// Seconds until it looks again; nil: it asks now.
        var delay: Int?
    }

    private static func waiter(gpus: Int = 1, maxPrice: Int64? = nil, hasLooked: Bool = false) -> CapacityOutlook.Waiter {
        CapacityOutlook.Waiter(
            spec: Self.spec(gpus: gpus, maxPrice: maxPrice.map { MicroUSD(micros: $0) }), hasLooked: hasLooked)
    }

    @Test(
        "Who has waited longer for the same place goes first, one a second",
        arguments: [
            Turn(testDescription: "nobody before", older: [], delay: nil),
            Turn(testDescription: "one before", older: [Self.waiter()], delay: 1),
            Turn(testDescription: "three before", older: [Self.waiter(), Self.waiter(), Self.waiter()], delay: 3),
            Turn(testDescription: "it has had its look in this round", older: [Self.waiter(hasLooked: true)], delay: nil),
            Turn(
                testDescription: "who comes anew goes after all", older: [Self.waiter(hasLooked: true)], isInLine: false, delay: 1),
            Turn(testDescription: "it would not pay so much", older: [Self.waiter(maxPrice: 1)], delay: nil),
            Turn(testDescription: "a crowd", older: Array(repeating: Self.waiter(), count: 500), delay: 60),
        ])
    func turns(_ turn: Turn) {
        let stepper = self.waiting(since: turn.isInLine ? noon : nil)
        let result = stepper.placed(planner: Self.planner(isAvailable: true), outlook: CapacityOutlook(older: turn.older))
        if let delay = turn.delay {
            #expect(result.call == nil && result.job?.dueAt == noon + .seconds(delay))
        } else {
            #expect(result.call != nil)
        }
    }

    @Test("Who needs more than a place just refused does not keep a smaller one from it")
    func smaller() {
        let cooldowns = Cooldowns()
        cooldowns.refused(Placement.standard.candidate, gpuCount: 4, at: noon)
        let outlook = CapacityOutlook(older: [Self.waiter(gpus: 4)])
        #expect(self.waiting().placed(planner: Self.planner(isAvailable: true, cooldowns: cooldowns), outlook: outlook).call != nil)
    }

    @Test("Looks count for the round in which they were taken")
    func looks() {
        let looks = CapacityLooks()
        let job = JobID(rawValue: "j")
        looks.note(job, at: noon + .seconds(59))
        #expect(looks.contains(job, at: noon + .seconds(59)) && !looks.contains(job, at: noon + .seconds(60)))
        for number in 0..<1000 { looks.note(JobID(rawValue: "\(number)"), at: noon + .seconds(60)) }
        #expect(!looks.contains(job, at: noon + .seconds(60)) && looks.contains(JobID(rawValue: "999"), at: noon + .seconds(119)))
    }

    @Test("A create is accepted without room when it may wait, at the price of the cheapest offer that lacks only that")
    func admitted() throws {
        let admission = Admission(settings: FleetSettings())
        let occasion = Admission.Occasion.sample()
        func admit(_ spec: InstanceSpec, _ planner: Planner) throws -> Admission.Admitted {
            try admission.create(Admission.NewInstance(tenant: .default, name: "x", spec: spec), planner: planner, on: occasion)
        }
        let admitted = try admit(Self.spec(), Self.planner(isAvailable: false))
        #expect(admitted.instance.state == .pending && admitted.instance.stateReason == .noCapacity)
        #expect(admitted.instance.liableHourlySpend == MicroUSD(micros: 350_000) && admitted.instance.liableMachines == 1)
        #expect(admitted.job.isInCapacityLine && admitted.job.dueAt == noon)
        #expect(try !admit(Self.spec(), Self.planner(isAvailable: true)).job.isInCapacityLine, "there is room")
        for spec in [Self.spec(until: nil), Self.spec(until: noon)] {
            #expect(throws: FleetError.self) { try admit(spec, Self.planner(isAvailable: false)) }
        }
        let never = #expect(throws: FleetError.self) { try admit(Self.spec(), Self.planner(isAvailable: false, price: nil)) }
        #expect(never?.code == .noCandidate, "what no offer fits is not waited for")
    }

    @Test(
        "The wait ends ahead, within a week",
        arguments: [(-1, false), (0, false), (1, true), (7 * 86_400, true), (7 * 86_400 + 1, false)])
    func limits(seconds: Int, isValid: Bool) {
        let found = SpecRules.violations(ofCapacityWait: Self.spec(until: noon + .seconds(seconds)), at: noon)
        #expect(found.map(\.field) == (isValid ? [] : ["spec.wait_for_capacity_until"]))
    }

    @Test("A delete, or a cancel of its job, ends it at once: nothing has been asked of the provider")
    func ended() throws {
        let admission = Admission(settings: FleetSettings())
        let occasion = Admission.Occasion(
            now: noon, instanceID: InstanceID(rawValue: "i-2"), jobID: JobID(rawValue: "j-2"),
            request: RequestKey(tenant: .default, method: "m", requestID: "r"), payloadDigest: [1])
        let stepper = self.waiting()
        let subject = Admission.Subject(instance: stepper.instance, jobs: [stepper.job])
        let deleted = try admission.change(.delete, subject, on: occasion)
        #expect(deleted.instance.state == .deleted && deleted.instance.liableMachines == 0 && deleted.job.state == .succeeded)
        let cancelled = try admission.cancel(stepper.job.id, subject, on: occasion)
        #expect(cancelled.instance.state == .deleted && cancelled.job.state == .cancelled && cancelled.job.errorReason == "CANCELLED")
    }

    @Test("A restored create leaves the line: it looks for its machine first")
    func restored() throws {
        let stepper = self.waiting()
        let outcome = Restoration(attemptFloor: 100, now: noon).outcome(for: [stepper.job]) { _ in stepper.instance }
        let job = try #require(outcome.jobs.first)
        #expect(job.step.isSettling && job.capacityWaitSince == nil && job.begunAt == noon)
    }
}
