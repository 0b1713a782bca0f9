/// Start, stop, restart, update and delete of a machine: ask, then look until the provider shows it.
extension JobStepper {
    private var action: MachineAction {
        switch self.job.type {
        case .createInstance, .startInstance, .saveImage, .changeBilling, .unrecognized: .start
        case .stopInstance: .stop
        // Somebody else may have stopped it since, and the provider restarts only what runs.
        case .restartInstance: self.isDownOrStarting ? .start : .restart
        case .deleteInstance: .delete
        case .migrateInstance: self.job.migration == .start ? .start : .migrate
        case .updateInstance: self.job.update?.parts.first == .upgrade ? .upgrade : .edit
        }
    }

    private var isDownOrStarting: Bool { self.instance.state == .stopped || self.instance.state == .starting }

    func planLook() -> StepPlan {
        if self.job.isReplacing {
            guard let id = self.instance.replacement?.upstreamID else { return .decided(self.cutShort()) }
            return .look(id, isDirect: self.job.absences > 0)
        }
        guard let upstream = self.instance.upstream else { return .decided(self.withoutMachine()) }
        // A listing may lag behind: what it shows may be older than the start that this stop followed.
        let isUnacceptedStop = self.job.type == .stopInstance && self.job.acknowledgedAt == nil
        // A disk that is taken for small would grow again.
        let isUpdate = self.job.type == .updateInstance
        return .look(upstream.id, isDirect: self.job.absences > 0 || isUnacceptedStop || isUpdate)
    }

    func planAction() -> StepPlan {
        guard let upstream = self.instance.upstream else { return .decided(self.withoutMachine()) }
        if let unwanted = self.unwanted { return .decided(unwanted) }
        if self.isFulfilled { return .decided(self.succeeded(self.instance)) }
        if self.isOvertaken { return .decided(self.overtaken(self.job, self.instance)) }
        if self.isOverdue { return .decided(self.failed(.providerError, "not done in time", self.job)) }
        return .act(self.action, upstream.id)
    }

    /// A job before this one has brought it about. Not so for a stop: a start before it that failed may still take effect.
    private var isFulfilled: Bool {
        self.job.type == .startInstance && self.job.isUncalled && self.instance.state == .running
    }

    /// A stop has been asked for since, and waits for this job: nothing is begun that would be ended at once. What it has asked for may
    /// still take effect late; the stop looks for that. Nor is a machine stopped, by a stop that has certainly done nothing yet, that somebody
    /// wants to run again.
    private var isOvertaken: Bool {
        if self.job.type == .stopInstance { return self.instance.desiredState == .running && self.job.callsTaken == 0 }
        guard self.instance.desiredState == .stopped else { return false }
        // A machine that is stopped can be updated too: then nothing newer is wanted.
        return switch self.job.type {
        case .startInstance, .restartInstance: true
        case .updateInstance, .migrateInstance: self.instance.jobID != self.job.id
        case .createInstance, .stopInstance, .deleteInstance, .saveImage, .changeBilling, .unrecognized: false
        }
    }

    /// What a policy asked for and is not due any more, because a sign of use has come before the provider took it, its owner has said another
    /// time, or the clock was wrong.
    private var unwanted: StepResult? {
        guard let cause = self.job.cause, cause.isPolicy, self.job.acknowledgedAt == nil, let kind = NextAction.Kind(self.job.type),
            let message = self.objection(to: kind, cause)
        else { return nil }
        var (job, instance) = (self.job, self.instance)
        instance.revertToUpstream(because: .requested, "")
        // Nor does this say anything about a wish that came later.
        if instance.jobID == job.id {
            instance.desiredState = instance.restingState
            instance.deleteAskedAt = nil
        }
        job.end(.cancelled, progress: "not due any more", reason: "NOT_DUE", message: message, at: self.now)
        return self.result(job, instance)
    }

