import Testing

@testable import Fleet

@Suite("Steps of start, stop, restart and delete")
struct ChangeStepTests {
    private func sent(
        _ type: JobType, _ error: CloudError?, at now: Timestamp = noon, instance: Instance = .sample(.stopped, status: "exited")
    ) -> StepResult {
        JobStepper.sample(.sample(type, .confirm), instance, at: now).sent(error)
    }

    private func confirming(_ type: JobType, _ instance: Instance, acknowledged: Duration? = .zero, at now: Timestamp = noon) -> JobStepper
    {
        var job = Job.sample(type, .confirm)
        job.acknowledgedAt = acknowledged.map { noon + $0 }
        return .sample(job, instance, at: now)
    }

    @Test(
        "The first look after a change comes early, but with all others where a look is a listing of many calls",
        arguments: [(5, 2), (22, 22)])
    func firstLook(interval: Int, after seconds: Int) {
        var stepper = JobStepper.sample(.sample(.deleteInstance, .confirm), .sample(.deleting), at: noon.floored(to: .seconds(interval)))
        stepper.lookInterval = .seconds(interval)
        #expect(stepper.sent(nil).job?.dueAt == stepper.now + .seconds(seconds))
    }

    @Test("Sending is written down before it is done")
    func writeAhead() {
        let stepper = JobStepper.sample(.sample(.startInstance, .send), .sample(.stopped, status: "exited"))
        guard case .act(.start, let id) = stepper.plan() else { return unexpected("\(stepper.plan())") }
        let result = stepper.sending(.start, to: id)
        #expect(result.job?.step == .confirm && result.job?.acknowledgedAt == nil && result.instance?.state == .starting)
        #expect(result.call == .machine(.start, id) && result.commit.jobs.first?.keepsLease == true)
    }

    @Test("What was sent before it is held is looked at while it is held; what was not, waits where it is")
    func held() {
        var job = Job.sample(.startInstance, .send)
        let hold = Hold.control(.frozen(FleetControl.Freeze(actor: "op", reason: "r", since: noon)))
        #expect(JobStepper.sample(job, .sample(.stopped, status: "exited")).held(by: hold).job?.step == .send)
        job.firstSentAt = noon - .seconds(60)
        let result = JobStepper.sample(job, .sample(.starting, status: "exited")).held(by: hold)
        #expect(result.job?.step == .confirm && result.job?.dueAt == noon + Hold.retryInterval && result.call == nil)
    }

    @Test("What ends spending, and what is done for a machine that is taken back, goes ahead of everything else")
    func priorities() {
        for type in JobType.known {
            var job = Job.sample(type, .send)
            #expect((job.priority == 0) == (type == .stopInstance || type == .deleteInstance), "\(type)")
            #expect(job.callPriority(.mutation) == .mutation)
            job.cause = .spotReclaim
            #expect(job.priority == 0 && job.callPriority(.mutation) == .release)
        }
    }

    @Test("A start or restart that a stop waits for is not sent again", arguments: [JobType.startInstance, .restartInstance])
    func overtaken(_ type: JobType) {
        var job = Job.sample(type, .send)
        job.firstSentAt = noon - .seconds(60)
        var instance = Instance.sample(.starting, status: "exited")
        instance.desiredState = .stopped
        guard case .decided(let result) = JobStepper.sample(job, instance).plan() else { return unexpected("sent") }
        #expect(result.job?.state == .cancelled && result.job?.errorReason == "SUPERSEDED" && result.call == nil)
    }

    @Test(
        "'Invalid state change' is a question: read again, then judge", arguments: [JobType.startInstance, .stopInstance, .restartInstance])
    func invalidState(_ type: JobType) {
        let result = self.sent(type, CloudError(.invalidState, "invalid state change"))
        #expect(result.job?.step == .confirm && result.job?.dueAt == noon + .seconds(2) && result.job?.state == .waiting)
    }

    @Test("A start that the provider refuses fails and leaves the machine as it is", arguments: [CloudError.Code.capacity, .money])
    func startRefused(_ code: CloudError.Code) {
        let result = self.sent(.startInstance, CloudError(code, "no"), instance: .sample(.starting, status: "exited"))
        #expect(result.job?.state == .failed && result.instance?.state == .stopped && result.instance?.desiredState == .stopped)
    }

