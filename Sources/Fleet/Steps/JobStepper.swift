/// What a job does to a machine that is there.
package enum MachineAction: String, Hashable, Sendable, CaseIterable {
    case start, stop, restart, delete, edit, upgrade, migrate

    package var priority: CallPriority {
        switch self {
        case .stop, .delete, .migrate: .release
        case .start, .restart, .edit, .upgrade: .mutation
        }
    }
}

/// What a step needs to know of the world before it can be decided.
package enum StepPlan: Sendable {
    /// Nothing: this is what follows.
    case decided(StepResult)
    /// The offers.
    case catalogue
    /// A full listing, begun no earlier than the step was due.
    case listing(CreateAttempt)
    /// One machine; `isDirect` when a listing is not enough.
    case look(UpstreamID, isDirect: Bool)
    /// One machine that the provider moves, and its jobs that were begun since.
    case migration(UpstreamID, since: Timestamp)
    /// The provider's jobs.
    case imageJobs(UpstreamJobQuery)
    /// Nothing, but the result asks for the call that begins one.
    case saveImage(UpstreamID)
    /// The machine as a direct read shows it, and what its months cost.
    case billing(UpstreamID)
    /// Nothing, but the result asks for a call that is made once it is committed.
    case act(MachineAction, UpstreamID)
}

/// A decided step: what is written down, and what is called after that.
package struct StepResult: Sendable {
    package enum Call: Hashable, Sendable {
        case create(CreateAttempt)
        case machine(MachineAction, UpstreamID)
        case saveImage(UpstreamID)
        case billing(MachineTerms, UpstreamID)
    }

    package var commit: Commit
    /// Made only once the commit is durable, and only before its deadline.
    package var call: Call?
}

