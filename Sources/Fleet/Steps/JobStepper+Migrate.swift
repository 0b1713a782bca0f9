/// The way of a migration: the provider moves the stopped machine, by a job of its own; when that fails, or from the beginning, another
/// machine is made as by a create and takes the place of the first once it runs.
///
///     move:     send ─(called)→ confirm → send ─(start called)→ confirm → end
///                                  ↓ (the provider's job has failed)
///     replace:                   place → settle → boot ─(it runs)→ the first machine is owed, end
extension JobStepper {
    // MARK: move

    /// What the provider shows of the machine and of its jobs that move machines.
    package func migrated(_ machine: Machine?, jobs: [UpstreamJob]) -> StepResult {
        if let machine, machine.id != self.instance.upstream?.id { return self.returned() }
        guard let machine else { return self.missed(at: self.nextLook) }
        if machine.phase == .gone { return self.vanished() }
        var (job, instance) = (self.job, self.instance)
        job.absences = 0
        job.blindSince = nil
        instance.observe(machine, because: .requested, at: self.now)
        let began = self.upstreamJobBegan
        let move = jobs.filter { $0.machineID == machine.id && !self.isOlder($0) && $0.createdAt.map { $0 >= began } ?? true }
            .max { ($0.createdAt ?? began) < ($1.createdAt ?? began) }
        if move != nil { job.acknowledgedAt = job.acknowledgedAt ?? self.now }
        switch (machine.phase, move?.state) {
        case (.running, _): return self.running(job, instance)
        case (.stopped, .succeeded): return self.moved(job, instance, to: machine.clusterID)
        case (.stopped, .failed), (.stopped, .cancelled):
            return self.failed(.providerError, "the provider could not move it", job, instance)
        case (.migrating, .failed), (.migrating, .cancelled): return self.stuck(job, instance, move?.error ?? "")
        case (.stopped, nil): return self.notTakenUp(job, instance)
        default: return self.waitForMove(job, instance)
        }
    }

    private func waitForMove(_ job: Job, _ instance: Instance) -> StepResult {
        var job = job
        if self.isOverdue { return self.failed(.providerError, "not moved in time", job, instance) }
        job.proceed(to: .confirm, at: self.nextLook, progress: "waiting until the provider has moved it")
        return self.result(job, instance)
    }

    /// It is stopped as before, and there is no job.
    private func notTakenUp(_ job: Job, _ instance: Instance) -> StepResult {
        var job = job
        let isPatient = job.acknowledgedAt.map { self.now < $0 + StepLimits.acknowledgedPatience } ?? false
        guard !isPatient, !self.isOverdue else { return self.waitForMove(job, instance) }
        job.record("the provider has begun no move", at: self.now)
        job.proceed(
            to: .send, at: self.now + StepLimits.retryDelay(after: job.attemptCount), progress: "the machine does not move; asking again")
        return self.result(job, instance)
    }

    private func moved(_ job: Job, _ instance: Instance, to clusterID: String) -> StepResult {
        var (job, instance) = (job, instance)
        if !clusterID.isEmpty, clusterID != instance.placement?.clusterID {
            instance.placement?.clusterID = clusterID
            instance.placement?.clusterName = clusterID
        }
        job.migration = .start
        job.acknowledgedAt = nil
        // A start has its own time.
        job.firstSentAt = nil
        job.proceed(to: .send, at: self.now, progress: "moved; starting it")
        return self.result(job, instance)
    }

    /// The provider's job has failed, and the machine would be migrating for ever: another is made, and this one goes once that runs.
    private func stuck(_ job: Job, _ instance: Instance, _ error: String) -> StepResult {
        var (job, instance) = (job, instance)
        job.record("the provider's job failed: \(error)", at: self.now)
        guard instance.canBeReplaced, !instance.deletionProtection, !instance.isPaid(at: self.now) else {
            return self.failed(.providerError, "the provider could not move it", job, instance)
        }
        job.begin(replacing: &instance)
        // From here on it has the time of a create.
        job.firstSentAt = self.now
        job.proceed(to: .place, at: self.now, progress: "the provider could not move it; making another machine")
        return self.result(job, instance)
    }

