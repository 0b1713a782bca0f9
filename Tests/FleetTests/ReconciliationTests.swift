import Testing

@testable import Fleet

@Suite("Reconciliation")
struct ReconciliationTests {
    private let reconciliation = Reconciliation(deployment: ours, brake: Brake())

    private func kinds(
        _ machines: [Machine], _ living: [Instance], busy: Set<InstanceID> = [], believesAbsence: Bool = true
    ) -> [ReconciliationQuestion.Kind] {
        self.reconciliation.questions(
            from: MachineListing(machines: machines, begunAt: noon), living: living, busy: busy, believesAbsence: believesAbsence
        ).map(\.kind)
    }

    private func answer(
        _ kind: ReconciliationQuestion.Kind, _ instance: Instance?, _ machine: Machine?, wasAbsent: Bool = false
    ) -> ReconciliationAnswer {
        self.reconciliation.answer(
            ReconciliationQuestion(kind: kind, instanceID: InstanceID(rawValue: "i-1"), upstreamID: UpstreamID(rawValue: "m1")),
            instance: instance, machine: machine, wasAbsent: wasAbsent, placement: nil, at: noon)
    }

    private func written(_ answer: ReconciliationAnswer) -> Instance? {
        if case .commit(let commit) = answer { commit.instances.first } else { nil }
    }

    @Test("A listing that agrees with the records raises no question")
    func agreement() {
        var instance = Instance.sample()
        instance.readiness = .ready
        #expect(self.kinds([.sample(), .sample("x", deployment: DeploymentID(rawValue: "other"))], [instance]) == [])
    }

    @Test("Differences raise questions; what a job looks after does not")
    func questions() {
        let busy: Set = [InstanceID(rawValue: "i-1")]
        #expect(self.kinds([], [.sample()]) == [.missing])
        #expect(self.kinds([], [.sample()], busy: busy) == [])
        #expect(self.kinds([], [.sample()], believesAbsence: false) == [])
        #expect(self.kinds([.sample("m1", "exited")], [.sample()]) == [.changed])
        #expect(self.kinds([.sample("m1", "exited")], [.sample()], busy: busy) == [])
        #expect(self.kinds([.sample("m5", instance: "i-5")], []) == [.stranger])
        #expect(self.kinds([.sample("m5", "removing", instance: "i-5")], []) == [])
        #expect(self.kinds([.sample("m2")], [.sample(.pending, upstream: nil)], busy: busy) == [], "the create job settles it")
    }

    @Test("A job that looks elsewhere leaves its machine to the sweeps, which end no record that another machine is to come for")
    func unwatched() {
        var image = Job.sample(.saveImage, .confirm)
        #expect(!image.watchesMachine && Job.sample(.startInstance, .confirm).watchesMachine)
        #expect(!Job.sample(.restartInstance, .send).watchesMachine && Job.sample(.deleteInstance, .send).watchesMachine)
        image = .sample(.restartInstance, .send)
        image.noteCall(at: noon)
        #expect(image.watchesMachine, "it may be restarting")
        var instance = Instance.sample()
        var job = Job.sample(.migrateInstance, .place)
        #expect(job.watchesMachine)
        job.begin(replacing: &instance)
        #expect(!job.watchesMachine)
        #expect(self.kinds([], [instance]) == [] && self.kinds([.sample("m1", "exited")], [instance]) == [.changed])
    }

    @Test("A second machine is a question whether a job is at work or not")
    func extra() {
        var instance = Instance.sample()
        instance.readiness = .ready
        #expect(self.kinds([.sample(), .sample("m2", attempt: 2)], [instance], busy: [instance.id]) == [.extra])
        instance.debts = [Debt(upstreamID: UpstreamID(rawValue: "m2"), hourlyPrice: .zero, since: noon)]
        #expect(self.kinds([.sample(), .sample("m2", attempt: 2)], [instance]) == [.debt])
    }