    @Test("A delete is repeated whatever the provider says", arguments: CloudError.Code.allCases)
    func deleteGoesOn(_ code: CloudError.Code) {
        let result = self.sent(.deleteInstance, CloudError(code, "no"), instance: .sample(.deleting))
        #expect(result.job?.state == .waiting && result.job?.step == (code == .money ? .send : .confirm))
    }

    @Test("The delay between repeated deletes grows, and ends growing")
    func growingDelay() {
        var job = Job.sample(.deleteInstance, .confirm)
        var delays: [Duration] = []
        for _ in 0..<14 {
            let result = JobStepper.sample(job, .sample(.deleting)).sent(CloudError(.unavailable, "503"))
            job = result.job ?? job
            delays.append((job.dueAt ?? noon) - noon)
        }
        #expect(delays == delays.sorted() && delays[0] == .seconds(1) && delays.last == .seconds(300))
    }

    @Test(
        "What is asked for is done when the provider shows it",
        arguments: [(JobType.startInstance, "running"), (.stopInstance, "exited"), (.restartInstance, "running")])
    func arrived(_ type: JobType, _ status: String) {
        let result = self.confirming(type, .sample(.starting, status: "restarting")).confirmed(.sample("m1", status))
        #expect(result.job?.state == .succeeded)
    }

    @Test("A restart that nobody saw taken up is asked again, though the machine runs")
    func restartUnseen() {
        let result = self.confirming(.restartInstance, .sample(.restarting), acknowledged: nil).confirmed(.sample("m1", "running"))
        #expect(result.job?.step == .send)
    }

    @Test("A restart that was accepted is not done while the machine may still show what was before", arguments: [(29, false), (30, true)])
    func restartTooEarly(_ seconds: Int, _ isDone: Bool) {
        let stepper = self.confirming(.restartInstance, .sample(.restarting), at: noon + .seconds(seconds))
        #expect((stepper.confirmed(.sample("m1", "running")).job?.state == .succeeded) == isDone)
    }

    @Test("A restart whose answers are lost is repeated once, and then told: each may be one more", arguments: [(1, false), (2, true)])
    func unclearRestarts(_ calls: Int, _ isTold: Bool) {
        var stepper = self.confirming(.restartInstance, .sample(.restarting), acknowledged: nil)
        stepper.job.callsTaken = calls
        let job = stepper.confirmed(.sample("m1", "running")).job
        #expect(isTold ? job?.state == .failed && job?.errorMessage.contains("may have been restarted") == true : job?.step == .send)
    }

    @Test("A restart of a machine that somebody has stopped meanwhile starts it, for it is wanted to run")
    func restartOfStopped() {
        let found = self.confirming(.restartInstance, .sample(.restarting), acknowledged: nil).confirmed(.sample("m1", "exited"))
        #expect(found.job?.step == .send && found.instance?.state == .stopped)
        guard let job = found.job, let instance = found.instance, case .act(let action, let id) = JobStepper.sample(job, instance).plan()
        else { return unexpected("dropped") }
        #expect(action == .start)
        let sent = JobStepper.sample(job, instance).sending(action, to: id)
        #expect(sent.instance?.state == .starting)
        guard let job = sent.job, let instance = sent.instance else { return unexpected("not sent") }
        let stepper = JobStepper.sample(job, instance)
        let refused = stepper.sent(CloudError(.capacity, "no"))
        #expect(refused.job?.state == .failed && refused.instance?.state == .stopped && refused.instance?.desiredState == .stopped)
        let slow = JobStepper.sample(job, .sample(.starting, status: "starting"), at: noon + .seconds(1200))
        let late = slow.confirmed(.sample("m1", "starting"))
        #expect(late.job?.state == .failed && late.instance?.desiredState == .running, "it may still come up, and is wanted")
        #expect(stepper.confirmed(.sample("m1", "running")).job?.state == .succeeded)
    }

    @Test("An accepted change may take a moment to show; after that it is asked again", arguments: [(10, JobStep.confirm), (31, .send)])
    func patience(_ seconds: Int, _ step: JobStep) {
        let result = self.confirming(.startInstance, .sample(.starting, status: "exited"), at: noon + .seconds(seconds))
            .confirmed(.sample("m1", "exited"))
        #expect(result.job?.step == step)
    }

