/// The way of a create: choose, write down, call once, settle, wait until it runs.
extension JobStepper {
    // MARK: place

    /// Chooses the best candidate that has not refused this job, and writes the attempt down before it is made.
    package func placed(planner: Planner, outlook: CapacityOutlook = CapacityOutlook()) -> StepResult {
        let candidates = planner.candidates(for: self.instance.spec, at: self.now)
        guard let best = candidates.first(where: { $0.verdict == .eligible && !self.job.refusedCandidates.contains($0.key) }) else {
            return self.turnedAway("no offer with capacity is left", Self.soldOut)
        }
        if let wait = self.wait(before: best, planner: planner, outlook: outlook) { return wait }
        var (job, instance) = (self.job, self.instance)
        job.leaveLine(at: self.now)
        if instance.stateReason == .noCapacity { instance.state(.pending, because: .requested, "") }
        job.createCalls = max(job.createCalls, self.attemptFloor) + 1
        let attempt = CreateAttempt(
            number: job.createCalls, placement: best.placement, sentAt: self.now, callDeadline: self.now + self.settings.requestTimeout)
        job.step = .settle(attempt, absences: 0)
        job.state = .running
        job.dueAt = self.now
        job.progress = "asking for \(best.placement.productName) in \(best.placement.clusterID)"
        let raisesPrice = job.isReplacing || best.placement.hourlyPrice > (instance.placement?.hourlyPrice ?? .zero)
        instance.ask(for: best.placement, attempt: attempt.number, at: self.now)
        var result = self.result(job, instance, call: .create(attempt))
        if raisesPrice { result.commit.guards += [.ceilings(self.settings.ceilings)] + (instance.owner?.guards ?? []) }
        result.commit.guards += [.permitted(.begin), .queueIsOpen(self.job.type)]
        return result
    }

    /// The order that goes with an attempt.
    package func order(for attempt: CreateAttempt, environment: InstanceEnvironment) -> MachineOrder {
        MachineOrder(
            token: OwnershipToken(deployment: self.deployment, instance: self.instance.id, attempt: attempt.number),
            spec: self.instance.spec, environment: environment, placement: attempt.placement)
    }

    /// The dearer candidate does not fit under the ceilings.
    package func refused(by ceiling: CeilingReached) -> StepResult {
        self.turnedAway(ceiling.description, "waiting: \(ceiling.ceiling.rawValue) does not leave room for the offers that there are")
    }

    // MARK: settle

    /// What the create call brought. Called with the job as it was written down before the call.
    package func created(_ outcome: CreateOutcome, attempt: CreateAttempt) -> StepResult {
        switch outcome {
        case .created(let id):
            // The first word of every machine; the next look brings the provider's own.
            let token = OwnershipToken(deployment: self.deployment, instance: self.instance.id, attempt: attempt.number)
            let machine = Machine(id: id, name: token.text, status: "toCreate", token: token, createdAt: self.now)
            return self.adopted(machine, others: [])
        case .refused(let error):
            return self.refused(error, attempt: attempt)
        case .unclear(let error):
            var job = self.job
            job.record(error.description, at: self.now)
            job.proceed(
                to: .settle(attempt, absences: 0), at: self.nextSettleLook(attempt),
                progress: "the outcome of create call \(attempt.number) is unclear; looking for the machine")
            return self.result(job, self.instance)
        }
    }

    /// No machine came of the call, and none will.
    private func refused(_ error: CloudError, attempt: CreateAttempt) -> StepResult {
        var job = self.job
        job.record(error.description, at: self.now)
        switch error.code {
        case .capacity, .notFound, .invalidState:
            job.refusedCandidates.append(attempt.placement.candidate)
            job.proceed(to: .place, at: self.now, progress: "refused by \(attempt.placement.clusterID); trying the next offer")
        case .rateLimited, .unavailable, .transport, .malformedReply, .notAttempted:
            let delay = max(error.retryAfter ?? .zero, StepLimits.retryDelay(after: job.attemptCount))
            job.proceed(to: .place, at: self.now + delay, progress: "the provider did not take the call; trying again")
        case .unauthorized, .money, .invalidRequest:
            return self.failedWithoutMachine(.refused, error.message, job: job)
        }
        return self.isSuperseded ? self.superseded(job) : self.result(job, self.instance)
    }

