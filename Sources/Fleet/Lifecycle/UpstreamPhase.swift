/// What the provider's status words mean to us. Only `running`, `stopped` and `gone` can be relied on; the others come and go,
/// and a reader can miss any of them.
package enum UpstreamPhase: Hashable, Sendable, CaseIterable {
    case provisioning
    case starting
    case running
    case restarting
    case updating
    case stopping
    case stopped
    case migrating
    case suspended
    case leaving
    case gone
    /// A word that this version does not know: kept and shown, never acted on.
    case unrecognized

    package init(status: String) {
        switch status {
        case "pending", "toCreate", "creating", "pulling": self = .provisioning
        case "toStart", "starting": self = .starting
        case "running": self = .running
        case "toRestart", "restarting": self = .restarting
        case "toReset", "resetting": self = .updating
        case "toStop", "stopping": self = .stopping
        case "exited", "stopped": self = .stopped
        case "migrating": self = .migrating
        case "freezing": self = .suspended
        case "toRemove", "removing": self = .leaving
        case "removed": self = .gone
        default: self = .unrecognized
        }
    }

    /// On its way from one dependable state to another.
    package var isTransitional: Bool {
        switch self {
        case .provisioning, .starting, .restarting, .updating, .stopping, .migrating, .leaving: true
        case .running, .stopped, .suspended, .gone, .unrecognized: false
        }
    }

    /// Said only of a machine that has not run since it was made or started.
    var isComingUp: Bool { self == .provisioning || self == .starting }

    /// `hasRun`: an image is also pulled again when a machine is started anew, which is no first provisioning.
    func instanceState(hasRun: Bool) -> InstanceState {
        switch self {
        case .provisioning: hasRun ? .starting : .provisioning
        case .starting: .starting
        case .running: .running
        case .restarting: .restarting
        case .updating: .updating
        case .stopping: .stopping
        case .stopped: .stopped
        case .migrating: .migrating
        case .suspended: .suspended
        case .leaving, .gone: .deleting
        case .unrecognized: .unrecognized
        }
    }
}

extension Machine {
    package var phase: UpstreamPhase { UpstreamPhase(status: self.status) }

    /// The provider says when, and names a spot status: that is how a reclaimed machine looks once it has stopped.
    var isReclaimed: Bool { self.phase == .stopped && self.spotReclaimAt != nil && !self.spotStatus.isEmpty }

    /// Every port of the spec has an endpoint.
    package func covers(_ spec: InstanceSpec) -> Bool {
        spec.ports.allSatisfy { port in self.endpoints.contains { $0.port == port.port } }
    }

    /// A listing may leave the endpoints out: a direct read tells more.
    package func needsDetail(for spec: InstanceSpec) -> Bool {
        self.phase == .running && !self.covers(spec)
    }
}