    // MARK: replace

    /// The create call has brought the other machine.
    func replacementFound(_ machine: Machine, others: [Machine]) -> StepResult {
        var (job, instance) = (self.job, self.instance)
        instance.replacement?.upstreamID = machine.id
        // It may be a late one of an earlier call.
        if let madeAt = machine.createdAt, let askedAt = instance.replacement?.askedAt {
            instance.replacement?.askedAt = min(askedAt, madeAt)
        }
        let placement = instance.placement(ofAttempt: machine.token?.attempt)
        instance.replacement?.placement = placement
        var found: [AuditEntry] = []
        for other in others where other.isProvenOurs {
            instance.owe(other, at: self.now)
            found.append(.owed(instance, at: self.now))
        }
        if self.isSuperseded {
            instance.dropReplacement(at: self.now)
            job.supersede(at: self.now)
        } else {
            job.proceed(to: .boot, at: self.nextLook, progress: "waiting until the other machine runs")
        }
        var result = self.result(job, instance)
        result.commit.audit += found
        return result
    }

    /// What the provider shows of the other machine; nil when a direct read did not find it.
    func replacementBooted(_ machine: Machine?) -> StepResult {
        guard let id = self.instance.replacement?.upstreamID, machine.map({ $0.id == id }) ?? true else { return self.returned() }
        var (job, instance) = (self.job, self.instance)
        guard let machine, machine.phase != .gone else {
            if self.now >= job.updatedAt + StepLimits.absenceGrace { job.absences += 1 }
            if job.absences >= StepLimits.absencesProvingGone {
                instance.replacement?.upstreamID = nil
                return self.replacementFailed(.vanished, "the other machine vanished", job, instance)
            }
            job.proceed(to: .boot, at: self.nextLook, progress: job.progress)
            return self.result(job, self.instance)
        }
        job.absences = 0
        if machine.phase == .running {
            instance.takeReplacement(machine, at: self.now)
            job.end(.succeeded, progress: "another machine has taken its place", at: self.now)
            var result = self.result(job, instance)
            result.commit.audit.append(.replaced(instance, by: job, at: self.now))
            return result
        }
        // Whether it runs nobody can say here: somebody has to look, or the provider says another word.
        if machine.phase == .unrecognized {
            let progress = "the other machine is \(machine.status), which is not known here: waiting for another word, or a cancel"
            job.proceed(to: .boot, at: self.nextLook, progress: progress)
            return self.result(job, instance)
        }
        if self.isOverdue { return self.replacementFailed(.startupTimeout, "the other machine did not run in time", job, instance) }
        if !machine.phase.isTransitional {
            return self.replacementFailed(.providerError, "the other machine does not come up: \(machine.status)", job, instance)
        }
        job.proceed(to: .boot, at: self.nextLook, progress: job.progress)
        return self.result(job, instance)
    }

    /// The instance keeps the machine that it has, whatever that is worth.
    func replacementFailed(_ reason: StateReason, _ message: String, _ job: Job, _ instance: Instance? = nil) -> StepResult {
        var (job, instance) = (job, instance ?? self.instance)
        instance.dropReplacement(at: self.now)
        if job.cause == nil, instance.jobID == job.id { instance.restWish() }
        job.end(.failed, progress: "failed", reason: reason.word, message: message, at: self.now)
        return self.result(job, instance)
    }
}

extension AuditEntry {
    static func replaced(_ instance: Instance, by job: Job, at now: Timestamp) -> AuditEntry {
        AuditEntry(
            at: now, tenant: instance.tenant, actor: self.automatic, action: "ReplaceMachine", cause: job.cause?.word ?? self.requested,
            effect: "another machine has taken the place of the one before, which is to be deleted", instanceID: instance.id, jobID: job.id,
            upstreamID: instance.upstream?.id, hourlyPrice: instance.placement?.hourlyPrice)
    }
}
