/// One change as it will be asked about later: who, what, why, and what it does to the bill. Written in the transaction that makes it.
package struct AuditEntry: Hashable, Sendable, Codable {
    /// The actor of what nobody asked for by a call.
    package static let automatic = "novitai"

    package var at: Timestamp
    package var tenant: TenantID
    /// The principal's id, or `automatic`.
    package var actor: String
    /// The method that was called, or what was done by itself, as `DeleteMachine`.
    package var action: String
    /// Why, in a word or two: `REQUESTED`, `STARTUP_TIMEOUT`, `SECOND_MACHINE`.
    package var cause: String
    /// What came of it. For people.
    package var effect: String
    package var instanceID: InstanceID?
    package var jobID: JobID?
    package var upstreamID: UpstreamID?
    package var requestID: String
    /// Dollars per hour that begin or end with it, by quoted price.
    package var hourlyPrice: MicroUSD?
    /// A stop or a delete that nobody asked for by a call: what the brake counts.
    package var endsAutomatically: Bool

    package init(
        at: Timestamp, tenant: TenantID, actor: String, action: String, cause: String, effect: String, instanceID: InstanceID? = nil,
        jobID: JobID? = nil, upstreamID: UpstreamID? = nil, requestID: String = "", hourlyPrice: MicroUSD? = nil,
        endsAutomatically: Bool = false
    ) {
        self.at = at
        self.tenant = tenant
        self.actor = actor
        self.action = action
        self.cause = cause
        self.effect = effect
        self.instanceID = instanceID
        self.jobID = jobID
        self.upstreamID = upstreamID
        self.requestID = requestID
        self.hourlyPrice = hourlyPrice
        self.endsAutomatically = endsAutomatically
    }
}

/// An entry at its place in the audit log.
package struct AuditRecord: Hashable, Sendable {
    /// Grows with every entry.
    package var sequence: Int64
    package var entry: AuditEntry

    package init(sequence: Int64, entry: AuditEntry) {
        self.sequence = sequence
        self.entry = entry
    }
}

/// A page of the audit log, newest first.
package struct AuditQuery: Hashable, Sendable {
    /// Only what is older than this one; nil: from the newest.
    package var before: Int64?
    package var limit: Int

    package init(before: Int64? = nil, limit: Int) {
        self.before = before
        self.limit = limit
    }
}