    /// For people; nil: it is to be done.
    private func objection(to kind: NextAction.Kind, _ cause: JobCause) -> String? {
        if kind == .start { return self.objectionToStart }
        guard let dueAt = self.instance.due(kind, cause), dueAt <= self.now else { return "a sign of use came before it was done" }
        // A call that may have been taken is followed to its end.
        let isOvertaken = kind == .stop && cause == .schedule && self.job.isUncalled && self.instance.isStartOvertaking(dueAt, at: self.now)
        return isOvertaken ? "the time of its start came before it was done" : nil
    }

    /// The job is the start that was asked for at its time, so that only what has been said since counts.
    private var objectionToStart: String? {
        guard self.job.isUncalled, self.believesClock else { return nil }
        guard let startAt = self.instance.policies?.startAt, startAt <= self.now + ClockDoubt.skewMax else {
            return "another time was said before it was done"
        }
        return self.instance.isStartOvertaken(nil, at: self.now) ? "the time of its end came before it was done" : nil
    }

    private var reason: StateReason { self.job.cause?.isPolicy == true ? .policy : .requested }

    /// The instance never had a machine, which is certain: an unsettled create would still be at work before this job.
    private func withoutMachine() -> StepResult {
        guard self.job.type == .deleteInstance else { return self.failed(.vanished, "the instance has no machine", self.job) }
        return self.deleted()
    }

    // MARK: send

    /// Writes down that the call may be under way; it is made after that.
    ///
    /// - Parameter before: of a move; see ``queryBeforeCall``.
    package func sending(_ action: MachineAction, to id: UpstreamID, before: [UpstreamJob]? = nil) -> StepResult {
        var (job, instance) = (self.job, self.instance)
        job.upstreamJobsBefore = self.jobsToTellApart(before)
        job.blindSince = nil
        job.step = .confirm
        job.state = .running
        job.dueAt = self.now
        job.noteCall(at: self.now)
        job.acknowledgedAt = nil
        job.absences = 0
        if action == .edit, self.isGrowing { job.update?.mayHaveGrown = true }
        if action == .upgrade { job.update?.mayHaveResetSince = self.now }
        job.progress = "asking the provider to \(action.rawValue)"
        instance.state(action.stateWhileUnderWay, because: action == .delete ? instance.stateReason : self.reason, instance.stateMessage)
        if action != .delete, action != .edit {
            instance.endpoints = []
            // What a program answered before says nothing about the one after.
            instance.probes = nil
        }
        var result = self.result(job, instance, call: .machine(action, id))
        self.limit(&result.commit, action, instance)
        return result
    }

    /// What nobody asked for by a call goes past the brake when it is first sent, and is entered in the audit log with it.
    private func limit(_ commit: inout Commit, _ action: MachineAction, _ instance: Instance) {
        if self.job.firstSentAt == nil { commit.guards.append(.queueIsOpen(self.job.type)) }
        guard let cause = self.job.cause, action == .stop || action == .delete else {
            return commit.guards.append(.permitted(action == .start || action == .migrate ? .begin : .obey))
        }
        commit.guards.append(.permitted(.endAutomatically))
        guard self.job.firstSentAt == nil else { return }
        commit.guards.append(.brake(self.settings.brake, self.now))
        commit.audit.append(.ending(instance, by: self.job, action, cause: cause, at: self.now))
    }

    /// What the call brought; nil error: accepted. Called with the job as it was written down before the call.
    package func sent(_ error: CloudError?) -> StepResult {
        var job = self.job
        guard let error else {
            job.acknowledgedAt = self.now
            job.proceed(to: .confirm, at: self.firstLook, progress: "accepted by the provider")
            return self.result(job, self.instance)
        }
        job.record(error.description, at: self.now)
        if !error.mayHaveTakenEffect {
            job.withdrawCall()
            job.update?.mayHaveGrown = nil
            job.update?.mayHaveResetSince = nil
        }
        if !self.isAskedWithoutEnd, let reason = error.code.endsChange(self.action) {
            return self.failed(reason, error.message, job)
        }
        if self.job.type == .deleteInstance, error.code == .money { return self.keptUntilPaid(job) }
        let wait: Duration
        switch error.code {
        case .invalidState, .notFound: wait = .seconds(2)
        default: wait = max(error.retryAfter ?? .zero, StepLimits.retryDelay(after: job.attemptCount, atMost: self.retryDelayMax))
        }
        job.proceed(to: .confirm, at: self.now + wait, progress: "the call did not go through; looking what the machine does")
        return self.result(job, self.instance)
    }

