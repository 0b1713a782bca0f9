/// Start, stop, restart and delete of an instance that is there.
///
/// At most two jobs of an instance are unfinished: one at work and one behind it. A newer wish takes the place of an older one
/// whose call has certainly never been sent (`Job.isUncalled`): sending is written down before it is done, with the instance, so that
/// the guard on the instance's revision fails when a worker was faster. A create call whose outcome is open is never cut short:
/// a delete waits behind it until it is known whether there is a machine.
extension Admission {
    package enum Change: String, Hashable, Sendable, CaseIterable {
        case start, stop, restart, delete

        var jobType: JobType {
            switch self {
            case .start: .startInstance
            case .stop: .stopInstance
            case .restart: .restartInstance
            case .delete: .deleteInstance
            }
        }

        var desiredState: DesiredState {
            switch self {
            case .start, .restart: .running
            case .stop: .stopped
            case .delete: .deleted
            }
        }
    }

    /// An instance with its unfinished jobs, oldest first.
    package struct Subject: Sendable {
        package var instance: Instance
        package var jobs: [Job]

        package init(instance: Instance, jobs: [Job]) {
            self.instance = instance
            self.jobs = jobs
        }
    }

    /// - Parameters:
    ///   - expectedRevision: refuse unless the instance still has it; nil checks nothing.
    ///   - force: delete in spite of `deletionProtection`.
    /// - Throws: `revisionMismatch`, `deletionProtected`, `invalidState`.
    package func change(
        _ change: Change, _ subject: Subject, expectedRevision: Revision? = nil, force: Bool = false, on occasion: Occasion
    ) throws(FleetError) -> Admitted {
        let instance = subject.instance
        try subject.checkIsReadable()
        if let expectedRevision, expectedRevision != instance.revision {
            throw FleetError(
                .revisionMismatch, "the instance has revision \(instance.revision.number), not \(expectedRevision.number)",
                instanceID: instance.id)
        }
        if change == .delete {
            guard !instance.deletionProtection || force || instance.desiredState == .deleted else {
                throw FleetError(.deletionProtected, "deletion protection is on", instanceID: instance.id)
            }
        } else if instance.desiredState == .deleted || instance.state.isFinal {
            throw FleetError(
                .invalidState, "the instance is being deleted or has ended: \(instance.state)", instanceID: instance.id)
        }
        if let newest = subject.jobs.last, newest.type == change.jobType {
            return self.join(newest, of: instance, as: change, on: occasion)
        }
        return change == .delete ? self.delete(subject, on: occasion) : try self.run(change, subject, on: occasion)
    }

    /// The same thing is under way: the request stands for that job.
    private func join(_ job: Job, of instance: Instance, as change: Change, on occasion: Occasion) -> Admitted {
        var commit = Commit(
            guards: [.requestIsNew(occasion.request), .permitted(.obey)], request: occasion.record(of: instance.id, job: job.id),
            audit: [.request(occasion, instance: instance, job: job, effect: "it was under way")])
        var (wanted, job) = (instance, job)
        wanted.noteWish(change, at: occasion.now)
        if job.cause != nil {
            // What was automatic is now wanted: neither brake nor freeze holds it any longer.
            if wanted.stateReason == .policy { wanted.state(wanted.state, because: .requested, "") }
            job.cause = nil
            // Without its lease: whoever is at work on it as an automatic one must not write that back.
            commit.jobs = [Commit.JobWrite(job)]
        }
        guard wanted != instance || !commit.jobs.isEmpty else { return Admitted(commit: commit, instance: instance, job: job) }
        wanted.updatedAt = occasion.now
        commit.guards.append(.instance(instance.id, instance.revision))
        commit.instances = [wanted]
        return Admitted(commit: commit, instance: wanted, job: job)
    }

    private func run(_ change: Change, _ subject: Subject, on occasion: Occasion) throws(FleetError) -> Admitted {
        try Self.checkState(for: change, subject)
        var job = Self.newJob(change, subject, on: occasion)
        var instance = subject.instance
        let superseded = subject.jobs.filter(\.isUncalled)
        if superseded.count < subject.jobs.count {
            job.state = .waiting
            job.progress = subject.jobs.last { !$0.isUncalled }.map(Self.waiting) ?? ""
        } else if subject.jobs.isEmpty, Self.isFulfilled(change, instance, at: occasion.now) {
            job.end(.succeeded, progress: "nothing to do", at: occasion.now)
        }
        instance.desiredState = change.desiredState
        instance.noteWish(change, at: occasion.now)
        instance.claim()
        return self.admitted(job, instance, superseding: superseded, as: change == .start ? .begin : .obey, on: occasion)
    }

