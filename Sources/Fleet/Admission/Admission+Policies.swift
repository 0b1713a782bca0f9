/// What policies ask for: like a caller's request, but held back by brake and freeze, and never in the way of a job that is at work.
extension Admission {
    /// Signs of use are written down at most so often, but for the last before an action: they are many, and the policies' times are
    /// minutes.
    static let touchSpacing: Duration = .seconds(60)

    /// The commit that begins a due action; nil when there is nothing to do now.
    ///
    /// - Parameter servingSince: see `Instance.judgeNextAction`.
    package func automatic(_ subject: Subject, jobID: JobID, servingSince: Timestamp? = nil, at now: Timestamp) -> Commit? {
        var instance = subject.instance
        guard subject.jobs.isEmpty, instance.upstream != nil, let action = instance.judgeNextAction(servingSince: servingSince),
            action.at <= now
        else { return nil }
        let job = Job(
            id: jobID, type: action.kind == .stop ? .stopInstance : .deleteInstance, tenant: instance.tenant, instanceID: instance.id,
            step: .send, requestID: "", cause: action.cause, createdAt: now)
        switch action.kind {
        case .stop: instance.desiredState = .stopped
        case .delete:
            instance.desiredState = .deleted
            instance.deleteAskedAt = instance.deleteAskedAt ?? now
            instance.state(.deleting, because: .policy, "")
        }
        instance.stateMessage = "policy: \(action.cause.word)"
        instance.jobID = job.id
        instance.nextAction = nil
        instance.warnedOf = nil
        instance.updatedAt = now
        return Commit(
            guards: [.permitted(.endAutomatically), .instance(instance.id, subject.instance.revision)], instances: [instance],
            jobs: [Commit.JobWrite(job)])
    }

    /// What is to be written of an instance between its actions: that it was in use, what comes next, or that it is near. Nil when nothing is.
    package static func upkeep(
        of instance: Instance, touchedAt: Timestamp?, servingSince: Timestamp? = nil, at now: Timestamp
    ) -> Commit? {
        var changed = instance
        if let touchedAt, instance.isToNote(touchedAt, servingSince, at: now) { changed.touchedAt = touchedAt }
        changed.nextAction = changed.judgeNextAction(servingSince: servingSince)
        changed.warn(at: now)
        guard changed != instance else { return nil }
        changed.updatedAt = now
        return Commit(guards: [.permitted(.obey), .instance(instance.id, instance.revision)], instances: [changed])
    }
}

extension Instance {
    fileprivate func isToNote(_ touchedAt: Timestamp, _ servingSince: Timestamp?, at now: Timestamp) -> Bool {
        guard let known = self.touchedAt else { return true }
        if touchedAt >= known + Admission.touchSpacing { return true }
        // The next action may be due only because the last sign has not been written down.
        return touchedAt > known && self.judgeNextAction(servingSince: servingSince).map { $0.at <= now } ?? false
    }

    /// Says once that an action is near, and takes that back when it is not any more.
    fileprivate mutating func warn(at now: Timestamp) {
        if let warned = self.warnedOf, warned != self.nextAction {
            self.warnedOf = nil
            if self.stateMessage == Self.warning(of: warned) { self.stateMessage = "" }
        }
        guard let action = self.nextAction, now >= action.at - Self.warningLead, self.warnedOf != action else { return }
        self.warnedOf = action
        self.stateMessage = Self.warning(of: action)
    }

    private static func warning(of action: NextAction) -> String {
        "policy: \(action.kind.rawValue) because of \(action.cause.word) in less than \(self.warningLead.components.seconds / 60) minutes"
    }
}
