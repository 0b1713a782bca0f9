/// What a policy will do next, unless something is said before.
package struct NextAction: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, Codable {
        case stop
        case delete
        case start
    }

    package var kind: Kind
    package var cause: JobCause
    package var at: Timestamp

    package init(kind: Kind, cause: JobCause, at: Timestamp) {
        self.kind = kind
        self.cause = cause
        self.at = at
    }
}

extension NextAction: Codable {
    private enum CodingKeys: String, CodingKey {
        case kind, cause, at, isStart
    }

    package init(from decoder: any Decoder) throws {
        let row = try decoder.container(keyedBy: CodingKeys.self)
        let kind = try row.decode(Kind.self, forKey: .kind)
        self.init(
            kind: try row.decodeIfPresent(Bool.self, forKey: .isStart) ?? false ? .start : kind,
            cause: try row.decode(JobCause.self, forKey: .cause), at: try row.decode(Timestamp.self, forKey: .at))
    }

    /// A release that knows no starts takes one for a stop, and judges with its first look what comes next.
    package func encode(to encoder: any Encoder) throws {
        var row = encoder.container(keyedBy: CodingKeys.self)
        try row.encode(self.kind == .start ? .stop : self.kind, forKey: .kind)
        try row.encode(self.cause, forKey: .cause)
        try row.encode(self.at, forKey: .at)
        if self.kind == .start { try row.encode(true, forKey: .isStart) }
    }
}

extension NextAction.Kind {
    package var jobType: JobType {
        switch self {
        case .start: .startInstance
        case .stop: .stopInstance
        case .delete: .deleteInstance
        }
    }

    /// What it must be permitted as.
    package var permission: FleetControl.Action { self == .start ? .begin : .endAutomatically }

    /// Of a job that a policy may have begun; nil for all others.
    init?(_ type: JobType) {
        guard let kind = [Self.start, .stop, .delete].first(where: { $0.jobType == type }) else { return nil }
        self = kind
    }
}

/// What the clocks of policies have to know of the server.
package struct ServiceTimes: Hashable, Sendable {
    /// Nobody could hear a warning before; nil: there was no such gap.
    package var servingSince: Timestamp?
    /// When signs of use could be given.
    package var record: ServiceRecord
    /// A database from the past was activated then: what was to happen at a time before may have been done, and undone, and signs of use
    /// have been lost. Nil: never.
    package var activatedAt: Timestamp?
    /// Of one instance: it is near its stop for being idle, and the provider's metrics do not say that it is. Then it is as if it were not.
    package var isIdleUnproven = false

    package init(servingSince: Timestamp? = nil, record: ServiceRecord = ServiceRecord(), activatedAt: Timestamp? = nil) {
        self.servingSince = servingSince
        self.record = record
        self.activatedAt = activatedAt
    }
}

extension Instance {
    /// After each start, before a machine is stopped because nobody says that it is in use: its users must have found it first.
    package static let startGrace: Duration = .seconds(300)

    /// The earliest of what its policies ask for; nil when they have nothing to do. What is being deleted needs none, only what runs is
    /// stopped, and what somebody has called off does not come again. Every start has fresh clocks.
    func judgeNextAction(_ times: ServiceTimes = ServiceTimes()) -> NextAction? {
        guard self.desiredState != .deleted, !self.state.isFinal, !self.isOrphan else { return nil }
        // Whatever is wanted: a start that was given up may have come late, and what runs is billed.
        let mayStop = self.state == .running
        let stops: [JobCause] = mayStop ? (times.isIdleUnproven ? [] : [.idle]) + [.leaseLapsed, .schedule] : []
        let starts: [JobCause] = self.isStartable ? [.schedule] : []
        let actions =
            stops.compactMap { self.wanted(.stop, $0, times) } + self.wantedDeletes(times)
            + starts.compactMap { self.wanted(.start, $0, times) }
        // A delete makes a stop or a start at the same time needless.
        return actions.min {
            ($0.at, $0.kind == .delete ? 0 : 1, $0.cause.rawValue) < ($1.at, $1.kind == .delete ? 0 : 1, $1.cause.rawValue)
        }
    }

    /// Whether its policies leave a machine that were there now no time at all. A stop counts too: once its time has passed, nothing would stop
    /// the machine. What is protected is not given up for them.
    func isOutlived(at now: Timestamp) -> Bool {
        guard !self.deletionProtection else { return false }
        let ends = [
            self.wanted(.delete, .lifetime, ServiceTimes()), self.wanted(.delete, .schedule, ServiceTimes()),
            self.wanted(.stop, .schedule, ServiceTimes()),
        ]
        return ends.contains { end in end.map { $0.at <= now && !($0.kind == .stop && self.isStartOvertaking($0.at, at: now)) } ?? false }
    }

    /// When it is to be stopped for being idle, if the provider's metrics say so too; nil when they are not asked, or it is not to be stopped.
    package func idleStopDue(_ times: ServiceTimes) -> Timestamp? {
        guard self.asksForUsage, self.desiredState != .deleted, self.state == .running, !self.isOrphan else { return nil }
        return self.wanted(.stop, .idle, times)?.at
    }

    private func wantedDeletes(_ times: ServiceTimes) -> [NextAction] {
        guard !self.deletionProtection else { return [] }
        // A lease begins with a machine.
        let leases: [JobCause] = self.upstream == nil ? [] : [.leaseLapsed]
        return ([.lifetime, .schedule] + leases).compactMap { self.wanted(.delete, $0, times) }
    }

    private func wanted(_ kind: NextAction.Kind, _ cause: JobCause, _ times: ServiceTimes) -> NextAction? {
        guard !self.isCalledOff(kind, cause) else { return nil }
        return self.due(kind, cause, times).map { NextAction(kind: kind, cause: cause, at: $0) }
    }