    /// What ends spending, as long as it is wanted: a key that is being replaced, or a gateway that refuses for a minute, is no reason to leave a
    /// machine billed.
    private var isAskedWithoutEnd: Bool {
        switch self.job.type {
        case .deleteInstance: true
        case .stopInstance: self.instance.desiredState == .stopped
        default: false
        }
    }

    /// A machine whose months are paid goes when they end, and its renewal has been called off for that. It is asked for again until then;
    /// nothing is under way, so it can be called off.
    private func keptUntilPaid(_ job: Job) -> StepResult {
        var (job, instance) = (job, self.instance)
        if let months = instance.billing?.autoRenewMonths, months > 0 {
            instance.billing?.endedRenewalMonths = months
            instance.billing?.autoRenewMonths = 0
        }
        let delay = StepLimits.retryDelay(after: job.attemptCount, atMost: StepLimits.deleteDelayMax)
        job.proceed(to: .send, at: self.now + delay, progress: "the provider keeps it until the paid months end; asking again")
        return self.result(job, instance)
    }

    private var retryDelayMax: Duration { JobPolicy.of(self.job.type, self.settings).retryDelayMax }

    /// Most deletes are seen at the second look; the first comes early so that a fast provider is noticed. Not where a look is a listing of many
    /// calls: each change would have one of its own, and sweeps would come late.
    private var firstLook: Timestamp { self.lookInterval > StepLimits.transitionInterval ? self.nextLook : self.now + .seconds(2) }

    // MARK: confirm

    /// What the provider shows after the call; nil when a direct read did not find the machine.
    package func confirmed(_ machine: Machine?) -> StepResult {
        if let machine, machine.id != self.instance.upstream?.id { return self.returned() }
        guard let machine else { return self.missed(at: self.nextLook) }
        if machine.phase == .gone { return self.job.type == .deleteInstance ? self.deleted() : self.vanished() }
        var (job, instance) = (self.job, self.instance)
        job.absences = 0
        instance.observe(machine, because: self.reason, at: self.now)
        if self.job.type == .deleteInstance { return self.stillThere(machine, job) }
        if let disk = machine.diskGB { job.update?.diskSeenGB = disk }
        if self.hasMark(machine) == true { job.acknowledgedAt = job.acknowledgedAt ?? self.now }
        if self.hasArrived(machine, job) { return self.arrived(job, instance) }
        if self.isOverdue { return self.failed(.providerError, "not done in time", job, instance) }
        // A machine that comes up goes on to be billed: it is on no way to where a stop wants it.
        if machine.phase.isTransitional, self.action != .stop || !machine.phase.isComingUp {
            let isTakenUp = machine.phase == .restarting || machine.phase == .starting || machine.phase == .updating
            if isTakenUp { job.acknowledgedAt = job.acknowledgedAt ?? self.now }
            job.proceed(to: .confirm, at: self.nextLook, progress: job.progress)
            return self.result(job, instance)
        }
        return self.askAgain(job, instance, machine)
    }

    /// Of an update the next part, if there is one; else it is done once the machine is as good as it was before.
    private func arrived(_ job: Job, _ instance: Instance) -> StepResult {
        var job = job
        let bringsEnvironment = self.action == .upgrade && job.update?.bringsEnvironment == true
        if bringsEnvironment { job.update?.bringsEnvironment = nil }
        var result = self.proceeded(job, instance)
        if bringsEnvironment { result.commit.arrivedEnvironments = [instance.id: job.id] }
        return result
    }

