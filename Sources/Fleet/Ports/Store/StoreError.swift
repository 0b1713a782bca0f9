package enum StoreError: Error, Sendable, Hashable {
    /// The lease is over or somebody else's: drop the outcome.
    case leaseLost(JobID)
    /// The instance changed since it was read: read again, decide again.
    case conflict(InstanceID)
    case nameTaken(InstanceID)
    /// The request id was used before; the record tells for what.
    case requestExists(RequestRecord)
    case ceilingReached(CeilingReached)
    case controlled(FleetControl.Refusal)
    case braked(BrakeReached)
    case paused(QueuePause)
    /// Somebody else has changed what is said about the fleet: read again, decide again.
    case controlChanged
    /// A job of the instance cannot be read by this release, so that nothing of it is changed; see `UnreadJob`.
    case unread(JobID)
    /// The wanted part of the log is no longer kept.
    case revisionTrimmed(oldest: Revision)
    /// The store cannot be reached or written; nothing was changed. Text for the log.
    case unavailable(String)
    /// It is not known whether the commit was applied.
    case unknown(String)
}

/// Which ceiling refused, and by how much.
package struct CeilingReached: Sendable, Hashable {
    package enum Ceiling: String, Sendable {
        case instances = "MAX_INSTANCES"
        case hourlySpend = "MAX_HOURLY_SPEND"
    }

    package var ceiling: Ceiling
    /// Whose own ceiling it is; nil for the one over everybody.
    package var principal: PrincipalID?
    /// Instances, or micro-USD per hour: the limit, what is in use, and what was asked for on top.
    package var limit: Int64
    package var inUse: Int64
    package var requested: Int64

    package init(ceiling: Ceiling, principal: PrincipalID? = nil, limit: Int64, inUse: Int64, requested: Int64) {
        self.ceiling = ceiling
        self.principal = principal
        self.limit = limit
        self.inUse = inUse
        self.requested = requested
    }
}
