/// What is done to a machine without a call that asks for it, as its owner said beforehand. Nil is never.
package struct InstancePolicies: Hashable, Sendable, Codable {
    /// Stopped when nobody has said for so long that it is in use.
    package var idleStop: Duration?
    /// Deleted so long after it was created.
    package var maxLifetime: Duration?
    package var stopAt: Timestamp?
    package var deleteAt: Timestamp?
    /// Stopped when its owner has not given a sign for so long, and deleted after as long again.
    package var lease: Duration?

    package init(
        idleStop: Duration? = nil, maxLifetime: Duration? = nil, stopAt: Timestamp? = nil, deleteAt: Timestamp? = nil,
        lease: Duration? = nil
    ) {
        self.idleStop = idleStop
        self.maxLifetime = maxLifetime
        self.stopAt = stopAt
        self.deleteAt = deleteAt
        self.lease = lease
    }

    package var isEmpty: Bool { self == InstancePolicies() }
}

/// What a policy will do next, unless something is said before.
package struct NextAction: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable {
        case stop
        case delete
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

extension Instance {
    /// How long before a policy acts it is said once more, as an event.
    package static let warningLead: Duration = .seconds(300)

    /// After each start, before a machine is stopped because nobody says that it is in use: its users must have found it first.
    package static let startGrace: Duration = .seconds(300)

    /// The earliest of what its policies will do; nil when they have nothing to do. What is being deleted needs none, and only what runs
    /// is stopped. Every start has fresh clocks.
    ///
    /// - Parameter servingSince: signs of use could not be given before, or have been forgotten; nil: there was no such gap.
    func judgeNextAction(servingSince: Timestamp? = nil) -> NextAction? {
        guard self.desiredState != .deleted, !self.state.isFinal, !self.isOrphan else { return nil }
        let mayStop = self.state == .running && self.desiredState == .running
        let stops: [JobCause] = mayStop ? [.idle, .leaseLapsed, .schedule] : []
        let deletes: [JobCause] = self.deletionProtection ? [] : [.lifetime, .schedule, .leaseLapsed]
        let actions =
            stops.compactMap { cause in self.due(.stop, cause, servingSince).map { NextAction(kind: .stop, cause: cause, at: $0) } }
            + deletes.compactMap { cause in self.due(.delete, cause, servingSince).map { NextAction(kind: .delete, cause: cause, at: $0) } }
        // A delete makes a stop at the same time needless.
        return actions.min {
            ($0.at, $0.kind == .delete ? 0 : 1, $0.cause.rawValue) < ($1.at, $1.kind == .delete ? 0 : 1, $1.cause.rawValue)
        }
    }

    /// When a policy has it done; nil when no policy does, or no longer.
    func due(_ kind: NextAction.Kind, _ cause: JobCause, _ servingSince: Timestamp? = nil) -> Timestamp? {
        guard let policies = self.policies else { return nil }
        let start = self.runningSince ?? self.createdAt
        let sign = max(self.touchedAt ?? start, start, servingSince ?? start)
        func unsaid(for time: Duration) -> Timestamp { max(sign + time, start + Self.startGrace) }
        return switch (kind, cause) {
        case (.stop, .idle): policies.idleStop.map { unsaid(for: $0) }
        case (.stop, .leaseLapsed): policies.lease.map { unsaid(for: $0) }
        // Once: who starts it again afterwards wants it.
        case (.stop, .schedule): policies.stopAt.flatMap { $0 > self.runningSince ?? self.createdAt ? $0 : nil }
        case (.delete, .lifetime): policies.maxLifetime.map { self.createdAt + $0 }
        case (.delete, .schedule): policies.deleteAt
        case (.delete, .leaseLapsed): policies.lease.map { unsaid(for: $0) + $0 }
        default: nil
        }
    }

    /// It was said to be in use at that time.
    package mutating func touch(at time: Timestamp) {
        self.touchedAt = max(self.touchedAt ?? time, time)
        self.nextAction = self.judgeNextAction()
    }
}

extension SpecRules {
    /// Ours: less would stop what is in use, more is no policy.
    package static let policyDurationMax: Duration = .seconds(366 * 86_400)
    package static let policyDurationMin: Duration = .seconds(60)

    /// - Parameter now: what is to happen at a time must lie ahead.
    package static func violations(of policies: InstancePolicies, at now: Timestamp) -> [FieldViolation] {
        var found: [FieldViolation] = []
        for (name, duration) in [
            ("idle_stop", policies.idleStop), ("max_lifetime", policies.maxLifetime), ("lease", policies.lease),
        ] {
            guard let duration, !(self.policyDurationMin...self.policyDurationMax).contains(duration) else { continue }
            found.append(FieldViolation("policies.\(name)", "must be 1 minute to 366 days"))
        }
        for (name, time) in [("stop_at", policies.stopAt), ("delete_at", policies.deleteAt)] {
            guard let time, time <= now || time > now + self.policyDurationMax else { continue }
            found.append(FieldViolation("policies.\(name)", "must lie ahead, by at most 366 days"))
        }
        return found
    }
}