/// Decides the steps of one job, purely. It is made anew from what the store holds for every decision; the engine only obeys.
///
/// Every result is guarded by the lease, and by the instance's revision when it writes the instance: a stale worker changes
/// nothing, and a decision taken on old facts is taken again.
///
///     create:  place ─(written down, then called)→ settle ─(seen or answered)→ boot → end
///                ↑___________(refused, or proven absent)___|
///     others:  send ─(written down, then called)→ confirm → end;  back to send while the provider does not show it
package struct JobStepper: Sendable {
    package var job: Job
    package var instance: Instance
    package var lease: LeaseToken
    package var now: Timestamp
    package var settings: FleetSettings
    package var deployment: DeploymentID
    /// How far apart looks at machines in transition are now; see `PollPace`.
    package var lookInterval: Duration
    /// For a delete that a failed create may need.
    package var spareJobID: JobID
    /// Create calls are numbered above it; see `FleetControl.attemptFloor`.
    package var attemptFloor: Int
    /// When this process began. What an earlier one wrote down may have gone by another clock.
    package var processBegan: Timestamp
    /// False: neither does anything take too long, nor is a create settled by the time that has passed; see `ClockDoubt`. Nor before anybody
    /// could have said what time it is.
    package var believesClock: Bool

    package init(
        job: Job, instance: Instance, lease: LeaseToken, now: Timestamp, settings: FleetSettings, deployment: DeploymentID,
        lookInterval: Duration, spareJobID: JobID, attemptFloor: Int = 0, processBegan: Timestamp = Timestamp(seconds: 0),
        believesClock: Bool = true
    ) {
        self.job = job
        self.instance = instance
        self.lease = lease
        self.now = now
        self.settings = settings
        self.deployment = deployment
        self.lookInterval = lookInterval
        self.spareJobID = spareJobID
        self.attemptFloor = attemptFloor
        self.processBegan = processBegan
        self.believesClock = believesClock
    }

    /// What the due step needs.
    package func plan() -> StepPlan {
        // A machine that a settling replacement may yet bring is one too many then, and the sweeps find it: nobody waits for that.
        let mayBeCut = !self.job.step.isSettling || self.job.isReplacing
        if self.instance.state.isFinal || (self.isSuperseded && mayBeCut) { return .decided(self.cutShort()) }
        if self.job.type == .saveImage, self.job.step != .end { return self.planImageSave() }
        if self.job.type == .changeBilling, self.job.step != .end { return self.planBilling() }
        switch self.job.step {
        case .place:
            if self.job.type == .createInstance, self.instance.upstream != nil { return .decided(self.cameLate()) }
            if self.job.isRestored == true { return .decided(self.notAskedAgain()) }
            if self.isOutlived { return .decided(self.outlived()) }
            if self.hasWaitedTooLong { return .decided(self.failedWithoutMachine(.noCapacity, Self.noCapacityInTime)) }
            return self.isOverdue ? .decided(self.failedWithoutMachine(.startupTimeout, "nothing came up in time")) : .catalogue
        case .settle(let attempt, _): return .listing(attempt)
        case .boot: return self.planLook()
        case .send: return self.planAction()
        case .confirm:
            guard self.job.migration == .move, let upstream = self.instance.upstream else { return self.planLook() }
            return .migration(upstream.id, since: self.upstreamJobBegan)
        case .end: return .decided(self.cutShort())
        // Never leased.
        case .unrecognized: return .decided(self.returned())
        }
    }

    // MARK: Common parts of the decisions

    /// A delete was asked for; only a delete goes on. A machine that is to be stopped needs none in its place either, and one that is
    /// protected meanwhile must not go for another.
    var isSuperseded: Bool {
        switch self.instance.desiredState {
        case .deleted: self.job.type != .deleteInstance
        case .stopped: self.job.isReplacing
        case .running: self.job.isReplacing && self.instance.deletionProtection
        }
    }

    /// It has taken longer than it may. A create has its time from being accepted or from the end of its wait for capacity, every other
    /// change from the first time that it was asked of the provider: a server that was down, or a job before it, takes nothing away.
    var isOverdue: Bool {
        guard self.believesClock else { return false }
        return switch self.job.type {
        // Months that were asked for are looked for as long as they may still show.
        case .createInstance, .changeBilling: !self.isInLine && self.now >= self.passed(self.job.begunAt) + self.settings.startupTimeout
        case .startInstance, .restartInstance, .updateInstance: self.isOverdueSinceSent
        // It pushes a whole disk.
        case .saveImage: self.job.firstSentAt.map { self.now >= self.passed($0) + StepLimits.imageSaveTimeout } ?? false
        case .migrateInstance:
            self.job.isReplacing
                ? self.now >= self.passed(max(self.upstreamJobBegan, self.job.heldUntil ?? self.upstreamJobBegan))
                    + self.settings.startupTimeout
                : self.isOverdueSinceSent
        // What ends spending is asked without end, as long as it is wanted: a later start or restart may wait behind a stop.
        case .stopInstance: self.isOverdueSinceSent && self.instance.desiredState != .stopped
        case .deleteInstance, .unrecognized: false
        }
    }

    private var isOverdueSinceSent: Bool {
        // A row of an earlier version does not say when it was sent.
        guard let sentAt = self.job.firstSentAt ?? (self.job.step == .confirm ? self.job.createdAt : nil) else { return false }
        return self.now >= self.passed(sentAt) + self.settings.startupTimeout
    }

    /// A time to come was written by a clock that was ahead: what it stands for has been by the time that this process began, at the latest.
    private func passed(_ time: Timestamp) -> Timestamp { time > self.now + ClockDoubt.skewMax ? self.processBegan : time }

    var nextLook: Timestamp {
        let waited = max(.zero, self.now - self.job.begunAt)
        return self.tick(after: min(StepLimits.transitionIntervalMax, waited / 12))
    }

    /// A tick of the grid that all looks fall on, about so far away: those that fall together share one listing.
    func tick(after wait: Duration) -> Timestamp {
        (self.now + max(.zero, wait - self.lookInterval)).nextTick(of: self.lookInterval)
    }

    /// The result that writes what changed and gives the lease back, or keeps it for a call.
    func result(_ job: Job, _ instance: Instance, starting newJob: Job? = nil, call: StepResult.Call? = nil) -> StepResult {
        var job = job
        var commit = Commit(guards: [.lease(job.id, self.lease)])
        let isVisible = !job.looksLike(self.job)
        if isVisible { job.updatedAt = self.now }
        // A job's end bumps the instance too: a request that was decided while the job was open must be decided again.
        if !instance.looksLike(self.instance) || call != nil || job.state.isFinal {
            var instance = instance
            instance.updatedAt = self.now
            commit.guards.append(.instance(instance.id, self.instance.revision))
            commit.instances = [instance]
        }
        commit.jobs = [Commit.JobWrite(job, isVisible: isVisible || call != nil, keepsLease: call != nil)]
        if let newJob { commit.jobs.append(Commit.JobWrite(newJob)) }
        return StepResult(commit: commit, call: call)
    }

    /// The job is over before it was done: there is nothing left to do it to, or something newer is wanted.
    func cutShort() -> StepResult {
        var (job, instance) = (self.job, self.instance)
        if job.type == .deleteInstance {
            job.end(.succeeded, progress: "deleted", at: self.now)
        } else {
            if job.isReplacing { instance.dropReplacement(at: self.now) }
            job.supersede(at: self.now)
        }
        return self.result(job, instance)
    }

    /// Tries the step again later; nothing was done.
    package func postponed(_ error: CloudError) -> StepResult {
        var job = self.job
        job.record(error.description, at: self.now)
        if self.followsUpstreamJob {
            let (blinded, isLost) = self.blinded(job)
            if isLost { return self.lost(blinded, error) }
            job = blinded
        }
        job.state = .waiting
        job.dueAt = self.now + max(error.retryAfter ?? .zero, StepLimits.retryDelay(after: job.attemptCount))
        return self.result(job, self.instance)
    }

    /// Something keeps the step from being taken; no try of it was made. What was asked before may have been taken up meanwhile: it is
    /// looked at, so that nothing waits behind it until the hold ends.
    package func held(by hold: Hold) -> StepResult {
        var job = self.job
        if job.step == .send, job.firstSentAt != nil { job.step = .confirm }
        job.state = .waiting
        let dueAt = self.now + Hold.retryInterval
        job.dueAt = dueAt
        if job.step == .place { job.heldUntil = dueAt }
        job.progress = "\(hold)"
        return self.result(job, self.instance)
    }

    /// Gives the lease back unused: the step is due as it was.
    package func returned() -> StepResult {
        StepResult(
            commit: Commit(guards: [.lease(self.job.id, self.lease)], jobs: [Commit.JobWrite(self.job, isVisible: false)]), call: nil)
    }

    /// The machine is gone without a delete of ours.
    func vanished() -> StepResult {
        var (job, instance) = (self.job, self.instance)
        instance.end(.deleted, because: .vanished, "the provider has no such machine any more", at: self.now)
        job.end(
            .failed, progress: "the machine vanished", reason: "VANISHED", message: "the provider has no such machine any more",
            at: self.now)
        return self.result(job, instance)
    }
}

extension CloudError: CustomStringConvertible {
    package var description: String { "\(self.code.rawValue): \(self.message)" }
}
