/// A change of an instance's policies.
package struct PolicyUpdate: Sendable, Hashable {
    /// Named as in the public protocol.
    package enum Field: String, Sendable, Hashable, CaseIterable {
        case idleStop = "idle_stop"
        case idlePercent = "idle_percent"
        case maxLifetime = "max_lifetime"
        case stopAt = "stop_at"
        case deleteAt = "delete_at"
        case startAt = "start_at"
        case lease
        case spotRecovery = "spot_recovery"
    }

    package var policies: InstancePolicies
    /// Those that change; nil: all of them.
    package var fields: Set<Field>?

    package init(_ policies: InstancePolicies, fields: Set<Field>? = nil) {
        self.policies = policies
        self.fields = fields
    }

    /// Nil: none is left.
    func applied(to before: InstancePolicies?) -> InstancePolicies? {
        var after = before ?? InstancePolicies()
        for field in self.fields ?? Set(Field.allCases) {
            switch field {
            case .idleStop: after.idleStop = self.policies.idleStop
            case .idlePercent: after.idlePercent = self.policies.idlePercent
            case .maxLifetime: after.maxLifetime = self.policies.maxLifetime
            case .stopAt: after.stopAt = self.policies.stopAt
            case .deleteAt: after.deleteAt = self.policies.deleteAt
            case .startAt: after.startAt = self.policies.startAt
            case .lease: after.lease = self.policies.lease
            case .spotRecovery: after.spotRecovery = self.policies.spotRecovery
            }
        }
        return after.isEmpty ? nil : after
    }
}
