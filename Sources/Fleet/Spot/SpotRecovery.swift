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
        // One of tomorrow was written down by a clock that was ahead.
        let recent = attempts.filter { now - $0 < self.window && $0 <= now + ClockDoubt.skewMax }
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
            guards += self.ceilingGuards(of: instance, askedBy: nil)
        }
        recovered.jobID = job.id
        recovered.updatedAt = now
        let commit = Commit(
            guards: guards, instances: [recovered], jobs: [Commit.JobWrite(job)], audit: [.recovery(recovered, by: job, way, at: now)])
        return (way, commit)
    }

    /// Says in the instance why it is not recovered; nil when that stands there. It is tried again all the same.
    package static func recoveryRefused(by ceiling: CeilingReached, of instance: Instance, at now: Timestamp) -> Commit? {
        // Without the numbers, which change with every try.
        let message = "not recovered: \(ceiling.ceiling.rawValue) leaves no room for another machine"
        guard instance.stateMessage != message else { return nil }
        var told = instance
        told.stateMessage = message
        told.updatedAt = now
        return Commit(guards: [.permitted(.obey), .instance(instance.id, instance.revision)], instances: [told])
    }

    /// Of one more machine of an instance that is there: the ceilings of who asks for it are those of now, and somebody else's count too. What
    /// nobody asks for goes by those that its owner had.
    func ceilingGuards(of instance: Instance, askedBy asker: Owner?) -> [Guard] {
        let isOwn = asker?.principal == instance.owner?.principal
        return [.ceilings(self.settings.ceilings)] + (asker?.guards ?? []) + (asker != nil && isOwn ? [] : instance.owner?.guards ?? [])
    }
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