    @Test("What became of a machine says nothing of the one that has taken its place since")
    func replacedMeanwhile() {
        for machine in [nil, Machine.sample("m1", "removing")] {
            guard case .nothing = self.answer(.missing, .sample(.running, upstream: "m2"), machine, wasAbsent: true) else {
                return unexpected("judged by another machine")
            }
        }
        let young = Instance.sample(.provisioning, upstream: "m2", status: "pulling")
        var question = ReconciliationQuestion(kind: .extra, instanceID: young.id, upstreamID: UpstreamID(rawValue: "m3"))
        question.own = .sample("m1", "pulling")
        let answer = self.reconciliation.answer(
            question, instance: young, machine: .sample("m3", attempt: 3), wasAbsent: false, placement: nil, at: noon)
        #expect(self.written(answer)?.debts.map(\.upstreamID.rawValue) == ["m2"])
    }

    @Test("Missing once is suspicion, twice is gone")
    func missing() {
        guard case .suspect = self.answer(.missing, .sample(), nil) else { return unexpected("believed at once") }
        let gone = self.written(self.answer(.missing, .sample(), nil, wasAbsent: true))
        #expect(gone?.state == .deleted && gone?.stateReason == .vanished)
    }

    @Test("A debt is deleted while it stands, and settled with its cost once it is gone")
    func debt() throws {
        var instance = Instance.sample()
        instance.debts = [
            Debt(upstreamID: UpstreamID(rawValue: "m1"), hourlyPrice: MicroUSD(micros: 3_600_000), since: noon - .seconds(10))
        ]
        guard case .release(let id, let first?) = self.answer(.debt, instance, .sample("m1")) else { return unexpected("not released") }
        #expect(id.rawValue == "m1" && first.audit.map(\.endsAutomatically) == [true])
        #expect(first.guards.contains(.permitted(.endAutomatically)) && first.guards.contains(.brake(Brake(), noon)))
        let asked = try #require(first.instances.first)
        guard case .release(_, nil) = self.answer(.debt, asked, .sample("m1")) else { return unexpected("asked for the first time twice") }
        guard case .nothing = self.answer(.debt, instance, .sample("m1", "removing")) else { return unexpected("it is leaving") }
        guard case .suspect = self.answer(.debt, instance, nil) else { return unexpected("believed at once") }
        let settled = try #require(self.written(self.answer(.debt, instance, nil, wasAbsent: true)))
        #expect(settled.debts.isEmpty && settled.wastedCost == MicroUSD(micros: 10_000))
        #expect(settled.wastedMachines?.map(\.cost) == [settled.wastedCost])
    }

