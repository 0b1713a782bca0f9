/// What callers say about a job instead of an instance: stop it, or do it once more.
extension Admission {
    static let cancelled = "CANCELLED"

    /// Ends a job that is not over.
    ///
    /// What has been asked of the provider cannot be taken back: a stop, restart, update or saved image that was is no longer followed, and the
    /// instance is what the provider shows. (The provider's job that saves an image can be broken off before: see `answer`.) A start, a move, months and a delete that were asked for go on: the cancel is refused. A create
    /// becomes a delete, since a machine may come of it.
    ///
    /// - Parameter answer: of the provider, which was asked to break off its job that saves an image; nil: it was not asked.
    /// - Throws: `notFound`, `invalidState`, `deletionProtected`.
    package func cancel(
        _ id: JobID, _ subject: Subject, answer: ImageSaveBreak? = nil, on occasion: Occasion
    ) throws(FleetError) -> Admitted {
        guard let job = subject.jobs.first(where: { $0.id == id }) else {
            throw FleetError(.invalidState, "the job has ended", instanceID: subject.instance.id, jobID: id)
        }
        try subject.checkIsReadable()
        switch job.type {
        case .createInstance: return try self.cancelCreate(job, subject, on: occasion)
        case .deleteInstance where !job.isUncalled:
            throw FleetError(
                .invalidState, "the delete has been asked of the provider: it ends when the machine is proven gone",
                instanceID: subject.instance.id, jobID: id)
        // A restart of a machine that was down is asked for as a start.
        case .startInstance where !job.isUncalled, .restartInstance where !job.isUncalled && subject.instance.state == .starting:
            // Nobody would follow it any more, while the machine comes up and is billed.
            throw FleetError(
                .invalidState, "the start has been asked of the provider: stop the instance instead", instanceID: subject.instance.id,
                jobID: id)
        case .migrateInstance where job.step.isSettling || (job.migration != .replace && !job.isUncalled):
            throw FleetError(
                .invalidState, "the move has been asked of the provider: it ends when it is known what has come of it",
                instanceID: subject.instance.id, jobID: id)
        case .changeBilling where job.billing?.months != nil && !job.isUncalled:
            throw FleetError(
                .invalidState, "the months have been asked of the provider: it ends when it is known whether they are paid",
                instanceID: subject.instance.id, jobID: job.id)
        case .startInstance, .stopInstance, .restartInstance, .deleteInstance, .updateInstance, .migrateInstance,
            .saveImage, .changeBilling, .unrecognized:
            return self.cancelChange(job, subject, answer, on: occasion)
        }
    }

    private func cancelCreate(_ job: Job, _ subject: Subject, on occasion: Occasion) throws(FleetError) -> Admitted {
        guard subject.instance.desiredState != .deleted else {
            throw FleetError(.invalidState, "it is being cancelled", instanceID: subject.instance.id, jobID: job.id)
        }
        // As for a delete: the protection is for machines, and one may come of it, or have come late.
        guard !subject.instance.deletionProtection || (job.step == .place && subject.instance.upstream == nil) else {
            throw FleetError(.deletionProtected, "deletion protection is on", instanceID: subject.instance.id, jobID: job.id)
        }
        var admitted = self.delete(subject, on: occasion)
        admitted.commit.jobs = admitted.commit.jobs.map { write in
            guard write.job.id == job.id, write.job.state.isFinal else { return write }
            var write = write
            write.job.errorReason = Self.cancelled
            write.job.errorMessage = "cancelled by \(occasion.actor)"
            return write
        }
        admitted.job = admitted.commit.jobs.first { $0.job.id == job.id }?.job ?? job
        admitted.commit.request = occasion.record(of: subject.instance.id, job: job.id)
        return admitted
    }

    private func cancelChange(_ job: Job, _ subject: Subject, _ answer: ImageSaveBreak?, on occasion: Occasion) -> Admitted {
        var (ended, instance) = (job, subject.instance)
        let rest = ImageSaveBreak.words(of: answer, for: job).map { "; \($0)" } ?? ""
        ended.end(
            .cancelled, progress: "cancelled", reason: Self.cancelled, message: "cancelled by \(occasion.actor)\(rest)", at: occasion.now)
        let remaining = subject.jobs.filter { $0.id != job.id }
        if remaining.isEmpty || job.type == .deleteInstance { instance.revertToUpstream(because: .requested, "") }
        if instance.upstream == nil { instance.state(.pending, because: .requested, "") }
        if job.isReplacing { instance.dropReplacement(at: occasion.now) }
        if job.type.changesWish {
            instance.desiredState = remaining.last?.type.desiredState ?? instance.restingState
        }
        // Who only wants it back wants it still.
        if job.type == .migrateInstance, job.cause == nil, remaining.isEmpty { instance.restWish() }
        if job.type == .deleteInstance { instance.deleteAskedAt = nil }
        if job.cause?.isRecovery == true { instance.recoveries = RecoveryBudget.spent(at: occasion.now) }
        if let cause = job.cause, cause.isPolicy, let kind = NextAction.Kind(job.type) { instance.callOff(kind, cause) }
        if job.type == .startInstance || job.type == .restartInstance { instance.spendPassedStart(at: occasion.now) }
        if let update = job.update { instance.spec = job.isUncalled ? update.kept : update.abandoned(instance.spec) }
        instance.jobID = remaining.last?.id ?? job.id
        instance.updatedAt = occasion.now
        var commit = Commit(
            guards: [.requestIsNew(occasion.request), .permitted(.obey), .instance(instance.id, subject.instance.revision)],
            instances: [instance], jobs: [Commit.JobWrite(ended)], request: occasion.record(of: instance.id, job: job.id),
            audit: [.request(occasion, instance: instance, job: ended, effect: "the job is cancelled\(rest)")])
        // The machine may be being given the new environment: it is the one that a later container is made with.
        if !job.isUncalled, job.update?.parts.first == .upgrade, job.update?.bringsEnvironment == true {
            commit.arrivedEnvironments = [instance.id: job.id]
        }
        return Admitted(commit: commit, instance: instance, job: ended)
    }

