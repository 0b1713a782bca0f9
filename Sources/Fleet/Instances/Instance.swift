/// What is wanted of an instance now. What *is* stands in `InstanceState`; the two are never mixed.
package enum DesiredState: String, Hashable, Sendable, Codable {
    case running
    case stopped
    case deleted
}

/// What an instance is. See `novitai.v1.InstanceState` for the meaning of each.
package enum InstanceState: String, Hashable, Sendable, Codable, CaseIterable {
    case pending
    case provisioning
    case starting
    case running
    case restarting
    case updating
    case stopping
    case stopped
    case migrating
    case suspended
    case deleting
    case deleted
    case failed
    case unrecognized

    /// Nothing will ever happen to it again, and the provider has no machine of it.
    package var isFinal: Bool { self == .deleted || self == .failed }
}

package enum StateReason: String, Hashable, Sendable, Codable {
    case none
    case requested
    case noCapacity
    case refused
    case startupTimeout
    case providerError
    case reclaimed
    case vanished
    case orphaned
    case superseded
    case external
    /// A policy of the instance had it done.
    case policy
}

package enum Readiness: String, Hashable, Sendable, Codable {
    case notReady
    case ready
}

/// Where a machine is and what it costs, as quoted when it was asked for.
package struct Placement: Hashable, Sendable, Codable {
    package var productID: String
    package var productName: String
    package var clusterID: String
    package var clusterName: String
    package var billingMode: BillingMode
    /// Per hour of the whole machine.
    package var hourlyPrice: MicroUSD

    package init(
        productID: String, productName: String, clusterID: String, clusterName: String, billingMode: BillingMode,
        hourlyPrice: MicroUSD
    ) {
        self.productID = productID
        self.productName = productName
        self.clusterID = clusterID
        self.clusterName = clusterName
        self.billingMode = billingMode
        self.hourlyPrice = hourlyPrice
    }
}

/// The offer that one create call asked for.
package struct AskedPlacement: Hashable, Sendable, Codable {
    /// As in the ownership token.
    package var attempt: Int
    package var placement: Placement

    package init(attempt: Int, placement: Placement) {
        self.attempt = attempt
        self.placement = placement
    }
}

package struct Endpoint: Hashable, Sendable, Codable {
    package var port: Int
    package var `protocol`: PortProtocol
    /// A URL for HTTP, host:port for TCP.
    package var address: String

    package init(port: Int, protocol: PortProtocol, address: String) {
        self.port = port
        self.protocol = `protocol`
        self.address = address
    }
}

/// What the provider last said of the machine.
package struct UpstreamFacts: Hashable, Sendable, Codable {
    package var id: UpstreamID
    /// The provider's own word.
    package var status: String
    package var error: String
    package var observedAt: Timestamp

    package init(id: UpstreamID, status: String, error: String, observedAt: Timestamp) {
        self.id = id
        self.status = status
        self.error = error
        self.observedAt = observedAt
    }
}

/// A machine at the provider that must go and has not yet been seen gone: the second of two that one request brought about, or one of a
/// replacement.
package struct Debt: Hashable, Sendable, Codable {
    /// Why a machine must go that was the record's own: its id is proof enough, whatever it is called now.
    package enum Cause: String, Hashable, Sendable, Codable {
        /// Another runs in its place; it has served until then.
        case replaced
        /// It was to take the place of another, and is not wanted any more.
        case notTaken
    }

    package var upstreamID: UpstreamID
    package var hourlyPrice: MicroUSD
    /// From when on what it costs is counted.
    package var since: Timestamp
    /// When its delete was first asked of the provider, written down before the call; nil before that.
    package var askedAt: Timestamp?
    /// No create call that we know of brought it about, as after a restored backup: somebody may be on it. It is shown and counted, and
    /// goes only when somebody deletes the instance. Nil in rows of versions that did not keep it.
    package var isUnasked: Bool?
    /// Nil: the second of two.
    package var cause: Cause?
    /// When it was found that it must go, where that is later than what it costs is counted from: nobody is late with its delete before.
    package var owedSince: Timestamp?

    package init(
        upstreamID: UpstreamID, hourlyPrice: MicroUSD, since: Timestamp, askedAt: Timestamp? = nil, isUnasked: Bool? = nil,
        cause: Cause? = nil, owedSince: Timestamp? = nil
    ) {
        self.cause = cause
        self.owedSince = owedSince
        self.isUnasked = isUnasked
        self.upstreamID = upstreamID
        self.hourlyPrice = hourlyPrice
        self.since = since
        self.askedAt = askedAt
    }
}

