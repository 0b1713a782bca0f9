/// What becomes of the work that a database from the past holds to be unfinished, once it is activated. Since it was written all of it
/// may have been done, and what was done since may be the opposite.
struct Restoration: Sendable {
    /// Of jobs that end because of it.
    static let reason = "RESTORED"

    /// See `FleetControl.attemptFloor`.
    let attemptFloor: Int
    let now: Timestamp

    struct Outcome: Sendable {
        var jobs: [Job] = []
        var instances: [Instance] = []
        /// As they were, for guards.
        var revisions: [(InstanceID, Revision)] = []
        /// Unfinished creates that look for their machines before they ask for any.
        var settled = 0
        /// Changes that nobody may want any more.
        var dropped = 0
    }

    func outcome(for jobs: [Job], of instance: (InstanceID) -> Instance?) -> Outcome {
        var outcome = Outcome()
        for (id, jobs) in Dictionary(grouping: jobs, by: \.instanceID).sorted(by: { $0.key < $1.key }) {
            let settled = jobs.compactMap(self.settled)
            outcome.jobs += settled
            outcome.settled += settled.count
            let stale = jobs.filter(Self.isStale)
            guard let before = instance(id) else { continue }
            var after = before
            // Of what it does not know to have asked for nothing is one too many.
            if !settled.isEmpty { after.askedPlacements = after.askedPlacements ?? [] }
            if !stale.isEmpty {
                outcome.jobs += stale.map(self.ended)
                outcome.dropped += stale.count
                after = self.relieved(after, of: stale, remaining: jobs.filter { !Self.isStale($0) })
            }
            guard after != before else { continue }
            outcome.instances.append(after)
            outcome.revisions.append((id, before.revision))
        }
        return outcome
    }

    /// Whoever asked for a stop, a start or a restart has seen it happen, or will ask again. A delete that was sent goes on. One that was not
    /// may have been withdrawn since, and the machine be in use: it is asked for again by whoever still wants it.
    private static func isStale(_ job: Job) -> Bool {
        switch job.type {
        // The machine was there: it may have run since, and been stopped and started again, so the time for its first start says nothing.
        case .createInstance: job.step == .boot
        // Also a machine in the place of another: it may have taken that place since, and be the only one there is.
        case .startInstance, .stopInstance, .restartInstance, .updateInstance, .saveImage, .migrateInstance, .changeBilling: true
        case .deleteInstance: job.isUncalled
        case .unrecognized: false
        }
    }

    private func ended(_ job: Job) -> Job {
        var job = job
        job.end(
            .cancelled, progress: "dropped with the restored database", reason: Self.reason,
            message: "the database was put back: this may have been done since, and undone; ask for it again", at: self.now)
        return job
    }

    /// Shows what the provider last said; the next sweep brings what it says now.
    private func relieved(_ instance: Instance, of stale: [Job], remaining: [Job]) -> Instance {
        var instance = instance
        // Not owed: the next sweep sees what there is. It may have taken the place since, so it is no machine that we know to be one too many.
        if let replacement = instance.replacement {
            instance.askedPlacements?.removeAll { $0.attempt >= replacement.fromAttempt }
            instance.replacement = nil
        }
        // Nothing is bought on its word, and somebody may have ended the renewal since.
        instance.billing?.endedRenewalMonths = nil
        if remaining.isEmpty { instance.revertToUpstream(because: .external, "the database was put back") }
        if !remaining.contains(where: { $0.type == .deleteInstance }) {
            instance.desiredState = instance.restingState
            instance.deleteAskedAt = nil
        }
        instance.updatedAt = self.now
        return instance
    }

    /// A create only looks for what has come of it: a machine may have been made since, and deleted, and nobody wants another then. Nil for a
    /// job that asks the provider before it spends.
    private func settled(_ job: Job) -> Job? {
        guard job.type == .createInstance, job.step == .place || job.step.isSettling else { return nil }
        var job = job
        job.createCalls = max(job.createCalls, self.attemptFloor)
        job.isRestored = true
        job.leaveLine(at: self.now)
        if case .settle(var attempt, _) = job.step {
            attempt.callDeadline = self.now
            job.step = .settle(attempt, absences: 0)
        } else {
            let nowhere = Placement(
                productID: "", productName: "", clusterID: "", clusterName: "", billingMode: .onDemand, hourlyPrice: .zero)
            job.step = .settle(
                CreateAttempt(number: job.createCalls, placement: nowhere, sentAt: self.now, callDeadline: self.now), absences: 0)
        }
        job.state = .waiting
        job.dueAt = self.now
        job.updatedAt = self.now
        job.progress = "looking for a machine that may have been made after the database was written"
        return job
    }
}
