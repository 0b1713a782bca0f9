/// What policies ask for: like a caller's request, but held back by brake and freeze, and seldom in the way of a job that is at work.
extension Admission {
    /// Signs of use are written down at most so often, but for the last before an action: they are many, and the policies' times are
    /// minutes.
    static let touchSpacing: Duration = .seconds(60)
    /// A delete that is due waits so long for what somebody has asked for before: more is a job that does not get on.
    static let deletePatience: Duration = .seconds(300)

    /// A disk that is being pushed to a registry goes with its machine: that is waited for, and has an end of its own.
    private static func deletePatience(for jobs: [Job]) -> Duration {
        jobs.contains { $0.type == .saveImage && !$0.isUncalled } ? StepLimits.imageSaveTimeout : self.deletePatience
    }

    /// The commit that begins a due action; nil when there is nothing to do now.
    package func automatic(
        _ subject: Subject, jobID: JobID, times: ServiceTimes = ServiceTimes(), at now: Timestamp
    ) -> Commit? {
        var instance = subject.instance
        if subject.isResting { return nil }
        guard instance.upstream != nil, let action = instance.judgeNextAction(times), let dueAt = instance.earliest(action, times),
            dueAt <= now, subject.jobs.isEmpty || (action.kind == .delete && now >= dueAt + Self.deletePatience(for: subject.jobs))
        else { return nil }
        let latest = subject.jobs.map(\.createdAt).max().map { $0 + .microseconds(1) } ?? now
        var job = Job(
            id: jobID, type: action.kind.jobType, tenant: instance.tenant, instanceID: instance.id, step: .send, requestID: "",
            cause: action.cause, createdAt: max(latest, now))
        let superseded = subject.jobs.filter { !$0.step.isSettling }
        if superseded.count < subject.jobs.count { job.state = .waiting }
        switch action.kind {
        case .stop: instance.desiredState = .stopped
        case .delete:
            instance.desiredState = .deleted
            instance.deleteAskedAt = instance.deleteAskedAt ?? now
            instance.state(.deleting, because: .policy, "")
        case .start:
            instance.desiredState = .running
            instance.noteWish(.start, at: now)
        }
        if let update = superseded.compactMap(\.update).first { instance.spec = update.kept }
        if superseded.contains(where: \.isReplacing) { instance.dropReplacement(at: now) }
        instance.forgetWarning()
        instance.nextAction = nil
        instance.stateMessage = "policy: \(action.cause.word)"
        instance.jobID = job.id
        instance.updatedAt = now
        return Commit(
            guards: [.permitted(action.kind.permission), .instance(instance.id, subject.instance.revision)], instances: [instance],
            jobs: superseded.map { Commit.JobWrite($0.superseded(at: now)) } + [Commit.JobWrite(job)],
            // What ends a machine is entered once it passes the brake.
            audit: action.kind == .start ? [.start(instance, by: job, cause: action.cause, at: now)] : [])
    }

    /// What is to be written of an instance between its actions: that it was in use, what comes next, or that it is near. Nil when nothing is.
    ///
    /// - Parameters:
    ///   - isClockSure: somebody else has said that it is now; what is written of a time to come was written by a clock that was wrong.
    ///   - believesClock: false: nothing counts as past for good.
    ///   - isAtRest: no job is at work on the instance.
    package static func upkeep(
        of instance: Instance, touchedAt: Timestamp?, busyAt: Timestamp? = nil, times: ServiceTimes = ServiceTimes(),
        isClockSure: Bool = false, believesClock: Bool = true, isAtRest: Bool = true, at now: Timestamp
    ) -> Commit? {
        var changed = instance
        if isClockSure { changed.forgetTimeToCome(at: now) }
        if let touchedAt, changed.isToNote(touchedAt, times, at: now) { changed.touchedAt = touchedAt }
        if let busyAt, busyAt > changed.busyAt ?? changed.createdAt { changed.busyAt = busyAt }
        if believesClock { changed.spendOvertaken(times, isAtRest: isAtRest, at: now) }
        changed.planNextAction(times, at: now)
        guard changed != instance else { return nil }
        changed.updatedAt = now
        return Commit(guards: [.permitted(.obey), .instance(instance.id, instance.revision)], instances: [changed])
    }
}

extension Admission {
    /// A sign of use that is written down at once; nil when it need not be: nothing goes by it, or one of the last minute is written down.
    static func sign(of instance: Instance, at now: Timestamp) -> Commit? {
        guard let policies = instance.policies, policies.idleStop != nil || policies.lease != nil, !instance.state.isFinal else {
            return nil
        }
        if let known = instance.touchedAt, now < known + Self.touchSpacing { return nil }
        var changed = instance
        changed.touch(at: now)
        changed.updatedAt = now
        return Commit(guards: [.permitted(.obey), .instance(instance.id, instance.revision)], instances: [changed])
    }
}

extension Instance {
    /// A machine that was last used tomorrow would be billed until then.
    fileprivate mutating func forgetTimeToCome(at now: Timestamp) {
        let latest = now + ClockDoubt.skewMax
        if let time = self.touchedAt, time > latest { self.touchedAt = now }
        if let time = self.busyAt, time > latest { self.busyAt = now }
        if let time = self.runningSince, time > latest { self.runningSince = now }
        if let time = self.warnedAt, time > latest { self.warnedAt = now }
        if let time = self.startAskedAt, time > latest { self.startAskedAt = now }
        if self.askedAgainAt ?? self.createdAt > latest { self.askedAgainAt = now }
        if let time = self.policiesSaidAt, time > latest { self.policiesSaidAt = now }
        // Nobody calls off what is not due yet: by a clock that was wrong it had passed.
        let isToCome = { (action: NextAction) in action.cause == .schedule && action.at > latest }
        if let actions = self.calledOff, actions.contains(where: isToCome) { self.calledOff = actions.filter { !isToCome($0) } }
        if let times = self.recoveries, times.contains(where: { $0 > latest }) { self.recoveries = times.map { $0 > latest ? now : $0 } }
    }

    fileprivate func isToNote(_ touchedAt: Timestamp, _ times: ServiceTimes, at now: Timestamp) -> Bool {
        guard let known = self.touchedAt else { return true }
        if touchedAt >= known + Admission.touchSpacing { return true }
        // The next action may be due only because the last sign has not been written down.
        return touchedAt > known && self.judgeNextAction(times).map { $0.at <= now } ?? false
    }
}
