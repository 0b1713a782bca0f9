/// Nothing is done for a policy that has not been said before, as an event of the instance.
extension Instance {
    /// How long before a policy acts it is said once more.
    package static let warningLead: Duration = .seconds(300)

    /// What comes next and when, with what is near said once; and what was said is taken back when it is not near any more.
    mutating func planNextAction(_ times: ServiceTimes, at now: Timestamp) {
        let next = self.judgeNextAction(times)
        if self.warnedOf != nil, !(next.map { self.hasWarned(of: $0) && Self.isNear($0, at: now) } ?? false) { self.forgetWarning() }
        if let next, self.warnedOf == nil, Self.isNear(next, at: now) {
            self.warnedOf = next
            self.warnedAt = now
            self.stateMessage = Self.warning(of: next)
        }
        self.nextAction = next.map { NextAction(kind: $0.kind, cause: $0.cause, at: self.earliest($0, times) ?? $0.at) }
    }

    /// When it may be done: whoever uses the machine has had the time to hear of it and to say something, while there was a server to say it
    /// to. Nil while it has not been said.
    func earliest(_ action: NextAction, _ times: ServiceTimes) -> Timestamp? {
        guard self.hasWarned(of: action), let warnedAt = self.warnedAt else { return nil }
        return max(action.at, max(warnedAt, times.servingSince ?? warnedAt) + self.lead(before: action))
    }

    mutating func forgetWarning() {
        if let warned = self.warnedOf, self.stateMessage == Self.warning(of: warned) { self.stateMessage = "" }
        self.warnedOf = nil
        self.warnedAt = nil
    }

    /// A row of an earlier version does not say when.
    private func hasWarned(of action: NextAction) -> Bool {
        guard let warned = self.warnedOf, self.warnedAt != nil else { return false }
        return warned.kind == action.kind && warned.cause == action.cause && warned.at <= action.at
    }

    /// Less where the owner has left less: a machine that is to be stopped after a minute without a sign is warned of as long as nobody gives
    /// one, and what was said a minute ahead needs no more.
    private func lead(before action: NextAction) -> Duration {
        let saidAt = self.policiesSaidAt ?? self.askedAgainAt ?? self.createdAt
        let left: Duration? =
            switch (action.kind, action.cause) {
            case (.stop, .idle): self.policies?.idleStop
            case (.stop, .leaseLapsed): self.policies?.lease
            case (_, .schedule), (_, .lifetime): action.at > saidAt ? action.at - saidAt : nil
            default: nil
            }
        return min(Self.warningLead, left ?? Self.warningLead)
    }

    private static func isNear(_ action: NextAction, at now: Timestamp) -> Bool { now >= action.at - Self.warningLead }

    private static func warning(of action: NextAction) -> String {
        "policy: \(action.kind.rawValue) because of \(action.cause.word) in a few minutes"
    }
}