    @Test("A stop that is wanted is asked without end, however long ago it was accepted", arguments: [JobStep.send, .confirm])
    func stopGoesOn(_ step: JobStep) {
        var instance = Instance.sample()
        instance.desiredState = .stopped
        var job = Job.sample(.stopInstance, step)
        job.firstSentAt = step == .confirm ? noon : nil
        let late = JobStepper.sample(job, instance, at: noon + .seconds(90_000))
        if step == .send {
            guard case .act(.stop, _) = late.plan() else { return unexpected("dropped") }
        } else {
            #expect(late.confirmed(.sample("m1", "running")).job?.step == .send)
        }
        instance.desiredState = .running
        job.firstSentAt = noon
        let unwanted = JobStepper.sample(job, instance, at: noon + .seconds(90_000))
        if step == .confirm { #expect(unwanted.confirmed(.sample("m1", "running")).job?.state == .failed, "a start waits behind it") }
    }

    @Test("A start or restart has its time from when it was first sent", arguments: [JobType.startInstance, .restartInstance])
    func deadline(_ type: JobType) {
        let late = noon + .seconds(90_000)
        let stepper = JobStepper.sample(.sample(type, .send), .sample(.stopped, status: "exited"), at: late)
        guard case .act(let action, let id) = stepper.plan() else { return unexpected("dropped unsent") }
        let sent = stepper.sending(action, to: id)
        #expect(sent.job?.firstSentAt == late)
        var job = sent.job ?? stepper.job
        job.step = .send
        let again = JobStepper.sample(job, .sample(.starting, status: "exited"), at: late + .seconds(1199)).sending(action, to: id)
        #expect(again.job?.firstSentAt == late)
        guard case .decided(let end) = JobStepper.sample(job, .sample(.starting, status: "exited"), at: late + .seconds(1200)).plan()
        else { return unexpected("it goes on") }
        #expect(end.job?.state == .failed)
    }

    @Test("A call that was not taken up is an attempt, whether its answer was lost or the server died before it came")
    func notTakenUp() {
        let job = self.confirming(.startInstance, .sample(.starting, status: "exited"), acknowledged: nil).confirmed(
            .sample("m1", "exited")
        ).job
        #expect(job?.step == .send && job?.attemptCount == 1)
    }

    @Test("A stop that the provider has refused is not asked for again once somebody wants the machine to run", arguments: [true, false])
    func refusedStop(mayHaveTakenEffect: Bool) throws {
        var instance = Instance.sample()
        instance.desiredState = .stopped
        let sending = JobStepper.sample(.sample(.stopInstance, .send), instance).sending(.stop, to: UpstreamID(rawValue: "m1"))
        let error = CloudError(.rateLimited, "later", mayHaveTakenEffect: mayHaveTakenEffect)
        var (job, stopping) = (try #require(sending.job), try #require(sending.instance))
        job = try #require(JobStepper.sample(job, stopping).sent(error).job)
        stopping.desiredState = .running
        let looked = JobStepper.sample(job, stopping).confirmed(.sample("m1", "running"))
        job = try #require(looked.job)
        switch JobStepper.sample(job, looked.instance ?? stopping, at: noon + .seconds(60)).plan() {
        case .decided(let result): #expect(!mayHaveTakenEffect && result.job?.errorReason == "SUPERSEDED")
        case .act(.stop, _): #expect(mayHaveTakenEffect)
        default: unexpected("neither")
        }
    }

    @Test(
        "A stop that is refused is asked again as long as it is wanted: a key that is being replaced leaves no machine billed",
        arguments: [CloudError.Code.unauthorized, .invalidRequest, .money])
    func refusedForNow(_ code: CloudError.Code) {
        for desired in [DesiredState.stopped, .running] {
            var instance = Instance.sample(.stopping)
            instance.desiredState = desired
            let job = JobStepper.sample(.sample(.stopInstance, .confirm), instance).sent(CloudError(code, "no")).job
            #expect(job?.state == (desired == .stopped ? .waiting : .failed))
        }
    }

    @Test("A start that fails for want of capacity says nothing about a later wish, which waits behind it", arguments: [true, false])
    func failedBeforeLater(isLast: Bool) throws {
        var instance = Instance.sample(.starting, status: "exited")
        instance.jobID = JobID(rawValue: isLast ? "j-1" : "j-2")
        let result = JobStepper.sample(.sample(.startInstance, .confirm), instance).sent(CloudError(.capacity, "no room"))
        #expect(result.job?.state == .failed && result.instance?.desiredState == (isLast ? .stopped : .running))
    }

    @Test("A stop that waited is sent though the machine is stopped; a start is not when it runs")
    func waited() {
        var stopped = Instance.sample(.stopped, status: "exited")
        stopped.desiredState = .stopped
        guard case .act(.stop, _) = JobStepper.sample(.sample(.stopInstance, .send), stopped).plan() else {
            return unexpected("a failed start may still take effect")
        }
        guard case .decided(let result) = JobStepper.sample(.sample(.startInstance, .send), .sample()).plan() else {
            return unexpected("it runs already")
        }
        #expect(result.job?.state == .succeeded)
    }

    @Test(
        "A stop that was not accepted is believed only from a direct read",
        arguments: [(JobType.stopInstance, nil, true), (.stopInstance, Duration.zero, false), (.startInstance, nil, false)])
    func directLook(_ type: JobType, _ acknowledged: Duration?, _ isExpected: Bool) {
        guard case .look(_, let isDirect) = self.confirming(type, .sample(.stopping), acknowledged: acknowledged).plan() else {
            return unexpected("no look")
        }
        #expect(isDirect == isExpected)
    }

    @Test("A delete ends only when a read does not find the machine; one that came back is deleted again")
    func deleteConfirmed() {
        let deleting = Instance.sample(.deleting)
        #expect(self.confirming(.deleteInstance, deleting).confirmed(.sample("m1", "removing")).job?.step == .confirm)
        #expect(self.confirming(.deleteInstance, deleting, at: noon + .seconds(31)).confirmed(.sample("m1", "running")).job?.step == .send)
        let missed = self.confirming(.deleteInstance, deleting).confirmed(nil)
        #expect(missed.job?.step == .confirm && missed.job?.absences == 1 && missed.commit.instances.isEmpty)
        let gone = self.gone(deleting)
        #expect(gone.job?.state == .succeeded && gone.instance?.state == .deleted && gone.instance?.deletedAt == noon)
        #expect(self.confirming(.deleteInstance, deleting).confirmed(.sample("m1", "removed")).job?.state == .succeeded, "its own word")
    }

    /// A second read does not find it either.
    private func gone(_ instance: Instance) -> StepResult {
        var stepper = self.confirming(.deleteInstance, instance)
        stepper.job.absences = 1
        return stepper.confirmed(nil)
    }

    @Test(
        "A machine that was just seen is not gone because a reader does not know it, unless its delete was accepted",
        arguments: [(nil, 119, 0), (nil, 120, 1), (Duration.zero, 0, 1)])
    func deleteOfYoung(_ acknowledged: Duration?, _ seconds: Int, _ absences: Int) {
        var instance = Instance.sample(.deleting)
        instance.upstream?.observedAt = noon
        let stepper = self.confirming(.deleteInstance, instance, acknowledged: acknowledged, at: noon + .seconds(seconds))
        let job = stepper.confirmed(nil).job
        #expect(job?.step == .confirm && job?.absences == absences)
    }

    @Test("A delete of a machine whose months are paid is asked again, and can be called off in between")
    func keptUntilPaid() throws {
        var job = Job.sample(.deleteInstance, .confirm)
        job.noteCall(at: noon)
        let instance = Instance.sample(.deleting)
        let kept = try #require(JobStepper.sample(job, instance).sent(CloudError(.money, "monthly")).job)
        #expect(kept.step == .send && kept.isUncalled && (kept.dueAt ?? noon) > noon)
        let cancelled = try Admission(settings: FleetSettings()).cancel(
            kept.id, Admission.Subject(instance: instance, jobs: [kept]), on: .sample())
        #expect(cancelled.job.state == .cancelled && cancelled.instance.state == .running)
    }

    @Test(
        "A delete ends the renewal of paid months, and once nobody wants it any more the renewal is asked for again, whatever comes between"
    )
    func renewalAgain() throws {
        let admission = Admission(settings: FleetSettings())
        var job = Job.sample(.deleteInstance, .confirm)
        job.noteCall(at: noon)
        var instance = Instance.sample(.deleting)
        (instance.desiredState, instance.billing) = (.deleted, BillingFacts(autoRenewMonths: 2))
        let result = JobStepper.sample(job, instance).sent(CloudError(.money, "monthly"))
        let (kept, shown) = (try #require(result.job), try #require(result.instance))
        #expect(shown.billing?.autoRenewMonths == 0 && shown.billing?.endedRenewalMonths == 2, "it does not renew itself any more")
        // A second refusal forgets nothing.
        let second = JobStepper.sample(job, shown).sent(CloudError(.money, "monthly")).instance ?? shown
        #expect(second.billing == shown.billing)
        func again(_ instance: Instance, _ jobs: [Job] = []) -> Commit? {
            admission.renewalAgain(Admission.Subject(instance: instance, jobs: jobs), jobID: JobID(rawValue: "j-renew"), at: noon)
        }
        #expect(again(shown) == nil, "it is to be deleted")
        let back = try admission.cancel(kept.id, Admission.Subject(instance: shown, jobs: [kept]), on: .sample()).instance
        #expect(again(back, [.sample(.stopInstance, .send)]) == nil, "it waits for other work")
        let commit = try #require(again(back))
        let (renewal, asked) = (try #require(commit.jobs.first?.job), try #require(commit.instances.first))
        #expect(renewal.type == .changeBilling && renewal.billing == BillingChange(autoRenewMonths: 2) && asked.jobID == renewal.id)
        // Done, it is not asked for again; nor when the provider refuses it, or somebody has said something else.
        for error in [nil, CloudError(.invalidRequest, "no")] {
            var sent = renewal
            sent.step = .confirm
            let end = JobStepper.sample(sent, asked).termsOrdered(error)
            #expect(end.job?.state == (error == nil ? .succeeded : .failed))
            #expect(end.instance?.billing?.endedRenewalMonths == nil && end.instance?.billing?.autoRenewMonths == (error == nil ? 2 : 0))
        }
    }

    @Test(
        "A stop whose call came to nothing is asked again while the machine comes up, which is billed",
        arguments: ["pulling", "starting", "toStart"])
    func stopOfWhatComesUp(_ status: String) {
        var instance = Instance.sample(.stopping, status: status)
        instance.desiredState = .stopped
        let result = self.confirming(.stopInstance, instance, acknowledged: nil).confirmed(.sample("m1", status))
        #expect(result.job?.step == .send && result.job?.acknowledgedAt == nil)
        // One that was accepted is given the time to show.
        let patient = self.confirming(.stopInstance, instance).confirmed(.sample("m1", status))
        #expect(patient.job?.step == .confirm && (patient.instance ?? instance).state == .stopping)
        let late = self.confirming(.stopInstance, instance, at: noon + StepLimits.acknowledgedPatience).confirmed(.sample("m1", status))
        #expect(late.job?.step == .send)
        let stopping = self.confirming(.stopInstance, instance, acknowledged: nil).confirmed(.sample("m1", "stopping"))
        #expect(stopping.job?.step == .confirm)
    }

    @Test("What a clock that was ahead wrote down as begun tomorrow is overdue in its time", arguments: [(1199, false), (1200, true)])
    func begunTomorrow(seconds: Int, isOverdue: Bool) {
        let created = Job.sample(.createInstance, .boot, createdAt: noon + .seconds(86_400))
        var started = Job.sample(.startInstance, .confirm)
        started.firstSentAt = noon + .seconds(86_400)
        for job in [created, started] {
            var stepper = JobStepper.sample(job, .sample(.starting, status: "pulling"), at: noon + .seconds(seconds))
            stepper.processBegan = noon
            #expect(stepper.isOverdue == isOverdue)
        }
    }

    @Test("The delete of a create that never came up ends as FAILED", arguments: [StateReason.startupTimeout, .providerError])
    func failedAfterDelete(_ reason: StateReason) {
        var instance = Instance.sample(.deleting)
        instance.stateReason = reason
        let gone = self.gone(instance)
        #expect(gone.instance?.state == .failed && gone.instance?.stateReason == reason)
    }

    @Test("Without a machine a delete ends at once")
    func nothingToDelete() {
        let stepper = JobStepper.sample(.sample(.deleteInstance, .send), .sample(.deleting, upstream: nil))
        guard case .decided(let result) = stepper.plan() else { return unexpected("a call is planned") }
        #expect(result.instance?.state == .deleted && result.job?.state == .succeeded)
    }

    @Test("What is asked of an instance that is on its way out gives way", arguments: [JobStep.send, .confirm])
    func superseded(_ step: JobStep) {
        var instance = Instance.sample(.deleting)
        instance.desiredState = .deleted
        guard case .decided(let result) = JobStepper.sample(.sample(.startInstance, step), instance).plan() else {
            return unexpected("it goes on")
        }
        #expect(result.job?.state == .cancelled)
    }
}
