/// What is wrong with one field of a request.
package struct FieldViolation: Hashable, Sendable {
    /// As in the public protocol: `spec.gpu_count`, `spec.ports[2].port`.
    package var field: String
    /// For people: what it must be.
    package var description: String

    package init(_ field: String, _ description: String) {
        self.field = field
        self.description = description
    }
}

/// Why the fleet does not do what a caller asked. The one table from here to RPC statuses is in `Services`.
package struct FleetError: Error, Hashable, Sendable {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// `violations` says which fields.
        case invalidArgument
        case notFound
        /// A living instance of the tenant has the name; `instanceID` is it.
        case nameTaken
        /// The request id was used before with another payload.
        case requestIDReused
        /// `ceiling` says which, and by how much.
        case ceilingReached
        /// The account's balance does not carry it for an hour.
        case balanceTooLow
        /// The instance has another revision than the caller expects.
        case revisionMismatch
        case deletionProtected
        /// The instance is in a state that does not allow it.
        case invalidState
        /// The fleet is frozen: no creates, no starts.
        case frozen
        /// The database was restored or copied, and nobody has activated it yet.
        case observing
        /// Nothing that is on offer fits the spec, whatever the stock.
        case noCandidate
        /// What fits is out of stock or was refused a moment ago.
        case noCapacity
        /// The position is older than the kept log: begin again with a snapshot.
        case revisionTrimmed
        /// The position belongs to another history, or lies in the future: begin again with a snapshot.
        case unknownHistory
        /// The reader of a watch fell too far behind and had asked for every change.
        case watchTooSlow
        /// More calls wait than `View.waitersMax`.
        case tooManyWaiters
        /// The object changes faster than a decision about it could be written down.
        case contention
        /// The store cannot be reached or written; nothing was changed.
        case storeUnavailable
        /// It is not known whether the change was made; the same request id finds out.
        case outcomeUnknown
    }

    package var code: Code
    /// For people.
    package var message: String
    package var violations: [FieldViolation]
    package var ceiling: CeilingReached?
    package var instanceID: InstanceID?
    package var jobID: JobID?
    /// When it makes sense to try again; nil when nothing is known about that.
    package var retryAfter: Duration?

    package init(
        _ code: Code, _ message: String, violations: [FieldViolation] = [], ceiling: CeilingReached? = nil,
        instanceID: InstanceID? = nil, jobID: JobID? = nil, retryAfter: Duration? = nil
    ) {
        self.code = code
        self.message = message
        self.violations = violations
        self.ceiling = ceiling
        self.instanceID = instanceID
        self.jobID = jobID
        self.retryAfter = retryAfter
    }

    package static func invalid(_ violations: [FieldViolation]) -> Self {
        FleetError(.invalidArgument, violations.map { "\($0.field): \($0.description)" }.joined(separator: "; "), violations: violations)
    }

    /// True when the failed call may have had an effect.
    package var isOutcomeUnknown: Bool { self.code == .outcomeUnknown }
}

extension FleetError {
    /// What a failed commit means to the caller of a mutation. A lost lease does not occur there: such a commit names none.
    package init(_ error: StoreError) {
        switch error {
        case .leaseLost(let job):
            self.init(.contention, "job \(job) is no longer held", jobID: job)
        case .conflict(let instance):
            self.init(.contention, "instance \(instance) keeps changing; try again", instanceID: instance, retryAfter: .seconds(1))
        case .nameTaken(let instance):
            self.init(.nameTaken, "the name is in use by instance \(instance)", instanceID: instance)
        case .requestExists(let record):
            self.init(.requestIDReused, "the request id was used before", instanceID: record.instanceID, jobID: record.jobID)
        case .ceilingReached(let ceiling):
            self.init(.ceilingReached, ceiling.description, ceiling: ceiling)
        case .controlled(let refusal): self.init(refusal)
        // Only automatic work goes past the brake.
        case .braked(let reached): self.init(.contention, "\(reached)", retryAfter: Brake.minute)
        case .paused(let pause): self.init(.contention, "\(pause)", retryAfter: Brake.minute)
        case .controlChanged: self.init(.contention, "somebody else changes the same thing; try again", retryAfter: .seconds(1))
        case .unread(let job): self.init(unread: job)
        case .revisionTrimmed(let oldest):
            self.init(.revisionTrimmed, "the log is kept from revision \(oldest.number) on")
        case .unavailable:
            self.init(.storeUnavailable, "the store is not available; nothing was changed", retryAfter: .seconds(1))
        case .unknown:
            self.init(.outcomeUnknown, "it is not known whether the change was made; repeat the call with the same request id")
        }
    }
}

extension FleetError {
    init(_ refusal: FleetControl.Refusal) {
        switch refusal {
        case .frozen: self.init(.frozen, "\(refusal)")
        case .observing: self.init(.observing, "\(refusal)")
        }
    }
}

extension CeilingReached: CustomStringConvertible {
    package var description: String {
        let name = self.principal.map { "\(self.ceiling.rawValue) of \($0)" } ?? self.ceiling.rawValue
        return switch self.ceiling {
        case .instances: "\(name) is \(self.limit): \(self.inUse) in use, \(self.requested) more asked for"
        case .hourlySpend:
            "\(name) is \(MicroUSD(micros: self.limit)) per hour: \(MicroUSD(micros: self.inUse)) in use, "
                + "\(MicroUSD(micros: self.requested)) more asked for"
        }
    }
}
