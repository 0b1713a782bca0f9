/// Moves that no job of ours follows: the provider's own, one that somebody has asked for in its console, and one that was given up here
/// before it ended. When such a move fails the machine would stay in `migrating` for ever, without a word in its own record.
package enum StuckMigration {
    /// So long a machine must have been seen on its way before anybody asks about it: a move takes minutes, and while it goes well nothing
    /// is asked.
    package static let patience: Duration = .seconds(300)
    /// So long before it was seen on its way the job that moves it may have been begun: longer than a server is down over holidays, and
    /// short enough for one page of jobs in most accounts.
    package static let jobAgeMax: Duration = .seconds(7 * 86_400)

    package static func hasFailed(_ machine: UpstreamID, in jobs: [UpstreamJob]) -> Bool { self.failure(of: machine, in: jobs) != nil }

    /// The newest move of the machine, when that has failed: without doubt the newest, and ended.
    static func failure(of machine: UpstreamID, in jobs: [UpstreamJob]) -> UpstreamJob? {
        let moves = jobs.filter { $0.machineID == machine && ($0.kind == .migration || $0.kind == .automaticMigration) }
        let failed = moves.filter(\.isFailedMove).compactMap { move in move.createdAt.map { (move, at: $0) } }
        guard let newest = failed.max(by: { ($0.at, $0.0.id) < ($1.at, $1.0.id) }) else { return nil }
        // Also by a job of a kind that this version does not know, which may be a move.
        let others = jobs.filter { $0.machineID == machine && ($0.kind == nil || moves.contains($0)) && !$0.isFailedMove }
        let isOvertaken = others.contains { other in other.createdAt.map { $0 >= newest.at } ?? true }
        return isOvertaken ? nil : newest.0
    }
}

extension Admission {
    /// It has been on its way to another place for long, and could be replaced. What is not wanted, protected or paid for by the month stays as
    /// it is, and so does what has been recovered often enough.
    ///
    /// - Parameter watchedSince: a record of an earlier time says nothing of what was in between.
    package func mayHang(_ subject: Subject, watchedSince: Timestamp, at now: Timestamp) -> Bool {
        let instance = subject.instance
        guard subject.jobs.isEmpty, instance.isReplacedWhenStuck(self.settings.spotRecovery, at: now), let upstream = instance.upstream,
            let nextAt = RecoveryBudget.nextAttempt(after: instance.recoveries ?? [], at: now), nextAt <= now
        else { return false }
        return now >= max(upstream.observedAt, watchedSince) + StuckMigration.patience
    }

    /// The commit that has another machine made in the place of one that the provider could not move; nil without its word for that.
    ///
    /// - Parameters:
    ///   - machine: as it was shown after the jobs had been read: a move that has failed meanwhile may have given it back.
    ///   - jobs: of the provider, those of other machines among them.
    package func recovery(
        ofStuck subject: Subject, shown machine: Machine, jobs: [UpstreamJob], watchedSince: Timestamp, jobID: JobID, at now: Timestamp
    ) -> Commit? {
        let before = subject.instance
        guard self.mayHang(subject, watchedSince: watchedSince, at: now), machine.id == before.upstream?.id,
            machine.phase == .migrating, let failure = StuckMigration.failure(of: machine.id, in: jobs)
        else { return nil }
        var instance = before
        instance.observe(machine, because: .external, at: now)
        instance.recoveries = ((instance.recoveries ?? []) + [now]).suffix(RecoveryBudget.attemptsMax)
        var job = Job(
            id: jobID, type: .migrateInstance, tenant: instance.tenant, instanceID: instance.id, step: .send, requestID: "",
            cause: .migrationFailed, createdAt: now)
        job.record("the provider's job \(failure.id) failed: \(failure.error)", at: now)
        job.begin(replacing: &instance)
        job.progress = "the provider could not move it; making another machine"
        instance.jobID = job.id
        instance.updatedAt = now
        let entry = AuditEntry(
            at: now, tenant: instance.tenant, actor: AuditEntry.automatic, action: "RecoverMachine",
            cause: JobCause.migrationFailed.word, effect: "the provider could not move the machine: \(SpotRecovery.replace.rawValue)",
            instanceID: instance.id, jobID: job.id, upstreamID: machine.id, hourlyPrice: instance.placement?.hourlyPrice)
        return Commit(
            guards: [.permitted(.begin), .instance(before.id, before.revision)] + self.ceilingGuards(of: before, askedBy: nil),
            instances: [instance], jobs: [Commit.JobWrite(job)], audit: [entry])
    }
}

extension Instance {
    /// As of a move that a job of ours follows, and only where machines are recovered at all.
    ///
    /// - Parameter standard: of instances that say nothing about it; nil: nothing is recovered, whatever they say.
    fileprivate func isReplacedWhenStuck(_ standard: SpotRecovery?, at now: Timestamp) -> Bool {
        guard let standard, (self.policies?.spotRecovery ?? standard) != .none, let upstream = self.upstream,
            UpstreamPhase(status: upstream.status) == .migrating
        else { return false }
        return self.desiredState == .running && !self.state.isFinal && !self.isOrphan && self.replacement == nil && self.canBeReplaced
            && !self.deletionProtection && !self.isPaid(at: now)
    }
}

extension UpstreamJob {
    fileprivate var isFailedMove: Bool { self.state == .failed || self.state == .cancelled }
}