    private func proceeded(_ job: Job, _ instance: Instance) -> StepResult {
        var job = job
        if let update = job.update, update.parts.count > 1 {
            job.update?.parts.removeFirst()
            job.update?.mayHaveGrown = nil
            job.update?.mayHaveResetSince = nil
            job.update?.before.ports = instance.spec.ports
            job.update?.before.diskGB = instance.spec.diskGB
            job.acknowledgedAt = nil
            job.proceed(to: .send, at: self.now, progress: "changed; the rest is asked for")
            return self.result(job, instance)
        }
        if self.action == .stop { return self.succeeded(instance) }
        guard instance.state == .running else { return self.succeeded(instance, job) }
        return self.running(job, instance)
    }

    /// It was seen on its way, or is not going to be: for a moment the provider still shows what was before.
    private func hasRestarted(_ job: Job) -> Bool {
        guard let acknowledgedAt = job.acknowledgedAt else { return false }
        let wasDown = self.instance.upstream.map { UpstreamPhase(status: $0.status) != .running } ?? false
        return wasDown || self.now >= acknowledgedAt + StepLimits.acknowledgedPatience
    }

    /// A restart that was not seen to be taken up may not have happened, though the machine runs.
    private func hasArrived(_ machine: Machine, _ job: Job) -> Bool {
        switch self.action {
        case .start: machine.phase == .running
        case .stop: machine.phase == .stopped
        case .restart: machine.phase == .running && self.hasRestarted(job)
        case .upgrade: machine.phase == .running && job.acknowledgedAt != nil && self.hasMark(machine) != false
        case .edit: self.isEdited(machine, job)
        case .delete, .migrate: false
        }
    }

    /// The container is the one that this job has asked for; nil when the provider does not show that.
    private func hasMark(_ machine: Machine) -> Bool? {
        self.action == .upgrade ? machine.updateMark.map { $0 == self.job.id.rawValue } : nil
    }

    /// The provider does not show which ports it will open: that it took the call is enough. A disk is seen to have grown.
    private func isEdited(_ machine: Machine, _ job: Job) -> Bool {
        guard machine.phase == .running || machine.phase == .stopped else { return false }
        if let disk = machine.diskGB, disk < self.instance.spec.diskGB { return false }
        return job.acknowledgedAt != nil || (machine.diskGB != nil && self.isGrowing)
    }

    private var isGrowing: Bool { (self.job.update?.before.diskGB ?? self.instance.spec.diskGB) < self.instance.spec.diskGB }

    /// GB to ask for: what is missing from what was last seen.
    package var diskGrowthGB: Int { max(0, self.instance.spec.diskGB - (self.job.update?.diskSeenGB ?? self.instance.spec.diskGB)) }

    /// Asked again it would be done twice, to the disk's growth or the container's loss. A container is known by its mark, once every
    /// reader at the provider must know it.
    private func mayComeYet(_ machine: Machine, _ job: Job) -> Bool {
        guard let update = job.update else { return false }
        if self.action == .edit { return update.mayHaveGrown == true }
        guard let since = update.mayHaveResetSince else { return false }
        return self.hasMark(machine) != false || self.now < since + self.settings.requestTimeout + StepLimits.absenceGrace
    }

    /// The machine does not move: an accepted call may take a moment to show, one that was not accepted is repeated.
    private func askAgain(_ job: Job, _ instance: Instance, _ machine: Machine) -> StepResult {
        var (job, instance) = (job, instance)
        if job.type == .updateInstance, self.isOvertaken { return self.overtaken(job, instance) }
        // Each call may have restarted it, under somebody's hands.
        if self.action == .restart, job.acknowledgedAt == nil, job.callsTaken ?? 0 >= StepLimits.unclearRestartsMax {
            return self.failed(.providerError, "the provider's answers were lost: it may have been restarted", job, instance)
        }
        let isPatient = job.acknowledgedAt.map { self.now < $0 + StepLimits.acknowledgedPatience } ?? false
        if isPatient || self.mayComeYet(machine, job) {
            // Not yet shown: the state stays the one under way.
            instance.state(self.action.stateWhileUnderWay, because: self.reason, "")
            job.proceed(to: .confirm, at: self.nextLook, progress: job.progress)
        } else {
            job.record("the machine did not take it up", at: self.now)
            job.proceed(
                to: .send, at: self.now + StepLimits.retryDelay(after: job.attemptCount),
                progress: "the machine does not move; asking again")
        }
        return self.result(job, instance)
    }

