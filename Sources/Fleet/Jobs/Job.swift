package import Traces

package enum JobType: String, Hashable, Sendable, Codable, CaseIterable {
    case createInstance
    case startInstance
    case stopInstance
    case restartInstance
    case deleteInstance
    case updateInstance
    case migrateInstance
    case saveImage
    case changeBilling
    /// Of a later release; see `UnreadJob`.
    case unrecognized
}

extension JobType {
    /// What this release has jobs of.
    package static let known = Self.allCases.filter { $0 != .unrecognized }

    /// What ends spending goes before everything else: a burst of creates must not keep a delete from being sent.
    package static let priorities = 0...1

    package var priority: Int { self == .deleteInstance || self == .stopInstance ? 0 : 1 }
}

/// See `novitai.v1.JobState` for the meaning of each.
package enum JobState: String, Hashable, Sendable, Codable, CaseIterable {
    case ready
    case running
    case waiting
    case succeeded
    case failed
    case cancelled

    package var isFinal: Bool {
        switch self {
        case .ready, .running, .waiting: false
        case .succeeded, .failed, .cancelled: true
        }
    }
}

/// Why a job is there that nobody asked for by a call.
package enum JobCause: String, Hashable, Sendable, Codable, CaseIterable {
    /// The machine did not come up in time.
    case startupTimeout
    /// The provider said that the machine cannot come up.
    case providerError
    /// Policies: nobody used it, its owner gave no sign, it has lived as long as it was to, or its time has come.
    case idle
    case leaseLapsed
    case lifetime
    case schedule
    /// The provider takes a spot machine back, or has.
    case spotReclaim
    /// The provider could not move the machine, and leaves it half-way.
    case migrationFailed

    /// In capitals, as reasons are named.
    package var word: String { inCapitals(self.rawValue) }

    /// Said beforehand by the owner, who may say something else until it is done.
    package var isPolicy: Bool {
        switch self {
        case .idle, .leaseLapsed, .lifetime, .schedule: true
        case .startupTimeout, .providerError, .spotReclaim, .migrationFailed: false
        }
    }

    /// The machine is made to run again for it, at most so often as `RecoveryBudget` says.
    package var isRecovery: Bool { self == .spotReclaim || self == .migrationFailed }
}

/// A provider call made for a job that failed or stayed unclear.
package struct JobAttempt: Hashable, Sendable, Codable {
    package var number: Int
    package var startedAt: Timestamp
    package var step: String
    package var error: String

    package init(number: Int, startedAt: Timestamp, step: String, error: String) {
        self.number = number
        self.startedAt = startedAt
        self.step = step
        self.error = error
    }
}

/// A change that outlives the call that asked for it: a row with a next step and the time when that is due.
/// It holds a worker only while a step runs; waiting is a due time, never a suspended task.
package struct Job: Hashable, Sendable, Codable, Identifiable {
    /// Newest failed or unclear attempts that are kept.
    package static let attemptsKept = 16

    package let id: JobID
    package let type: JobType
    package let tenant: TenantID
    package let instanceID: InstanceID
    package var state: JobState
    package var step: JobStep
    /// When the next step may run; nil once the job has ended.
    package var dueAt: Timestamp?
    /// For people: what is going on.
    package var progress: String
    package var attempts: [JobAttempt]
    package var attemptCount: Int
    /// Create calls begun so far: the last ownership token's attempt. Never goes back, so that no token is used twice.
    package var createCalls: Int
    /// Of a create that tries again what another failed to do: the calls of that one. Nil for all others.
    package var createCallsBefore: Int?
    /// Candidates that the provider refused to this job; each is asked at most once.
    package var refusedCandidates: [CandidateKey]
    /// Of a create alone: since when it has been standing in line for capacity; nil while it does not.
    package var capacityWaitSince: Timestamp?
    /// The same: when it last left that line to ask for a machine; nil: never.
    package var capacityWaitEndedAt: Timestamp?
    /// Of what makes a machine: until when a hold has kept it from asking for one; nil: none has.
    package var heldUntil: Timestamp?
    /// Of a create alone: it was put back with a database from the past, and asks for nothing any more. Nil: it was not.
    package var isRestored: Bool?
    /// When the change was first asked of the provider, written down before the call; nil before that, and for a create.
    package var firstSentAt: Timestamp?
    /// Calls of the change that the provider may have taken, or may be taking: one that certainly did nothing counts no more. Nil in rows of
    /// releases that did not count.
    package var callsTaken: Int?
    /// When the provider accepted the call of the present step; nil while that is not known.
    package var acknowledgedAt: Timestamp?
    /// Direct reads in a row that did not find the machine.
    package var absences: Int
    /// A word in capitals; empty unless failed or cancelled.
    package var errorReason: String
    package var errorMessage: String
    package var requestID: String
    /// Nil: a caller asked for it.
    package var cause: JobCause?
    /// Of an update alone: what is asked of the provider.
    package var update: MachineUpdate?
    /// Of a migration alone: how.
    package var migration: Migration?
    /// Of a saved image alone.
    package var imageSave: ImageSave?
    /// Of a change of billing alone.
    package var billing: BillingChange?
    /// Of a move and a saved image: the provider's jobs of the kind that the machine had before the first call, none of which is this one's.
    /// Nil before that, and in rows of releases that did not look.
    package var upstreamJobsBefore: [UpstreamJobID]?
    /// The same: since when the provider's jobs cannot be read; nil while they can.
    package var blindSince: Timestamp?
    /// The job that failed to do the same.
    package var retryOf: JobID?
    /// The span of the call that asked for it; nil without one, and in rows of releases that knew no traces.
    package var trace: TraceContext?
    package let createdAt: Timestamp
    package var updatedAt: Timestamp
    package var endedAt: Timestamp?
    /// Stamped by the store.
    package var revision: Revision

    package init(
        id: JobID, type: JobType, tenant: TenantID, instanceID: InstanceID, step: JobStep, requestID: String, cause: JobCause? = nil,
        trace: TraceContext? = nil, createdAt: Timestamp
    ) {
        self.id = id
        self.type = type
        self.tenant = tenant
        self.instanceID = instanceID
        self.state = .ready
        self.step = step
        self.dueAt = createdAt
        self.progress = ""
        self.attempts = []
        self.attemptCount = 0
        self.createCalls = 0
        self.createCallsBefore = nil
        self.refusedCandidates = []
        self.capacityWaitSince = nil
        self.capacityWaitEndedAt = nil
        self.heldUntil = nil
        self.isRestored = nil
        self.firstSentAt = nil
        self.callsTaken = 0
        self.acknowledgedAt = nil
        self.absences = 0
        self.errorReason = ""
        self.errorMessage = ""
        self.requestID = requestID
        self.cause = cause
        self.update = nil
        self.migration = nil
        self.imageSave = nil
        self.billing = nil
        self.upstreamJobsBefore = nil
        self.blindSince = nil
        self.retryOf = nil
        self.trace = trace
        self.createdAt = createdAt
        self.updatedAt = createdAt
        self.endedAt = nil
        self.revision = .zero
    }
}