    /// When a policy asks for it; nil when none does, or no longer.
    func due(_ kind: NextAction.Kind, _ cause: JobCause, _ times: ServiceTimes = ServiceTimes()) -> Timestamp? {
        guard let policies = self.policies else { return nil }
        let madeAt = self.askedAgainAt ?? self.createdAt
        let start = max(self.runningSince ?? madeAt, madeAt)
        let sign = max(self.touchedAt ?? start, start, times.activatedAt ?? start)
        func unsaid(for time: Duration, since sign: Timestamp) -> Timestamp {
            max(sign + time + times.record.away(since: sign), start + Self.startGrace)
        }
        /// Once: what is asked for afterwards is wanted.
        func ahead(of asked: Timestamp, _ time: Timestamp?) -> Timestamp? {
            time.flatMap { $0 > max(asked, times.activatedAt ?? asked) ? $0 : nil }
        }
        return switch (kind, cause) {
        case (.stop, .idle): policies.idleStop.map { unsaid(for: $0, since: max(sign, self.busyAt ?? sign)) }
        case (.stop, .leaseLapsed): policies.lease.map { unsaid(for: $0, since: sign) }
        // Not since it runs: what passes while a machine comes up is done once it is up.
        case (.stop, .schedule): ahead(of: max(madeAt, self.startAskedAt ?? start), policies.stopAt)
        case (.delete, .lifetime): policies.maxLifetime.map { madeAt + $0 }
        case (.delete, .schedule): ahead(of: madeAt, policies.deleteAt)
        case (.delete, .leaseLapsed): policies.lease.map { unsaid(for: $0, since: sign) + $0 }
        // Nor does it come again because another policy was changed.
        case (.start, .schedule): ahead(of: max(madeAt, self.startAskedAt ?? madeAt, self.policiesSaidAt ?? madeAt), policies.startAt)
        default: nil
        }
    }

    /// It was said to be in use at that time.
    package mutating func touch(at time: Timestamp) {
        self.touchedAt = max(self.touchedAt ?? time, time)
        self.nextAction = self.judgeNextAction()
    }
}

// MARK: - Starts

extension Instance {
    /// It is down, or about to be, whoever stops it.
    private var isStartable: Bool { self.state == .stopped || self.state == .stopping }

    /// It is up, or on its way there, as somebody wants it.
    private var isUp: Bool { self.desiredState == .running && !self.isStartable }

    /// A time that has passed starts nothing later.
    mutating func spendPassedStart(at now: Timestamp) {
        guard let dueAt = self.wanted(.start, .schedule, ServiceTimes())?.at, dueAt <= now else { return }
        self.callOff(.start, .schedule)
    }

    /// Of what is late the newest counts: a start that finds the machine up has been kept, and one that is followed by a stop or a delete which is
    /// due too is not wanted any more. Nor is a stop that is followed by a start.
    ///
    /// - Parameter isAtRest: no job is at work on it. What runs then runs on, whatever is wanted of it.
    mutating func spendOvertaken(_ times: ServiceTimes, isAtRest: Bool, at now: Timestamp) {
        guard let startAt = self.policies?.startAt, startAt <= now else { return }
        if let stop = self.wanted(.stop, .schedule, times), self.isStartOvertaking(stop.at, at: now) { self.callOff(.stop, .schedule) }
        let isKept = self.isUp || (isAtRest && self.state == .running)
        if isKept || self.isStartOvertaken(times, at: now) { self.spendPassedStart(at: now) }
    }

    /// The start that has passed is not wanted any more: a stop that was to follow it, or a delete, is due too.
    ///
    /// - Parameter times: nil: nobody knows when a lease lapses.
    func isStartOvertaken(_ times: ServiceTimes?, at now: Timestamp) -> Bool {
        guard let policies = self.policies, let startAt = policies.startAt else { return false }
        let isStopDue = policies.stopAt.map { $0 >= startAt && $0 <= now } ?? false
        let deletes = self.wantedDeletes(times ?? ServiceTimes()).filter { times != nil || $0.cause != .leaseLapsed }
        return isStopDue || deletes.contains { $0.at <= now }
    }

    /// A stop of that time is not wanted any more.
    func isStartOvertaking(_ stopAt: Timestamp, at now: Timestamp) -> Bool {
        self.policies?.startAt.map { $0 > stopAt && $0 <= now } ?? false
    }
}

// MARK: - What somebody has called off

extension Instance {
    /// It does not come again until the clock of its policy starts anew. Who keeps a machine from being stopped when its lease lapses does
    /// not want it deleted for that either.
    mutating func callOff(_ kind: NextAction.Kind, _ cause: JobCause) {
        let kinds: [NextAction.Kind] = kind == .stop && cause == .leaseLapsed ? [.stop, .delete] : [kind]
        let kept = (self.calledOff ?? []).filter { self.due($0.kind, $0.cause) == $0.at && !(kinds.contains($0.kind) && $0.cause == cause) }
        self.calledOff = kept + kinds.compactMap { kind in self.due(kind, cause).map { NextAction(kind: kind, cause: cause, at: $0) } }
    }

    /// Its clock has not started anew since, by what is written down: a restart of the server is no reason to do it after all.
    private func isCalledOff(_ kind: NextAction.Kind, _ cause: JobCause) -> Bool {
        (self.calledOff ?? []).contains { $0.kind == kind && $0.cause == cause && $0.at == self.due(kind, cause) }
    }

    /// Policies begin anew, as for a machine of which they have said nothing yet.
    mutating func restartPolicies() {
        self.forgetWarning()
        self.calledOff = nil
        self.nextAction = nil
    }
}