/// Who asked for an instance, and the ceilings that this principal had then.
package struct Owner: Hashable, Sendable, Codable {
    package var principal: PrincipalID
    /// nil: none of its own.
    package var ceilings: Ceilings?

    package init(principal: PrincipalID, ceilings: Ceilings? = nil) {
        self.principal = principal
        self.ceilings = ceilings
    }

    var guards: [Guard] { self.ceilings.map { [.ownCeilings($0, self.principal)] } ?? [] }
}

/// One machine that a caller asked for: the wish, what is known of it, and why.
package struct Instance: Hashable, Sendable, Codable, Identifiable {
    /// Create calls whose offers are kept; a create is seldom refused by so many.
    static let askedPlacementsKept = 64
    /// Machines too many whose cost is kept one by one; their sum is kept whole.
    static let wastedMachinesKept = 16

    package let id: InstanceID
    package var name: String
    package let tenant: TenantID
    /// nil in rows of versions that did not keep it.
    package let owner: Owner?
    package var spec: InstanceSpec
    package var labels: [String: String]
    package var desiredState: DesiredState
    package var state: InstanceState
    package var stateReason: StateReason
    /// For people.
    package var stateMessage: String
    package var readiness: Readiness
    /// Of its machine, or of the newest create call while there is none.
    package var placement: Placement?
    /// Of the newest create calls, oldest first, since any of them may turn out to have brought a machine; nil in rows of versions
    /// that did not keep it.
    package var askedPlacements: [AskedPlacement]?
    package var endpoints: [Endpoint]
    /// What the ports of the running machine last answered; nil while none has been asked.
    package var probes: [ProbeResult]?
    package var upstream: UpstreamFacts?
    package var debts: [Debt]
    /// What machines beyond the one that was asked for have cost, by quoted price, up to when each was proven gone.
    package var wastedCost: MicroUSD
    /// The newest of those machines, oldest first; nil in rows of versions that did not keep them.
    package var wastedMachines: [WastedMachine]?
    /// Since when it is to be deleted; nil before that, and in rows of versions that did not keep it.
    package var deleteAskedAt: Timestamp?
    /// Since when it has been known without anybody having asked for it; nil for all others, and once a caller has asked for something.
    package var orphanedSince: Timestamp?
    /// The newest job that is about the machine. A change of what only we hold counts as one while no other is at work.
    package var jobID: JobID?
    package var deletionProtection: Bool
    /// Nil: none, as in rows of versions that had none.
    package var policies: InstancePolicies?
    /// When they were last changed; nil: they are those of the create.
    package var policiesSaidAt: Timestamp?
    /// When it was last said to be in use, as far as that is written down.
    package var touchedAt: Timestamp?
    /// When it was last busy by the provider's metrics, as far as they were read; see `UsageReading`.
    package var busyAt: Timestamp?
    /// What a policy will do next.
    package var nextAction: NextAction?
    /// The action that was last warned of, and when.
    package var warnedOf: NextAction?
    package var warnedAt: Timestamp?
    /// What a policy was to do and somebody has called off, at the time that its clock showed then.
    package var calledOff: [NextAction]?
    /// When somebody last asked for it to run, its create included; nil in rows of versions that did not keep it.
    package var startAskedAt: Timestamp?
    /// When its machine was asked for once more, after a create that failed; nil: never.
    package var askedAgainAt: Timestamp?
    /// Nil: the provider does not take it back, or has not been heard.
    package var spot: SpotFacts?
    /// When it was recovered by itself, the newest last; nil: never.
    package var recoveries: [Timestamp]?
    /// Nil: none is being made.
    package var replacement: Replacement?
    /// Nil: by its price per hour, and nothing else has been said.
    package var billing: BillingFacts?
    package let createdAt: Timestamp
    package var updatedAt: Timestamp
    package var runningSince: Timestamp?
    package var deletedAt: Timestamp?
    /// Stamped by the store.
    package var revision: Revision

    package init(
        id: InstanceID, name: String, tenant: TenantID, owner: Owner? = nil, spec: InstanceSpec, labels: [String: String] = [:],
        deletionProtection: Bool = false, policies: InstancePolicies? = nil, placement: Placement? = nil, jobID: JobID? = nil,
        createdAt: Timestamp
    ) {
        self.id = id
        self.name = name
        self.tenant = tenant
        self.owner = owner
        self.spec = spec
        self.labels = labels
        self.desiredState = .running
        self.state = .pending
        self.stateReason = .requested
        self.stateMessage = ""
        self.readiness = .notReady
        self.placement = placement
        self.askedPlacements = nil
        self.endpoints = []
        self.probes = nil
        self.upstream = nil
        self.debts = []
        self.wastedCost = .zero
        self.wastedMachines = nil
        self.deleteAskedAt = nil
        self.orphanedSince = nil
        self.jobID = jobID
        self.deletionProtection = deletionProtection
        self.policies = policies
        self.policiesSaidAt = nil
        self.touchedAt = nil
        self.busyAt = nil
        self.nextAction = nil
        self.warnedOf = nil
        self.warnedAt = nil
        self.calledOff = nil
        self.startAskedAt = createdAt
        self.askedAgainAt = nil
        self.spot = nil
        self.recoveries = nil
        self.replacement = nil
        self.billing = nil
        self.createdAt = createdAt
        self.updatedAt = createdAt
        self.runningSince = nil
        self.deletedAt = nil
        self.revision = .zero
    }

    /// There is or may be something at the provider for it: what a server keeps in memory, and what a snapshot holds. A final
    /// instance lives on while it has debts.
    package var isLiving: Bool { !self.state.isFinal || !self.debts.isEmpty }

    /// Machines not yet proven gone: what the ceiling `MAX_INSTANCES` counts. An intent counts as the machine it may become.
    package var liableMachines: Int {
        (self.state.isFinal ? 0 : self.replacement == nil ? 1 : 2) + self.debts.count
    }

    /// Dollars per hour of the same machines, by quoted price: what the ceiling `MAX_HOURLY_SPEND` counts.
    package var liableHourlySpend: MicroUSD {
        let own = self.state.isFinal ? .zero : (self.placement?.hourlyPrice ?? .zero)
        let other = self.state.isFinal ? nil : self.replacement.map { $0.placement?.hourlyPrice ?? own }
        return self.debts.reduce(own + (other ?? .zero)) { $0 + $1.hourlyPrice }
    }

    /// Its create stands in line until a place has room: no machine is asked for, though the ceilings keep one free for it.
    package var waitsForCapacity: Bool { self.upstream == nil && self.state == .pending && self.stateReason == .noCapacity }

    /// Dollars per hour of those of `liableMachines` that may be billed by the hour now.
    package var billedHourlySpend: MicroUSD {
        let own = self.isBilledByHour ? self.placement?.hourlyPrice ?? .zero : .zero
        let other = self.state.isFinal ? nil : self.replacement.map { $0.placement?.hourlyPrice ?? self.placement?.hourlyPrice ?? .zero }
        return self.debts.reduce(own + (other ?? .zero)) { $0 + $1.hourlyPrice }
    }

    /// Not so a machine that is stopped, whose disk alone may cost a little, nor one whose months were paid when it was last seen.
    private var isBilledByHour: Bool {
        let isPaid = self.isPaid(at: self.upstream?.observedAt ?? self.createdAt)
        return !self.state.isFinal && !self.waitsForCapacity && self.state != .stopped && !isPaid
    }
}
