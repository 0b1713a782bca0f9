extension JobStep {
    package var isSettling: Bool {
        if case .settle = self { true } else { false }
    }
}

extension Job {
    /// No call of this change has been made but such that certainly did nothing, so that none can take effect late: sending is written down
    /// before it is done.
    package var isUncalled: Bool {
        // In rows of earlier releases a call that came to nothing is an attempt.
        self.step == .send && (self.callsTaken.map { $0 == 0 } ?? (self.attemptCount == 0 && self.firstSentAt == nil))
    }

    /// Its steps read the instance's own machine, and see what becomes of it. Not so one that makes another machine, that follows a job of the
    /// provider's, or that has not begun. What is being deleted is shown as that from the beginning.
    package var watchesMachine: Bool {
        switch self.step {
        case .send: !self.isUncalled || self.type == .deleteInstance
        case .confirm: self.type != .saveImage
        case .place, .settle, .boot: !self.isReplacing
        case .end, .unrecognized: true
        }
    }

    /// Its next step only looks at what has come about: at the machine, or for it.
    package var isLook: Bool {
        switch self.step {
        case .settle, .boot, .confirm: true
        case .place, .send, .end, .unrecognized: false
        }
    }

    /// A call is about to be made, and may take effect from now on.
    mutating func noteCall(at now: Timestamp) {
        self.callsTaken = (self.callsTaken ?? (self.firstSentAt == nil ? 0 : 1)) + 1
        self.firstSentAt = self.firstSentAt ?? now
    }

    /// The call that was noted last has certainly done nothing.
    mutating func withdrawCall() { self.callsTaken = self.callsTaken.map { $0 - 1 } }

    /// A machine that the provider takes back cannot wait: what is done for it goes ahead of everything, as what ends spending does.
    package var priority: Int { self.cause == .spotReclaim ? JobType.priorities.lowerBound : self.type.priority }

    /// - Parameter usual: of such a call for any other job.
    package func callPriority(_ usual: CallPriority) -> CallPriority { self.cause == .spotReclaim ? .release : usual }

    /// It stands in line for capacity: nothing is asked for it.
    package var isInCapacityLine: Bool { self.step == .place && self.capacityWaitSince != nil }

    /// Since when a create has had to bring a machine up: neither a wait for capacity nor what kept it from asking takes anything away.
    var begunAt: Timestamp { max(self.capacityWaitEndedAt ?? self.createdAt, self.heldUntil ?? self.createdAt) }

    mutating func leaveLine(at now: Timestamp) {
        guard self.capacityWaitSince != nil else { return }
        self.capacityWaitSince = nil
        self.capacityWaitEndedAt = now
    }

    var awaitsMachine: Bool { self.step == .boot || self.step == .confirm }

    mutating func end(_ state: JobState, progress: String, reason: String = "", message: String = "", at now: Timestamp) {
        self.state = state
        self.step = .end
        self.dueAt = nil
        self.progress = progress
        self.errorReason = reason
        self.errorMessage = message
        self.endedAt = now
        self.updatedAt = now
    }

    /// A later request took its place.
    mutating func supersede(at now: Timestamp) {
        self.end(
            .cancelled, progress: "superseded", reason: "SUPERSEDED", message: "a later request took the place of this one", at: now)
    }

    func superseded(at now: Timestamp) -> Job {
        var job = self
        job.supersede(at: now)
        return job
    }

    /// Goes to `step`, which is due at `time`.
    mutating func proceed(to step: JobStep, at time: Timestamp, progress: String) {
        self.state = .waiting
        self.step = step
        self.dueAt = time
        self.progress = progress
    }

    /// Remembers a call that failed or stayed unclear.
    mutating func record(_ error: String, at now: Timestamp) {
        self.attemptCount += 1
        self.attempts.append(JobAttempt(number: self.attemptCount, startedAt: now, step: self.step.name, error: error))
        if self.attempts.count > Self.attemptsKept { self.attempts.removeFirst(self.attempts.count - Self.attemptsKept) }
    }

    /// Equal in everything that users see, so that writing the one over the other is no event.
    func looksLike(_ other: Job) -> Bool {
        var copy = self
        copy.dueAt = other.dueAt
        copy.updatedAt = other.updatedAt
        copy.absences = other.absences
        copy.acknowledgedAt = other.acknowledgedAt
        copy.heldUntil = other.heldUntil
        if case .settle(let attempt, _) = copy.step, case .settle(_, let absences) = other.step {
            copy.step = .settle(attempt, absences: absences)
        }
        return copy == other
    }
}
