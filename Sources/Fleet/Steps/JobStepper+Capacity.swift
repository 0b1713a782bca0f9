/// A create that may wait until a place has room: it stands in line, looks at the offers with the others once a round, and asks when it is
/// its turn. Between two looks it is a row and nothing else.
extension JobStepper {
    package static let soldOut = "waiting for capacity: every offer that fits is sold out or has just refused"
    static let noCapacityInTime = "no offer had room in the time that the spec gives"

    /// No time runs but the spec's.
    var isInLine: Bool { self.job.isInCapacityLine }

    /// Also who has left the line: what asks again, as after a restored backup, asks no later than it was allowed to.
    var hasWaitedTooLong: Bool {
        guard self.isInLine || self.job.capacityWaitEndedAt != nil, self.instance.spec.waitForCapacityUntil != nil else { return false }
        return self.capacityDeadline == nil
    }

    /// It was judged when it was accepted, which may be long ago: it has stood in line, or a freeze or a pause has held it.
    private var isToBeJudgedAnew: Bool { self.isInLine || (self.job.type == .createInstance && self.job.heldUntil != nil) }

    /// A machine would be ended as soon as it were there: its time is over while it waits for one.
    var isOutlived: Bool { self.isToBeJudgedAnew && self.believesClock && self.instance.isOutlived(at: self.now) }

    /// A machine of an earlier call has come after all, and the sweep has found it: nothing is asked for any more.
    func cameLate() -> StepResult {
        var job = self.job
        job.leaveLine(at: self.now)
        job.proceed(to: .boot, at: self.now, progress: "a machine of an earlier call has come; waiting until it runs")
        return self.result(job, self.instance)
    }

    func outlived() -> StepResult {
        var (job, instance) = (self.job, self.instance)
        let message = "its time was over before a machine could be asked for"
        instance.desiredState = .deleted
        instance.end(.deleted, because: .policy, message, at: self.now)
        job.end(.cancelled, progress: "deleted", reason: StateReason.policy.word, message: message, at: self.now)
        return self.result(job, instance)
    }

    /// Until when it may wait; nil when it may not, or no longer.
    private var capacityDeadline: Timestamp? {
        guard self.job.type == .createInstance, let until = self.instance.spec.waitForCapacityUntil else { return nil }
        return until > self.now || !self.believesClock ? until : nil
    }

    /// Nothing can be asked for now: it waits if it may.
    ///
    /// - Parameter waiting: the same words at every look, so that only a change that says something is one.
    func turnedAway(_ refusal: String, _ waiting: String, dueAt: Timestamp? = nil) -> StepResult {
        guard let deadline = self.capacityDeadline else { return self.failedWithoutMachine(.noCapacity, refusal) }
        var (job, instance) = (self.job, self.instance)
        job.enterLine(of: &instance, waiting, at: self.now)
        let next = dueAt ?? self.now.nextTick(of: StepLimits.capacityInterval)
        job.proceed(to: .place, at: deadline > self.now ? min(deadline, next) : next, progress: waiting)
        return self.result(job, instance)
    }

    /// Why a create does not ask although there is room; nil when it does.
    func wait(before best: Candidate, planner: Planner, outlook: CapacityOutlook) -> StepResult? {
        guard self.capacityDeadline != nil else {
            guard self.isToBeJudgedAnew, let refusal = self.refusal(of: best, outlook) else { return nil }
            // It was held: the account may have been filled since it was last looked at.
            let isKnown = outlook.funds.map { $0.readAt > self.job.heldUntil ?? $0.readAt } ?? true
            return isKnown ? self.failedWithoutMachine(.refused, refusal.message) : self.waitingForBalance()
        }
        // Who was refused by one place in its turn goes on with the next.
        let hasWaited = self.isInLine || self.job.capacityWaitEndedAt != nil
        let ahead = outlook.countAhead(at: best.key, isInLine: hasWaited, planner: planner, now: self.now)
        if ahead > 0 {
            let turn = self.now + StepLimits.capacityTurn * ahead
            return self.turnedAway("", "waiting for capacity: others have waited longer for it", dueAt: turn)
        }
        // Who has just come has been judged a moment ago.
        guard self.isToBeJudgedAnew else { return nil }
        if self.instance.desiredState != .running { return self.turnedAway("", "waiting for capacity until it is to run again") }
        return self.refusal(of: best, outlook).map { _ in self.turnedAway("", Job.balanceTooLow) }
    }

    private func waitingForBalance() -> StepResult {
        var job = self.job
        job.proceed(to: .place, at: self.now + Hold.retryInterval, progress: Job.balanceTooLow)
        return self.result(job, self.instance)
    }

    private func refusal(of best: Candidate, _ outlook: CapacityOutlook) -> FleetError? {
        outlook.funds.flatMap { Admission.refusal(of: best.placement.hourlyPrice, $0, outlook.otherHourlySpend, at: self.now) }
    }
}

extension Job {
    fileprivate static let balanceTooLow = "waiting: the account's balance does not carry it for an hour"

    /// There is room, and no money for it as far as is known.
    package var waitsForBalance: Bool { self.step == .place && self.progress == Self.balanceTooLow }

    mutating func enterLine(of instance: inout Instance, _ words: String, at now: Timestamp) {
        self.refusedCandidates = []
        self.capacityWaitSince = self.capacityWaitSince ?? now
        self.state = .waiting
        self.progress = words
        instance.state(.pending, because: .noCapacity, words)
    }
}