    func delete(_ subject: Subject, on occasion: Occasion) -> Admitted {
        var job = Self.newJob(.delete, subject, on: occasion)
        var instance = subject.instance
        let superseded = subject.jobs.filter { !$0.step.isSettling }
        instance.desiredState = .deleted
        instance.deleteAskedAt = instance.deleteAskedAt ?? occasion.now
        if !instance.state.isFinal { instance.state(.deleting, because: .requested, "") }
        if instance.upstream == nil, superseded.count == subject.jobs.count {
            if !instance.state.isFinal {
                instance.end(.deleted, because: .requested, "nothing had been asked of the provider", at: occasion.now)
            }
            job.end(.succeeded, progress: "nothing to delete", at: occasion.now)
        } else if instance.state.isFinal {
            job.end(.succeeded, progress: "nothing to delete", at: occasion.now)
        } else if superseded.count < subject.jobs.count {
            job.state = .waiting
        }
        return self.admitted(job, instance, superseding: superseded, as: .obey, on: occasion)
    }

    private func admitted(
        _ job: Job, _ instance: Instance, superseding jobs: [Job], as action: FleetControl.Action, on occasion: Occasion
    ) -> Admitted {
        var instance = instance
        instance.jobID = job.id
        instance.updatedAt = occasion.now
        // An update that was never sent leaves the machine as it was.
        if let update = jobs.compactMap(\.update).first { instance.spec = update.kept }
        if jobs.contains(where: \.isReplacing) { instance.dropReplacement(at: occasion.now) }
        let ended = jobs.map { Commit.JobWrite($0.superseded(at: occasion.now)) }
        let commit = Commit(
            guards: [.requestIsNew(occasion.request), .permitted(action), .instance(instance.id, instance.revision)],
            instances: [instance], jobs: ended + [Commit.JobWrite(job)], request: occasion.record(of: instance.id, job: job.id),
            audit: [.request(occasion, instance: instance, job: job, effect: job.state.isFinal ? job.progress : "a job sees to it")])
        return Admitted(commit: commit, instance: instance, job: job)
    }

    /// Why nothing happens yet, for whoever waits.
    private static func waiting(behind job: Job) -> String {
        let end = "waiting for the end of job \(job.id)"
        return job.type == .saveImage ? "\(end), which saves the machine's image: cancel that one to go on at once" : end
    }

    /// Later than every job before it, so that the store keeps their order.
    private static func newJob(_ change: Change, _ subject: Subject, on occasion: Occasion) -> Job {
        let latest = subject.jobs.map(\.createdAt).max().map { $0 + .microseconds(1) } ?? occasion.now
        return Job(
            id: occasion.jobID, type: change.jobType, tenant: subject.instance.tenant, instanceID: subject.instance.id, step: .send,
            requestID: occasion.request.requestID, trace: occasion.trace, createdAt: max(latest, occasion.now))
    }

    /// What was seen of a machine says so long what it is: somebody may start it at the provider's console.
    static let sightValidFor: Duration = .seconds(10)

    /// True when the provider already shows what is asked for and nothing is on its way. A stop asks unless that was seen a moment ago: a machine
    /// that runs unseen is billed.
    private static func isFulfilled(_ change: Change, _ instance: Instance, at now: Timestamp) -> Bool {
        switch change {
        case .start: instance.state == .running
        case .stop: instance.state == .stopped && instance.upstream.map { now - $0.observedAt < Self.sightValidFor } ?? true
        case .restart, .delete: false
        }
    }

    private static func checkState(for change: Change, _ subject: Subject) throws(FleetError) {
        let instance = subject.instance
        let isStopped = instance.state == .stopped || instance.state == .stopping
        if change == .restart, isStopped, subject.jobs.last?.type != .startInstance {
            throw FleetError(.invalidState, "a stopped instance cannot be restarted; start it", instanceID: instance.id)
        }
        if instance.state == .suspended, change != .stop {
            throw FleetError(.invalidState, "the provider has suspended the instance", instanceID: instance.id)
        }
    }
}

extension Instance {
    /// Who starts it uses it, also when it was being started anyhow; who stops it does not want what was to start it before.
    mutating func noteWish(_ change: Admission.Change, at now: Timestamp) {
        switch change {
        case .start, .restart:
            self.startAskedAt = now
            if self.policies != nil { self.touchedAt = max(self.touchedAt ?? now, now) }
        case .stop: self.spendPassedStart(at: now)
        case .delete: break
        }
    }
}
