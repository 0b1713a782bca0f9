/// What is done to a machine without a call that asks for it, as its owner said beforehand. Nil is never.
package struct InstancePolicies: Hashable, Sendable, Codable {
    /// Stopped when nobody has said for so long that it is in use.
    package var idleStop: Duration?
    /// Nor was it busy to so many percent by the provider's metrics, 1 to 100. Nil: these do not matter.
    package var idlePercent: Int?
    /// Deleted so long after it was created.
    package var maxLifetime: Duration?
    package var stopAt: Timestamp?
    package var deleteAt: Timestamp?
    /// Started then, if it is stopped.
    package var startAt: Timestamp?
    /// Stopped when its owner has not given a sign for so long, and deleted after as long again.
    package var lease: Duration?
    /// When the provider takes it back. Nil: as the server is set up.
    package var spotRecovery: SpotRecovery?

    package init(
        idleStop: Duration? = nil, idlePercent: Int? = nil, maxLifetime: Duration? = nil, stopAt: Timestamp? = nil,
        deleteAt: Timestamp? = nil, startAt: Timestamp? = nil, lease: Duration? = nil, spotRecovery: SpotRecovery? = nil
    ) {
        self.idleStop = idleStop
        self.idlePercent = idlePercent
        self.maxLifetime = maxLifetime
        self.stopAt = stopAt
        self.deleteAt = deleteAt
        self.startAt = startAt
        self.lease = lease
        self.spotRecovery = spotRecovery
    }

    package var isEmpty: Bool { self == InstancePolicies() }
}

extension SpecRules {
    /// Ours: less would stop what is in use, more is no policy.
    package static let policyDurationMax: Duration = .seconds(366 * 86_400)
    package static let policyDurationMin: Duration = .seconds(60)
    /// Of an idle time by metrics: a provider that keeps them for less would never show a machine idle for so long.
    package static let measuredIdleMax: Duration = .seconds(7 * 86_400)

    /// - Parameter now: what is to happen at a time must lie ahead.
    package static func violations(of policies: InstancePolicies, at now: Timestamp) -> [FieldViolation] {
        var found: [FieldViolation] = []
        for (name, duration) in [
            ("idle_stop", policies.idleStop), ("max_lifetime", policies.maxLifetime), ("lease", policies.lease),
        ] {
            guard let duration, !(self.policyDurationMin...self.policyDurationMax).contains(duration) else { continue }
            found.append(FieldViolation("policies.\(name)", "must be 1 minute to 366 days"))
        }
        if let percent = policies.idlePercent {
            if !(1...100).contains(percent) { found.append(FieldViolation("policies.idle_percent", "must be 1 to 100")) }
            if policies.idleStop.map({ $0 > self.measuredIdleMax }) ?? false {
                found.append(FieldViolation("policies.idle_stop", "must be at most 7 days with idle_percent"))
            }
        }
        for (name, time) in [("stop_at", policies.stopAt), ("delete_at", policies.deleteAt), ("start_at", policies.startAt)] {
            guard let time, time <= now || time > now + self.policyDurationMax else { continue }
            found.append(FieldViolation("policies.\(name)", "must lie ahead, by at most 366 days"))
        }
        if let startAt = policies.startAt, startAt == policies.stopAt {
            found.append(FieldViolation("policies.start_at", "must not be the same as stop_at"))
        }
        return found
    }
}
