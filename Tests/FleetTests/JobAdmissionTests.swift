import Fleet
import Testing

@Suite("Cancel and retry")
struct JobAdmissionTests {
    private let admission = Admission(settings: FleetSettings())
    private let occasion = Admission.Occasion.sample("CancelJob")

    private func cancel(_ instance: Instance, _ jobs: [Job], id: String = "j-1") throws(FleetError) -> Admission.Admitted {
        try self.admission.cancel(JobID(rawValue: id), Admission.Subject(instance: instance, jobs: jobs), on: self.occasion)
    }

    private static let called: [JobStep] = [.confirm]

    @Test("A change that has been asked for is no longer followed, and the instance is what the provider shows", arguments: [true, false])
    func change(_ isCalled: Bool) throws {
        var instance = Instance.sample(.stopping)
        instance.desiredState = .stopped
        let job = Job.sample(.stopInstance, isCalled ? .confirm : .send)
        let admitted = try self.cancel(instance, [job])
        #expect(admitted.job.state == .cancelled && admitted.job.errorReason == "CANCELLED" && admitted.job.errorMessage.contains("op"))
        #expect(admitted.instance.state == .running && admitted.instance.desiredState == .running)
        #expect(admitted.commit.jobs.allSatisfy { !$0.keepsLease }, "a worker that holds it cannot commit any more")
        #expect(admitted.commit.audit.map(\.actor) == ["op"])
    }

    @Test("A cancelled save says what has become of the provider's job, as far as that is known")
    func save() throws {
        let cases: [(isCalled: Bool, ImageSaveBreak?, String)] = [
            (false, nil, "cancelled by op"),
            (true, nil, "was not broken off, and may save the image all the same"),
            (true, ImageSaveBreak(nil), "has taken the request to break off its job"),
            (true, ImageSaveBreak(CloudError(.invalidState, "over")), "may save the image all the same: over"),
            (true, ImageSaveBreak(CloudError(.transport, "cut", mayHaveTakenEffect: true)), "is not known, and it may save the image"),
        ]
        for (isCalled, answer, words) in cases {
            var job = Job.sample(.saveImage, isCalled ? .confirm : .send)
            job.imageSave = ImageSave(image: "registry.example/saved:1")
            let subject = Admission.Subject(instance: .sample(.running), jobs: [job])
            let admitted = try self.admission.cancel(job.id, subject, answer: answer, on: self.occasion)
            #expect(admitted.job.state == .cancelled && admitted.instance.state == .running)
            #expect(isCalled ? admitted.job.errorMessage.contains(words) : admitted.job.errorMessage == words)
            #expect(admitted.commit.audit.first?.effect.contains("the job is cancelled") == true)
        }
    }

    @Test("A start that has been asked for goes on: nobody would follow a machine that comes up and is billed")
    func calledStart() throws {
        let refused = #expect(throws: FleetError.self) { try self.cancel(.sample(.starting), [.sample(.startInstance, .confirm)]) }
        #expect(refused?.code == .invalidState)
        #expect(try self.cancel(.sample(.starting), [.sample(.startInstance, .send)]).job.state == .cancelled)
        let asStart = #expect(throws: FleetError.self) { try self.cancel(.sample(.starting), [.sample(.restartInstance, .confirm)]) }
        #expect(asStart?.code == .invalidState, "its machine was down")
        #expect(try self.cancel(.sample(.restarting), [.sample(.restartInstance, .confirm)]).job.state == .cancelled)
    }

    @Test("A create that was never sent ends with nothing; one that may have been sent becomes a delete and goes on until that is known")
    func create() throws {
        let pending = Instance.sample(.pending, upstream: nil)
        let unsent = try self.cancel(pending, [.sample(.createInstance, .place)])
        #expect(unsent.job.state == .cancelled && unsent.job.errorReason == "CANCELLED" && unsent.instance.state == .deleted)
        let attempt = CreateAttempt(number: 1, placement: .standard, sentAt: noon, callDeadline: noon)
        let sent = try self.cancel(pending, [.sample(.createInstance, .settle(attempt, absences: 0))])
        #expect(!sent.job.state.isFinal && sent.job.type == .createInstance && sent.instance.desiredState == .deleted)
        #expect(sent.commit.jobs.map(\.job.type) == [.deleteInstance])
    }

    @Test("A delete can be taken back until it has been asked for")
    func delete() throws {
        var instance = Instance.sample(.deleting)
        instance.desiredState = .deleted
        instance.deleteAskedAt = noon
        let back = try self.cancel(instance, [.sample(.deleteInstance, .send)])
        #expect(back.instance.state == .running && back.instance.desiredState == .running && back.instance.owedMachines == [])
        let refused = #expect(throws: FleetError.self) { try self.cancel(instance, [.sample(.deleteInstance, .confirm)]) }
        #expect(refused?.code == .invalidState)
    }

    @Test("What has ended cannot be cancelled, and a protected machine is not given up with its create")
    func refusals() {
        #expect(throws: FleetError.self) { try self.cancel(.sample(), []) }
        var protected = Instance.sample(.provisioning)
        protected.deletionProtection = true
        for step in [JobStep.boot, .place] {
            let refused = #expect(throws: FleetError.self) { try self.cancel(protected, [.sample(.createInstance, step)]) }
            #expect(refused?.code == .deletionProtected, "also a machine that has come late")
        }
        protected = .sample(.pending, upstream: nil)
        protected.deletionProtection = true
        #expect(throws: Never.self) { try self.cancel(protected, [.sample(.createInstance, .place)]) }
    }