    /// What to search by name before this listing may count as one without the machine: a page of it may have got lost. Nil when it
    /// shows the machine, and when it proves nothing anyway.
    package func searchBeforeAbsence(in listing: MachineListing, isCredible: Bool) -> String? {
        guard case .settle(let attempt, _) = self.job.step, self.mayProveAbsence(listing, of: attempt, isCredible: isCredible),
            self.ownMachines(in: [listing]).isEmpty
        else { return nil }
        return OwnershipToken.prefix(of: self.instance.id, in: self.deployment)
    }

    /// What a full listing, and a search by name where one was due, show of an unsettled create. `isCredible`: see
    /// `ListingCredibility`.
    package func settled(_ listing: MachineListing, search: MachineListing? = nil, isCredible: Bool) -> StepResult {
        guard case .settle(let attempt, let absences) = self.job.step else { return self.returned() }
        let own = self.ownMachines(in: [listing] + (search.map { [$0] } ?? []))
        if let kept = Ownership.kept(of: own) { return self.adopted(kept, others: own.filter { $0.id != kept.id }) }
        let isProof =
            self.mayProveAbsence(listing, of: attempt, isCredible: isCredible)
            && search.map { self.mayProveAbsence($0, of: attempt, isCredible: true) && self.counts($0, of: attempt) } ?? false
        let proof = isProof ? absences + 1 : absences
        if proof >= StepLimits.absencesProvingNoMachine { return self.absent(attempt) }
        var job = self.job
        job.proceed(to: .settle(attempt, absences: proof), at: self.nextSettleLook(attempt), progress: job.progress)
        return self.result(job, self.instance)
    }

    /// When the last byte of the call may have left. The window begins anew with each process: by the clock of the one before, which nobody can
    /// read any more, the call may have been made long ago, and a moment ago in truth.
    private func lastByte(of attempt: CreateAttempt) -> Timestamp { max(attempt.callDeadline, self.processBegan) }

    private func mayProveAbsence(_ listing: MachineListing, of attempt: CreateAttempt, isCredible: Bool) -> Bool {
        isCredible && self.believesClock && listing.begunAt > self.lastByte(of: attempt) + self.settings.settleWindow
    }

    /// A search that the provider does not count may be cut: it is believed only when the machine has had much longer to show, since nobody can
    /// delete what is being settled.
    private func counts(_ search: MachineListing, of attempt: CreateAttempt) -> Bool {
        search.isWhole || search.begunAt > self.lastByte(of: attempt) + self.settings.settleWindow * StepLimits.uncountedWindows
    }

    /// Each once, as the first listing that has it shows it. What the create made that this one is another try of is proven gone, whatever a
    /// list that lags behind shows.
    private func ownMachines(in listings: [MachineListing]) -> [Machine] {
        var seen: Set<UpstreamID> = []
        return listings.flatMap { Ownership.machines(of: self.instance, deployment: self.deployment, in: $0.machines) }
            .filter { $0.token.map { $0.attempt > self.job.createCallsBefore ?? 0 } ?? false }
            .filter { seen.insert($0.id).inserted && (!self.job.isReplacing || self.instance.isReplaced(by: $0)) }
    }

    /// There is none: a new attempt with a new token is safe.
    private func absent(_ attempt: CreateAttempt) -> StepResult {
        var job = self.job
        job.record("create call \(attempt.number) brought no machine within the settle window", at: self.now)
        job.proceed(to: .place, at: self.now, progress: "no machine came of create call \(attempt.number)")
        return self.isSuperseded ? self.superseded(job) : self.result(job, self.instance)
    }

    private func superseded(_ job: Job) -> StepResult {
        var (job, instance) = (job, self.instance)
        instance.dropReplacement(at: self.now)
        job.supersede(at: self.now)
        return self.result(job, instance)
    }

