/// What is done for a machine that the provider takes back, or has taken back.
package enum SpotRecovery: String, Hashable, Sendable, Codable, CaseIterable {
    /// Nothing: it is shown.
    case none
    /// It is started again where it was.
    case start
    /// It is moved to where there is room.
    case migrate
    /// Another machine is made before this one goes, or in its place; its disk begins empty.
    case replace
}

/// How often a machine is recovered by itself: a place that takes everything back at once must not be paid for again and again.
package enum RecoveryBudget {
    package static let attemptsMax = 5
    package static let window: Duration = .seconds(86_400)
    /// Doubled with each attempt in the window. More than the provider's clock may be behind: its job of the attempt before is not taken
    /// for that of this one.
    package static let spacing: Duration = .seconds(300)

    /// Nothing is recovered by itself any more until the window has passed.
    static func spent(at now: Timestamp) -> [Timestamp] { Array(repeating: now, count: self.attemptsMax) }

    /// When the next attempt may be made; nil: not before the window has passed, or somebody asks for it.
    static func nextAttempt(after attempts: [Timestamp], at now: Timestamp) -> Timestamp? {
        let recent = attempts.filter { now - $0 < self.window }
        guard recent.count < self.attemptsMax else { return nil }
        guard let last = recent.last else { return now }
        return last + self.spacing * (1 << (recent.count - 1))
    }
}

extension Admission {
    /// The commit that recovers a machine which is being taken back, or has been; nil when there is nothing to do now.
    ///
    /// Only on the provider's word, and only while somebody wants it to run: what its user has stopped stays stopped.
    package func recovery(of subject: Subject, jobID: JobID, at now: Timestamp) -> (way: SpotRecovery, commit: Commit)? {
        let instance = subject.instance
        guard subject.jobs.isEmpty, let way = instance.wayOfRecovery(self.settings.spotRecovery),
            let nextAt = RecoveryBudget.nextAttempt(after: instance.recoveries ?? [], at: now), nextAt <= now
        else { return nil }
        var recovered = instance
        recovered.recoveries = ((instance.recoveries ?? []) + [now]).suffix(RecoveryBudget.attemptsMax)
        var job = Job(
            id: jobID, type: way == .start ? .startInstance : .migrateInstance, tenant: instance.tenant, instanceID: instance.id,
            step: .send, requestID: "", cause: .spotReclaim, createdAt: now)
        var guards: [Guard] = [.permitted(.begin), .instance(instance.id, instance.revision)]
        if way == .migrate { job.migration = .move }
        if way == .replace {
            job.begin(replacing: &recovered)
            guards += self.replacementGuards(of: instance)
        }
        recovered.jobID = job.id
        recovered.updatedAt = now
        let commit = Commit(
            guards: guards, instances: [recovered], jobs: [Commit.JobWrite(job)], audit: [.recovery(recovered, by: job, way, at: now)])
        return (way, commit)
    }

    /// For a while there are two machines.
    func replacementGuards(of instance: Instance) -> [Guard] { [.ceilings(self.settings.ceilings)] + (instance.owner?.guards ?? []) }
}

extension Instance {
    /// What is to be done now; nil for nothing.
    ///
    /// - Parameter standard: of instances that say nothing about it; nil: nothing is recovered, whatever they say.
    func wayOfRecovery(_ standard: SpotRecovery?) -> SpotRecovery? {
        guard let standard, self.desiredState == .running, !self.state.isFinal, !self.isOrphan, self.upstream != nil,
            self.replacement == nil
        else { return nil }
        let way = self.policies?.spotRecovery ?? standard
        switch way {
        case .none: return nil
        // Its disk would go with it.
        case .replace where !self.canBeReplaced || self.deletionProtection: return nil
        case .replace: return self.isReclaimed || (self.state == .running && self.spot?.isNotice == true) ? way : nil
        case .start, .migrate: return self.isReclaimed ? way : nil
        }
    }

    /// It has stopped because the provider took it back, by the provider's own word. A notice is none before its time has come.
    package var isReclaimed: Bool {
        guard self.state == .stopped, let spot = self.spot, let reclaimAt = spot.reclaimAt, let upstream = self.upstream else {
            return false
        }
        return !spot.isNotice || reclaimAt <= upstream.observedAt
    }
}

extension AuditEntry {
    /// A recovery that nobody asked for by a call.
    static func recovery(_ instance: Instance, by job: Job, _ way: SpotRecovery, at now: Timestamp) -> AuditEntry {
        let word = instance.isReclaimed ? "was taken back" : "will be taken back"
        return AuditEntry(
            at: now, tenant: instance.tenant, actor: self.automatic, action: "RecoverMachine", cause: "RECLAIMED",
            effect: "the machine \(word): \(way.rawValue)", instanceID: instance.id, jobID: job.id, upstreamID: instance.upstream?.id,
            hourlyPrice: instance.placement?.hourlyPrice)
    }
}