    // MARK: delete

    /// Leaving: wait. Anything else: the delete is not taken up, so ask again, without end.
    private func stillThere(_ machine: Machine, _ job: Job) -> StepResult {
        var (job, instance) = (job, self.instance)
        instance.upstream = UpstreamFacts(id: machine.id, status: machine.status, error: machine.statusError, observedAt: self.now)
        let isTakenUp = machine.phase == .leaving
        let isPatient = job.acknowledgedAt.map { self.now < $0 + StepLimits.acknowledgedPatience } ?? false
        if isTakenUp || isPatient {
            job.proceed(to: .confirm, at: self.nextLook, progress: "waiting until the provider shows it gone")
        } else {
            let delay = StepLimits.retryDelay(after: job.attemptCount, atMost: StepLimits.deleteDelayMax)
            job.proceed(to: .send, at: self.now + delay, progress: "the provider still has the machine; asking again")
        }
        return self.result(job, instance)
    }

    /// A create that never came up ends as failed; everything else as deleted.
    func deleted() -> StepResult {
        var (job, instance) = (self.job, self.instance)
        let hasFailed = instance.stateReason == .startupTimeout || instance.stateReason == .providerError
        instance.end(hasFailed ? .failed : .deleted, because: instance.stateReason, instance.stateMessage, at: self.now)
        job.end(.succeeded, progress: "deleted", at: self.now)
        return self.result(job, instance)
    }

    // MARK: ends

    private func succeeded(_ instance: Instance, _ job: Job? = nil) -> StepResult {
        var job = job ?? self.job
        job.end(.succeeded, progress: instance.state == .stopped ? "stopped" : "running", at: self.now)
        return self.result(job, instance)
    }

    /// A stop waits for a change that does not get on.
    private func overtaken(_ job: Job, _ instance: Instance) -> StepResult {
        var (job, instance) = (job, instance)
        if let update = job.update { instance.spec = update.kept }
        job.supersede(at: self.now)
        return self.result(job, instance)
    }

    /// The change does not come about. Nothing is deleted for it; the instance is what the provider last said.
    func failed(_ reason: StateReason, _ message: String, _ job: Job, _ instance: Instance? = nil) -> StepResult {
        var job = job
        var instance = instance ?? self.instance
        instance.revertToUpstream(because: reason, message)
        // Who only wants it back after a loss wants it still; so does who has it restarted, unless it is down.
        let isLeftDown = self.job.type != .restartInstance || instance.state == .stopped
        // Nor does this say anything about a wish that came later.
        let endsWish = self.job.cause?.isRecovery != true && isLeftDown && instance.jobID == job.id
        // Of one that hangs between two places nobody knows what it will be: whoever wants it to run gets another, if it stays there.
        let isOnItsWay = instance.state == .migrating
        if endsWish, !isOnItsWay, self.action == .start || self.action == .migrate { instance.desiredState = .stopped }
        if let update = self.job.update { instance.spec = update.kept }
        job.end(.failed, progress: "failed", reason: reason.word, message: message, at: self.now)
        return self.result(job, instance)
    }
}

extension MachineAction {
    fileprivate var stateWhileUnderWay: InstanceState {
        switch self {
        case .start: .starting
        case .stop: .stopping
        case .restart: .restarting
        case .delete: .deleting
        case .edit, .upgrade: .updating
        case .migrate: .migrating
        }
    }
}

extension CloudError.Code {
    /// Why no repeat can help; nil when one may.
    fileprivate func endsChange(_ action: MachineAction) -> StateReason? {
        switch self {
        case .capacity: action == .start || action == .migrate ? .noCapacity : nil
        case .money, .invalidRequest, .unauthorized: .refused
        case .notFound, .invalidState, .rateLimited, .unavailable, .transport, .malformedReply, .notAttempted: nil
        }
    }
}