    private func adopted(_ machine: Machine, others: [Machine]) -> StepResult {
        if self.job.isReplacing { return self.replacementFound(machine, others: others) }
        var (job, instance) = (self.job, self.instance)
        instance.observe(machine, because: .requested, at: self.now)
        instance.placement = instance.placement(ofAttempt: machine.token?.attempt)
        var found: [AuditEntry] = []
        for other in others where other.isProvenOurs {
            instance.owe(other, at: self.now)
            found.append(.owed(instance, at: self.now))
        }
        if self.isSuperseded {
            instance.state(.deleting, because: .requested, "")
            job.supersede(at: self.now)
        } else {
            job.proceed(to: .boot, at: self.nextLook, progress: "waiting until the machine runs")
        }
        var result = self.result(job, instance)
        result.commit.audit += found
        return result
    }

    /// Soon at first, then further and further apart; the first look that can prove absence is not missed by more than one interval.
    private func nextSettleLook(_ attempt: CreateAttempt) -> Timestamp {
        let waited = max(.zero, self.now - attempt.sentAt)
        return self.tick(after: min(StepLimits.settleIntervalMax(in: self.settings.settleWindow), waited / 4))
    }

    // MARK: boot

    /// What the provider shows of the new machine; nil when a direct read did not find it.
    package func booted(_ machine: Machine?) -> StepResult {
        if self.job.isReplacing { return self.replacementBooted(machine) }
        if let machine, machine.id != self.instance.upstream?.id { return self.returned() }
        guard let machine else { return self.missed(at: self.nextLook) }
        var (job, instance) = (self.job, self.instance)
        let hadError = !(instance.upstream?.error ?? "").isEmpty
        instance.observe(machine, because: .requested, at: self.now)
        job.absences = 0
        if machine.phase == .running {
            // It runs and is billed: whoever asked for it decides whether it will do.
            let differences = instance.differences(of: machine)
            if !differences.isEmpty { instance.state(instance.state, because: instance.stateReason, differences) }
            return self.running(job, instance)
        }
        if instance.runningSince != nil {
            job.end(.succeeded, progress: "it ran; what became of it since stands in the instance", at: self.now)
            return self.result(job, instance)
        }
        if machine.phase.isComingUp {
            // It may have run since the database was written, and be on its way up again: the time for its first start says nothing.
            if self.isOverdue, self.job.isRestored == true { return self.leftAlone(job, instance, status: machine.status) }
            if self.isOverdue { return self.givenUp(job, instance, because: .startupTimeout, "not running in time") }
            if self.job.isRestored != true, hadError, !machine.statusError.isEmpty {
                return self.givenUp(job, instance, because: .providerError, machine.statusError)
            }
        } else if machine.phase == .stopped {
            if self.instance.state == .stopped { return self.stoppedEarly(job, instance) }
        } else if self.isOverdue {
            return self.leftAlone(job, instance, status: machine.status)
        }
        job.proceed(to: .boot, at: self.nextLook, progress: job.progress)
        return self.result(job, instance)
    }

    /// Seen stopped twice and never seen running: its program may have done its work between two looks. Nothing is deleted on that guess.
    private func stoppedEarly(_ job: Job, _ instance: Instance) -> StepResult {
        var (job, instance) = (job, instance)
        let message = "the machine stopped before it was seen running"
        if instance.jobID == job.id { instance.desiredState = .stopped }
        instance.state(.stopped, because: .external, message)
        job.end(.failed, progress: "stopped", reason: "STOPPED_EARLY", message: message, at: self.now)
        return self.result(job, instance)
    }

    /// Not running in time, but its status does not say that it never ran: its user decides what becomes of it.
    private func leftAlone(_ job: Job, _ instance: Instance, status: String) -> StepResult {
        var (job, instance) = (job, instance)
        let message = "the machine was not seen running in time; the provider says \(status)"
        instance.state(instance.state, because: .external, message)
        job.end(.failed, progress: "not running in time", reason: StateReason.startupTimeout.word, message: message, at: self.now)
        return self.result(job, instance)
    }