    /// Does once more what a job failed to do, as a job of its own. A create that ended without a machine is tried again for the same
    /// instance, under new ownership tokens and under the ceilings.
    /// - Throws: `invalidState`, `balanceTooLow`, and what the change itself refuses.
    package func retry(_ job: Job, _ subject: Subject, on occasion: Occasion) throws(FleetError) -> Admitted {
        try subject.checkIsReadable()
        guard job.state == .failed || job.state == .cancelled else {
            throw FleetError(
                .invalidState, "only a failed or cancelled job can be tried again", instanceID: subject.instance.id, jobID: job.id)
        }
        if job.type == .createInstance, !job.isUnread { return try self.retryCreate(job, subject, on: occasion) }
        guard job.type.changesWish, !job.isUnread else {
            throw FleetError(.invalidState, "this is asked for anew, not tried again", instanceID: subject.instance.id, jobID: job.id)
        }
        var admitted = try self.change(job.type.change, subject, on: occasion)
        admitted.note(retryOf: job.id)
        return admitted
    }

    private func retryCreate(_ old: Job, _ subject: Subject, on occasion: Occasion) throws(FleetError) -> Admitted {
        var instance = subject.instance
        guard instance.state.isFinal, instance.debts.isEmpty, subject.jobs.isEmpty else {
            throw FleetError(
                .invalidState, "the instance must have ended, with nothing of it left at the provider", instanceID: instance.id,
                jobID: old.id)
        }
        if let placement = instance.placement { try Self.checkFunds(for: placement, on: occasion) }
        var job = Job(
            id: occasion.jobID, type: .createInstance, tenant: instance.tenant, instanceID: instance.id, step: .place,
            requestID: occasion.request.requestID, trace: occasion.trace, createdAt: occasion.now)
        // Goes on counting: no ownership token is used twice.
        job.createCalls = max(old.createCalls, instance.askedPlacements?.last?.attempt ?? 0)
        job.createCallsBefore = job.createCalls
        job.retryOf = old.id
        instance.begin(job.id, at: occasion.now)
        let commit = Commit(
            guards: [
                .requestIsNew(occasion.request), .permitted(.begin), .instance(instance.id, subject.instance.revision),
                .nameIsFree(instance.tenant, instance.name),
            ] + self.ceilingGuards(of: instance, askedBy: occasion.owner),
            instances: [instance], jobs: [Commit.JobWrite(job)], request: occasion.record(of: instance.id, job: job.id),
            audit: [.request(occasion, instance: instance, job: job, effect: "a machine is asked for once more")])
        return Admitted(commit: commit, instance: instance, job: job)
    }
}

extension Admission.Admitted {
    fileprivate mutating func note(retryOf id: JobID) {
        self.job.retryOf = id
        for index in self.commit.jobs.indices where self.commit.jobs[index].job.id == self.job.id {
            self.commit.jobs[index].job.retryOf = id
        }
    }
}

extension JobType {
    /// It is about what is wanted of the machine: that it runs, stops or goes.
    fileprivate var changesWish: Bool {
        switch self {
        case .createInstance, .startInstance, .stopInstance, .restartInstance, .deleteInstance: true
        case .updateInstance, .migrateInstance, .saveImage, .changeBilling, .unrecognized: false
        }
    }

    /// Never asked of a create, nor of what changes no wish.
    fileprivate var change: Admission.Change {
        switch self {
        case .createInstance, .startInstance, .updateInstance, .migrateInstance, .saveImage, .changeBilling, .unrecognized: .start
        case .stopInstance: .stop
        case .restartInstance: .restart
        case .deleteInstance: .delete
        }
    }

    fileprivate var desiredState: DesiredState { self.change.desiredState }
}

extension Instance {
    /// What is wanted of a machine about which nobody wants anything else: that it stays as it is.
    var restingState: DesiredState {
        switch self.state {
        case .stopped, .stopping: .stopped
        default: .running
        }
    }

    /// A change for which it was to run does not come about: it stays as it is.
    mutating func restWish() {
        if self.desiredState == .running { self.desiredState = self.restingState }
    }

    /// As it was before anything was asked of the provider; what it has cost stays.
    fileprivate mutating func begin(_ job: JobID, at now: Timestamp) {
        self.desiredState = .running
        self.state(.pending, because: .requested, "")
        // What was found, taken back or paid for was the machine before.
        self.orphanedSince = nil
        self.spot = nil
        self.billing = nil
        self.recoveries = nil
        self.endpoints = []
        self.upstream = nil
        self.runningSince = nil
        self.touchedAt = nil
        self.busyAt = nil
        self.startAskedAt = now
        self.askedAgainAt = now
        self.restartPolicies()
        self.deletedAt = nil
        self.deleteAskedAt = nil
        self.jobID = job
        self.updatedAt = now
    }
}