    @Test("Another machine needs a balance that carries it, whoever asks for it", arguments: [false, true])
    func balance(_ isEnough: Bool) throws {
        let funds = Funds(balance: .dollars(isEnough ? 2 : 1), readAt: noon)
        let occasion = Admission.Occasion.sample(funds: funds, hourlySpend: .dollars(1))
        var failed = Job.sample(.createInstance, .end)
        failed.state = .failed
        var running = Instance.sample()
        running.askedPlacements = [AskedPlacement(attempt: 1, placement: .standard)]
        let (ended, replaced) = (Instance.sample(.failed, upstream: nil), running)
        func isRefused(_ ask: () throws(FleetError) -> Admission.Admitted) -> Bool {
            do throws(FleetError) {
                _ = try ask()
                return false
            } catch {
                return error.code == .balanceTooLow
            }
        }
        let isRetryRefused = isRefused { () throws(FleetError) in
            try self.admission.retry(failed, Admission.Subject(instance: ended, jobs: []), on: occasion)
        }
        let isReplaceRefused = isRefused { () throws(FleetError) in
            try self.admission.migrate(.replace, Admission.Subject(instance: replaced, jobs: []), on: occasion)
        }
        #expect(isRetryRefused == !isEnough && isReplaceRefused == !isEnough)
    }

    @Test("Another machine goes by the ceilings that its asker has now, and by those of the owner when that is somebody else")
    func ceilings() throws {
        let (old, now) = (Ceilings(maxInstances: 9, maxHourlySpend: .dollars(50)), Ceilings(maxInstances: 1, maxHourlySpend: .dollars(5)))
        let (ann, bob) = (PrincipalID(rawValue: "ann"), PrincipalID(rawValue: "bob"))
        var failed = Job.sample(.createInstance, .end)
        failed.state = .failed
        func guards(_ asker: Owner?) throws -> [Guard] {
            var occasion = Admission.Occasion.sample()
            occasion.owner = asker
            let ended = Instance.sample(.failed, upstream: nil, owner: Owner(principal: ann, ceilings: old))
            let admitted = try self.admission.retry(failed, Admission.Subject(instance: ended, jobs: []), on: occasion)
            return admitted.commit.guards.filter { if case .ownCeilings = $0 { true } else { false } }
        }
        #expect(try guards(nil) == [.ownCeilings(old, ann)])
        #expect(try guards(Owner(principal: ann, ceilings: now)) == [.ownCeilings(now, ann)])
        #expect(try guards(Owner(principal: bob, ceilings: now)) == [.ownCeilings(now, bob), .ownCeilings(old, ann)])
        #expect(try guards(Owner(principal: ann)) == [], "they were lifted")
    }

    @Test("A failed create is tried again for the same instance, under tokens that were never used and under the ceilings")
    func retryCreate() throws {
        var instance = Instance.sample(.failed, upstream: nil)
        instance.desiredState = .deleted
        instance.deleteAskedAt = noon
        var failed = Job.sample(.createInstance, .end)
        (failed.state, failed.createCalls) = (.failed, 3)
        let admitted = try self.admission.retry(failed, Admission.Subject(instance: instance, jobs: []), on: self.occasion)
        #expect(admitted.instance.id == instance.id && admitted.instance.state == .pending && admitted.instance.desiredState == .running)
        #expect(admitted.job.createCalls == 3 && admitted.job.retryOf == failed.id && admitted.job.step == .place)
        #expect(admitted.commit.guards.contains(.ceilings(FleetSettings().ceilings)))
        #expect(admitted.commit.guards.contains(.nameIsFree(.default, instance.name)))
        #expect(admitted.instance.owedMachines == [])
        // What a list that lags behind still shows of the tries before is proven gone, and not taken for the new one.
        var settling = admitted.job
        settling.createCalls = 4
        settling.step = .settle(CreateAttempt(number: 4, placement: .standard, sentAt: noon, callDeadline: noon), absences: 0)
        let (old, new) = (Machine.sample("m3", "pulling", attempt: 3), Machine.sample("m4", "pulling", attempt: 4))
        func taken(_ machines: [Machine]) -> String? {
            JobStepper.sample(settling, admitted.instance).settled(MachineListing(machines: machines, begunAt: noon), isCredible: true)
                .instance?.upstream?.id.rawValue
        }
        #expect(taken([old]) == nil && taken([old, new]) == "m4")
    }

    @Test("A create is not tried again while something of it is left", arguments: [InstanceState.running, .deleting])
    func retryLiving(_ state: InstanceState) {
        var failed = Job.sample(.createInstance, .end)
        failed.state = .failed
        #expect(throws: FleetError.self) {
            try self.admission.retry(failed, Admission.Subject(instance: .sample(state), jobs: []), on: self.occasion)
        }
        var indebted = Instance.sample(.failed, upstream: nil)
        indebted.debts = [Debt(upstreamID: UpstreamID(rawValue: "m"), hourlyPrice: .zero, since: noon)]
        #expect(throws: FleetError.self) {
            try self.admission.retry(failed, Admission.Subject(instance: indebted, jobs: []), on: self.occasion)
        }
    }

    @Test("Another failed change is made once more; one that succeeded or goes on is not", arguments: JobState.allCases)
    func retryChange(_ state: JobState) {
        var job = Job.sample(.stopInstance, .end)
        job.state = state
        let subject = Admission.Subject(instance: .sample(), jobs: [])
        if state == .failed || state == .cancelled {
            let admitted = try? self.admission.retry(job, subject, on: self.occasion)
            #expect(admitted?.job.type == .stopInstance && admitted?.job.retryOf == job.id)
            #expect(admitted?.commit.jobs.map(\.job.retryOf) == [job.id])
        } else {
            #expect(throws: FleetError.self) { try self.admission.retry(job, subject, on: self.occasion) }
        }
    }
}