    @Test("What a listing shows is not gone because a direct read does not find it", arguments: [true, false])
    func listedAndNotFound(isDebt: Bool) throws {
        var instance = Instance.sample()
        if isDebt { instance.debts = [Debt(upstreamID: UpstreamID(rawValue: "m1"), hourlyPrice: .zero, since: noon)] }
        let listing = MachineListing(machines: [.sample("m1", "exited")], begunAt: noon)
        let question = try #require(
            self.reconciliation.questions(from: listing, living: [instance], busy: [], believesAbsence: true).first)
        #expect(question.kind == (isDebt ? .debt : .changed))
        let answer = self.reconciliation.answer(question, instance: instance, machine: nil, wasAbsent: true, placement: nil, at: noon)
        #expect(self.written(answer) == nil)
    }

    @Test("What a listing itself calls removed is gone once a second sweep finds it so")
    func listedAsRemoved() throws {
        let instance = Instance.sample()
        let listing = MachineListing(machines: [.sample("m1", "removed")], begunAt: noon)
        let question = try #require(
            self.reconciliation.questions(from: listing, living: [instance], busy: [], believesAbsence: true).first)
        let answers = [false, true].map { wasAbsent in
            self.reconciliation.answer(question, instance: instance, machine: nil, wasAbsent: wasAbsent, placement: nil, at: noon)
        }
        guard case .suspect = answers[0] else { return unexpected(answers[0]) }
        #expect(self.written(answers[1])?.stateReason == .vanished)
    }

    @Test("A late machine of an instance that was deleted or never came up is owed; a vanished one that comes back is taken up again")
    func strangerWithRecord() {
        var deleted = Instance.sample(.deleted)
        deleted.desiredState = .deleted
        #expect(self.written(self.answer(.stranger, deleted, .sample("m1")))?.debts.count == 1)
        var vanished = Instance.sample(.deleted)
        vanished.stateReason = .vanished
        let back = self.written(self.answer(.stranger, vanished, .sample("m1")))
        #expect(back?.state == .running && back?.stateReason == .orphaned && back?.debts == [])
    }

    @Test("A machine of a create call that is not known here, as after a restored backup, is shown and never owed by itself")
    func unasked() throws {
        var failed = Instance.sample(.failed, upstream: nil)
        (failed.desiredState, failed.stateReason) = (.deleted, .noCapacity)
        failed.askedPlacements = [AskedPlacement(attempt: 1, placement: .standard)]
        let back = try #require(self.written(self.answer(.stranger, failed, .sample("m1", attempt: 2))))
        #expect(back.state == .running && back.isOrphan && back.debts == [] && back.owedMachines == [])
        #expect(self.written(self.answer(.stranger, failed, .sample("m1", attempt: 1)))?.debts.count == 1, "a late one of ours")

        var known = Instance.sample(.running, upstream: "m0")
        known.askedPlacements = failed.askedPlacements
        var owing = try #require(self.written(self.answer(.extra, known, .sample("m1", attempt: 2))))
        #expect(owing.debts.map(\.isUnasked) == [true] && owing.liableMachines == 2)
        guard case .nothing = self.answer(.debt, owing, .sample("m1", attempt: 2)) else { return unexpected("deleted unasked") }
        owing.end(.deleted, because: .vanished, "", at: noon)
        let taken = try #require(self.written(self.answer(.debt, owing, .sample("m1", attempt: 2))))
        #expect(taken.upstream?.id.rawValue == "m1" && taken.isOrphan && taken.debts == [])
        owing.state(.deleting, because: .requested, "")
        owing.desiredState = .deleted
        guard case .release = self.answer(.debt, owing, .sample("m1", attempt: 2)) else { return unexpected("kept in spite of a delete") }
        owing.state(.deleting, because: .startupTimeout, "")
        guard case .nothing = self.answer(.debt, owing, .sample("m1", attempt: 2)) else { return unexpected("nobody asked") }
    }

    @Test("The oldest attempts are forgotten as known ones")
    func forgottenAttempts() {
        var instance = Instance.sample()
        for attempt in 1...100 { instance.ask(for: .standard, attempt: attempt + 10, at: noon) }
        #expect([1, 46, 47, 110].allSatisfy { instance.hasAsked(for: .sample("m1", attempt: $0)) })
        #expect(!instance.hasAsked(for: .sample("m1", attempt: 111)))
    }

    @Test(
        "A machine with our token only in its environment is shown, and never owed or deleted",
        arguments: ["somebody's clone", "", "ourdeployment000.i-1.2", "otherdeployment1.i-1.1"])
    func environmentAlone(_ name: String) {
        let clone = Machine.sample("m1", name: name)
        var deleted = Instance.sample(.deleted, upstream: "m0")
        deleted.desiredState = .deleted
        var debtor = Instance.sample(.running, upstream: "m0")
        debtor.readiness = .ready
        #expect(self.kinds([.sample("m0"), clone], [debtor]) == [])
        debtor.debts = [Debt(upstreamID: clone.id, hourlyPrice: .zero, since: noon)]
        for (kind, instance) in [
            (ReconciliationQuestion.Kind.stranger, deleted), (.extra, .sample(.running, upstream: "m0")), (.debt, debtor),
        ] {
            guard case .unproven(clone.id) = self.answer(kind, instance, clone) else { return unexpected("\(kind)") }
        }
        #expect(self.written(self.answer(.stranger, nil, clone))?.stateReason == .orphaned, "a record that was lost")
        #expect(self.kinds([clone], []) == [.stranger])
        let both = self.reconciliation.questions(
            from: MachineListing(machines: [clone, .sample("m2")], begunAt: noon), living: [], busy: [], believesAbsence: true)
        #expect(both.map(\.upstreamID.rawValue) == ["m2"], "its own machine is there")
        let theirs = Machine.sample("m2", deployment: DeploymentID(rawValue: "otherdeployment1"))
        #expect(self.kinds([clone, theirs], []) == [.stranger], "that of another deployment says nothing")
        let listing = MachineListing(machines: [.sample("m0"), clone, .sample("m2", "removing", name: "leaving")], begunAt: noon)
        #expect(self.reconciliation.suspects(in: listing, living: [debtor]) == [clone.id])
        #expect(self.reconciliation.suspects(in: listing, living: [.sample(.running)]) == [], "ours, renamed by hand")
    }

    @Test("Once a machine has run it is kept; before that, the running one of two")
    func keeping() {
        #expect(self.written(self.answer(.extra, .sample(.running, upstream: "m0"), .sample("m1")))?.upstream?.id.rawValue == "m0")
        let young = Instance.sample(.provisioning, upstream: "m0", status: "pulling")
        let switched = self.written(self.answer(.extra, young, .sample("m1")))
        #expect(switched?.upstream?.id.rawValue == "m1" && switched?.debts.map(\.upstreamID.rawValue) == ["m0"])
        #expect(self.written(self.answer(.extra, young, .sample("m1", "pulling")))?.upstream?.id.rawValue == "m0")
        var question = ReconciliationQuestion(kind: .extra, instanceID: young.id, upstreamID: UpstreamID(rawValue: "m1"))
        question.own = .sample("m0")
        let answer = self.reconciliation.answer(
            question, instance: young, machine: .sample("m1"), wasAbsent: false, placement: nil, at: noon)
        #expect(self.written(answer)?.upstream?.id.rawValue == "m0", "it runs by now, whatever was seen last")
        let early = Instance.sample(.provisioning, upstream: "m0", status: "exited")
        let kept = self.written(self.answer(.extra, early, .sample("m1")))
        #expect(kept?.upstream?.id.rawValue == "m0", "its program may have done its work, unseen")
    }

    @Test("Of an instance that is to go, or has gone since the question arose, another machine is owed, and none brings it back")
    func noneOfTheGone() throws {
        for state in [InstanceState.deleting, .deleted] {
            var going = Instance.sample(state, upstream: "m0", status: "pulling")
            going.desiredState = .deleted
            let owing = try #require(self.written(self.answer(.extra, going, .sample("m1"))), "\(state)")
            #expect(owing.state == state && owing.desiredState == .deleted && owing.upstream?.id.rawValue == "m0")
            #expect(owing.debts.map(\.upstreamID.rawValue) == ["m1"])
            #expect(self.written(self.answer(.extra, owing, .sample("m1"))) == nil, "which is written once")
        }
    }

    @Test("Of two machines each is counted with the price of its own attempt")
    func prices() {
        func placement(_ price: Int64) -> Placement {
            var placement = Placement.standard
            placement.hourlyPrice = MicroUSD(micros: price)
            return placement
        }
        var young = Instance.sample(.provisioning, upstream: "m0", status: "pulling")
        young.askedPlacements = [
            AskedPlacement(attempt: 1, placement: placement(700)), AskedPlacement(attempt: 2, placement: placement(40)),
        ]
        young.placement = placement(40)
        let switched = self.written(self.answer(.extra, young, .sample("m1", attempt: 1)))
        #expect(switched?.debts.map(\.hourlyPrice.micros) == [40] && switched?.placement?.hourlyPrice.micros == 700)
        let owed = self.written(self.answer(.extra, young, .sample("m1", "pulling", attempt: 1)))
        #expect(owed?.debts.map(\.hourlyPrice.micros) == [700] && owed?.placement?.hourlyPrice.micros == 40)
    }

    @Test("A machine that is one too many counts from when it was made, also when the instance's own is the one")
    func wasteOfOwn() throws {
        let young = Instance.sample(.provisioning, upstream: "m0", status: "pulling")
        var own = Machine.sample("m0", "pulling")
        own.createdAt = noon - .seconds(120)
        let listing = MachineListing(machines: [own, .sample("m1", attempt: 2)], begunAt: noon)
        let question = try #require(
            self.reconciliation.questions(from: listing, living: [young], busy: [young.id], believesAbsence: true).first)
        for (listed, since) in [(question.own, noon - .seconds(120)), (nil, young.createdAt)] {
            var question = question
            question.own = listed
            let answer = self.reconciliation.answer(
                question, instance: young, machine: .sample("m1", attempt: 2), wasAbsent: false, placement: nil, at: noon)
            #expect(self.written(answer)?.debts.map(\.since) == [since])
        }
    }

    @Test("When there are too many questions every kind has its share, and within it every machine its turn")
    func turns() {
        func question(_ kind: ReconciliationQuestion.Kind, _ number: Int) -> ReconciliationQuestion {
            ReconciliationQuestion(kind: kind, instanceID: InstanceID(rawValue: "i-\(number)"), upstreamID: UpstreamID(rawValue: "m"))
        }
        let changed = (0..<7).map { question(.changed, $0) }
        var rotation = QuestionRotation()
        let turns = (0..<4).map { _ in rotation.take([question(.missing, 9)] + changed, atMost: 3).map(\.instanceID.rawValue) }
        #expect(turns == [["i-9", "i-0", "i-1"], ["i-9", "i-2", "i-3"], ["i-9", "i-4", "i-5"], ["i-9", "i-6", "i-0"]])
        #expect(rotation.take([], atMost: 3) == [] && rotation.take(changed, atMost: 9).count == 7)
        #expect(rotation.take((0..<5).map { question(.missing, $0) } + changed, atMost: 3).map(\.kind) == [.missing, .missing, .changed])
        // Deletes that the provider does not take leave room for the proof that another machine is gone.
        let debts = (10..<60).map { question(.debt, $0) }
        let asked = (0..<4).map { _ in rotation.take(debts + [question(.missing, 9)], atMost: 25) }
        #expect(asked.allSatisfy { $0.count == 25 && $0.contains(question(.missing, 9)) })
        #expect(Set(asked.joined()).count == 51, "every debt has its turn")
    }

    @Test("A listing is believed when at least half of what is known is in it", arguments: [(0, false), (1, false), (2, true), (4, true)])
    func credibility(_ present: Int, _ isCredible: Bool) {
        let known = (0..<4).map { Instance.sample(.running, upstream: "m\($0)") }
        let listing = MachineListing(machines: (0..<present).map { .sample("m\($0)") }, begunAt: noon)
        #expect(ListingCredibility.isCredible(listing, known: known) == isCredible)
        #expect(ListingCredibility.isCredible(MachineListing(machines: [], begunAt: noon), known: []))
    }
}