    /// Done, unless endpoints are still missing and worth waiting for.
    func running(_ job: Job, _ instance: Instance) -> StepResult {
        var job = job
        let patience = instance.hasEndpoints ? self.settings.probing.maxWait : StepLimits.endpointPatience
        // Whoever wants it stopped must not wait, while it is billed, for a program that nobody wants any more.
        let isPatient = instance.desiredState == .running && self.now < (instance.runningSince ?? self.now) + patience && !self.isOverdue
        if instance.readiness == .ready || !isPatient {
            job.end(
                .succeeded, progress: instance.readiness == .ready ? "ready" : "running, but not ready: \(instance.notReadyReason)",
                at: self.now)
        } else {
            job.proceed(to: job.step, at: self.nextLook, progress: "running; \(instance.notReadyReason)")
        }
        return self.result(job, instance)
    }

    /// Once is no proof; twice in a row is, unless the machine was seen just before: not every reader at the provider knows it yet. A machine
    /// whose delete was accepted is expected to go.
    func missed(at nextLook: Timestamp) -> StepResult {
        var job = self.job
        let isDelete = job.type == .deleteInstance
        let seenAt = self.instance.upstream?.observedAt ?? self.job.createdAt
        let isExpected = isDelete && job.acknowledgedAt != nil
        if isExpected || self.now >= seenAt + StepLimits.absenceGrace { job.absences += 1 }
        if job.absences >= StepLimits.absencesProvingGone { return isDelete ? self.deleted() : self.vanished() }
        job.proceed(to: job.step, at: nextLook, progress: job.progress)
        return self.result(job, self.instance)
    }

    /// The machine will not come up: it must go, and the delete is a job of its own that never gives up.
    private func givenUp(_ job: Job, _ instance: Instance, because cause: JobCause, _ message: String) -> StepResult {
        var (job, instance) = (job, instance)
        let reason: StateReason = cause == .startupTimeout ? .startupTimeout : .providerError
        let delete = Job(
            id: self.spareJobID, type: .deleteInstance, tenant: instance.tenant, instanceID: instance.id, step: .send,
            requestID: job.requestID, cause: cause, trace: job.trace, createdAt: self.now)
        instance.desiredState = .deleted
        instance.deleteAskedAt = self.now
        instance.jobID = delete.id
        instance.state(.deleting, because: reason, message)
        job.end(.failed, progress: "the machine did not come up", reason: reason.word, message: message, at: self.now)
        return self.result(job, instance, starting: delete)
    }

    /// Of a restored create there is no machine: it may have had one since, which somebody has deleted, so that none is bought on a guess.
    func notAskedAgain() -> StepResult {
        var (job, instance) = (self.job, self.instance)
        let message = "the database was put back: a machine may have been made since, and deleted; try the job again to have one"
        instance.desiredState = .deleted
        instance.end(.failed, because: .external, message, at: self.now)
        job.end(.cancelled, progress: "dropped with the restored database", reason: Restoration.reason, message: message, at: self.now)
        return self.result(job, instance)
    }

    /// Ends the create with nothing at the provider.
    func failedWithoutMachine(_ reason: StateReason, _ message: String, job: Job? = nil) -> StepResult {
        if self.job.isReplacing { return self.replacementFailed(reason, message, job ?? self.job) }
        var (job, instance) = (job ?? self.job, self.instance)
        instance.desiredState = .deleted
        instance.end(.failed, because: reason, message, at: self.now)
        job.end(.failed, progress: "failed", reason: reason.word, message: message, at: self.now)
        return self.result(job, instance)
    }
}

extension StateReason {
    /// In capitals, as errors of jobs are named.
    package var word: String { inCapitals(self.rawValue) }
}

/// `STARTUP_TIMEOUT` of `startupTimeout`.
package func inCapitals(_ name: String) -> String {
    var word = ""
    for character in name {
        if character.isUppercase { word.append("_") }
        word.append(contentsOf: character.uppercased())
    }
    return word
}