@Suite("The provider's words")
struct UpstreamPhaseTests {
    @Test(
        "Each word has one meaning",
        arguments: [
            ("pending", UpstreamPhase.provisioning), ("toCreate", .provisioning), ("creating", .provisioning), ("pulling", .provisioning),
            ("running", .running), ("toStart", .starting), ("starting", .starting), ("toStop", .stopping), ("stopping", .stopping),
            ("exited", .stopped), ("stopped", .stopped), ("toRestart", .restarting), ("restarting", .restarting), ("toRemove", .leaving),
            ("removing", .leaving), ("removed", .gone), ("toReset", .updating), ("resetting", .updating), ("migrating", .migrating),
            ("freezing", .suspended), ("", .unrecognized), ("Running", .unrecognized), ("hovering", .unrecognized),
        ])
    func meaning(_ word: String, _ phase: UpstreamPhase) {
        #expect(UpstreamPhase(status: word) == phase)
    }
}

@Suite("Pace of looking")
struct PollPaceTests {
    @Test(
        "Looks stay within their share of the call budget",
        arguments: [
            (1, 1, false, 5), (1, 9, false, 5), (2, 1, true, 5), (200, 2, true, 5), (200, 100, true, 200), (3, 100, false, 6),
            (30, 100, false, 60), (30, 11, true, 22),
        ])
    func pace(_ inTransition: Int, _ listingCalls: Int, _ isByListing: Bool, _ seconds: Int) {
        let pace = PollPace(inTransition: inTransition, listingCalls: listingCalls, requestsPerMinute: 100)
        #expect(pace.isByListing == isByListing && pace.interval == .seconds(seconds))
        #expect(pace.callsPerLook * 60 <= 30 * seconds)
    }

    @Test(
        "A change is seen within the configured interval where the sweeps' share of the call budget allows it, and otherwise as soon as it does",
        arguments: [
            (30, 1, 0, 30, 30), (30, 1, 2, 28, 30), (30, 11, 8, 25, 30), (30, 21, 16, 28, 34), (30, 101, 128, 135, 155),
            (300, 101, 128, 280, 300), (1, 1, 0, 2, 2),
        ])
    func sweeps(_ configured: Int, _ calls: Int, _ took: Int, _ interval: Int, _ seenWithin: Int) {
        let pace = SweepPace(configured: .seconds(configured), calls: calls, took: .seconds(took), requestsPerMinute: 100)
        #expect(pace == SweepPace(interval: .seconds(interval), seenWithin: .seconds(seenWithin)))
        #expect(calls * 60 <= 45 * interval)
    }
}
