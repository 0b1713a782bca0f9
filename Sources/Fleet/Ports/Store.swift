/// What must hold in the transaction for a commit to be applied; the first that does not makes the whole commit fail.
package enum Guard: Hashable, Sendable {
    /// The job is still leased under this token.
    case lease(JobID, LeaseToken)
    /// The instance has not changed since it was read.
    case instance(InstanceID, Revision)
    /// No instance of the tenant has the name. One that has ended gives it away, also while debts keep it living.
    case nameIsFree(TenantID, String)
    /// The request id is not in use.
    case requestIsNew(RequestKey)
    /// Machines not proven gone and their dollars per hour, over all tenants, stay within the ceilings once the commit is applied.
    case ceilings(Ceilings)
    /// The same for those machines alone that this principal asked for.
    case ownCeilings(Ceilings, PrincipalID)
    /// Neither a freeze nor an observed deployment stands against it.
    case permitted(FleetControl.Action)
    /// One more automatic stop or delete at that time goes past the brake.
    case brake(Brake, Timestamp)
    /// The queue of the job's kind is not paused.
    case queueIsOpen(JobType)
    /// Nobody has changed what is said about the fleet since it was read.
    case control(FleetControl)
}

package struct Ceilings: Hashable, Sendable, Codable {
    package var maxInstances: Int
    package var maxHourlySpend: MicroUSD

    package init(maxInstances: Int, maxHourlySpend: MicroUSD) {
        self.maxInstances = maxInstances
        self.maxHourlySpend = maxHourlySpend
    }
}

/// Scope of a request id: tenant and method.
package struct RequestKey: Hashable, Sendable, Codable {
    package var tenant: TenantID
    package var method: String
    package var requestID: String

    package init(tenant: TenantID, method: String, requestID: String) {
        self.tenant = tenant
        self.method = method
        self.requestID = requestID
    }
}

/// What a request id stands for. Kept as long as what it made, and at least 7 days.
package struct RequestRecord: Hashable, Sendable, Codable {
    package var key: RequestKey
    /// Digest of the decoded payload: same id and other digest is another request.
    package var payloadDigest: [UInt8]
    package var instanceID: InstanceID
    package var jobID: JobID
    package var createdAt: Timestamp

    package init(key: RequestKey, payloadDigest: [UInt8], instanceID: InstanceID, jobID: JobID, createdAt: Timestamp) {
        self.key = key
        self.payloadDigest = payloadDigest
        self.instanceID = instanceID
        self.jobID = jobID
        self.createdAt = createdAt
    }
}

/// One transaction: all of it or nothing.
package struct Commit: Sendable {
    /// What happens to a written job's lease.
    package struct JobWrite: Hashable, Sendable {
        package var job: Job
        /// False: nothing that users see changed (due time, lease, counters): the row is written whole, but the job keeps its revision
        /// and there is no event.
        package var isVisible: Bool
        /// True: the worker goes on with the job under the same lease; false: the lease ends with this commit.
        package var keepsLease: Bool

        package init(_ job: Job, isVisible: Bool = true, keepsLease: Bool = false) {
            self.job = job
            self.isVisible = isVisible
            self.keepsLease = keepsLease
        }
    }

    package var guards: [Guard]
    /// Inserted or replaced; each gets the next revision.
    package var instances: [Instance]
    package var jobs: [JobWrite]
    package var request: RequestRecord?
    /// Environments of instances inserted here.
    package var environments: [InstanceID: InstanceEnvironment]
    /// Nil: stays as it is.
    package var control: FleetControl?
    package var audit: [AuditEntry]

    package init(
        guards: [Guard] = [], instances: [Instance] = [], jobs: [JobWrite] = [], request: RequestRecord? = nil,
        environments: [InstanceID: InstanceEnvironment] = [:], control: FleetControl? = nil, audit: [AuditEntry] = []
    ) {
        self.guards = guards
        self.instances = instances
        self.jobs = jobs
        self.request = request
        self.environments = environments
        self.control = control
        self.audit = audit
    }
}

/// What a commit did: the objects as stored, with their revisions.
package struct Committed: Sendable, Hashable {
    /// The newest revision after the commit.
    package var revision: Revision
    package var events: [Event]

    package init(revision: Revision, events: [Event]) {
        self.revision = revision
        self.events = events
    }
}

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

package struct LeaseRequest: Sendable, Hashable {
    /// One fresh token for all jobs leased by this call.
    package var token: LeaseToken
    package var now: Timestamp
    package var expiresAt: Timestamp
    /// At most this many jobs.
    package var limit: Int

    package init(token: LeaseToken, now: Timestamp, expiresAt: Timestamp, limit: Int) {
        self.token = token
        self.now = now
        self.expiresAt = expiresAt
        self.limit = limit
    }
}

/// Due jobs, leased; and when to ask again.
package struct Leased: Sendable, Hashable {
    package var jobs: [Job]
    /// The earliest due time or lease end among the jobs that were not leased and are not held back by an older unfinished job of
    /// their instance; nil when there are none.
    package var nextDueAt: Timestamp?

    package init(jobs: [Job], nextDueAt: Timestamp?) {
        self.jobs = jobs
        self.nextDueAt = nextDueAt
    }
}

package struct Deployment: Sendable, Hashable {
    package var id: DeploymentID
    package var history: HistoryID
    package var createdAt: Timestamp

    package init(id: DeploymentID, history: HistoryID, createdAt: Timestamp) {
        self.id = id
        self.history = history
        self.createdAt = createdAt
    }
}

/// What a server holds in memory: everything that still lives.
package struct Snapshot: Sendable, Hashable {
    package var deployment: Deployment
    package var revision: Revision
    /// The living ones: those with `Instance.isLiving`, which a final one with debts is too.
    package var instances: [Instance]
    /// Unfinished.
    package var jobs: [Job]
    package var control: FleetControl

    package init(
        deployment: Deployment, revision: Revision, instances: [Instance], jobs: [Job], control: FleetControl = FleetControl()
    ) {
        self.deployment = deployment
        self.revision = revision
        self.instances = instances
        self.jobs = jobs
        self.control = control
    }
}

/// Is told of every event, in the log's order and without a gap, before the commit that made it returns. Must not block.
package protocol LogFollower: Sendable {
    func committed(_ events: [Event])
    /// The same of what is said about the fleet, before the events of the same commit.
    func controlChanged(to control: FleetControl)
}

/// A place in history, which is read newest first: by creation time, then id, both descending.
package struct HistoryCursor: Sendable, Hashable, Codable {
    package var createdAt: Timestamp
    package var id: String

    package init(createdAt: Timestamp, id: String) {
        self.createdAt = createdAt
        self.id = id
    }
}

/// A page of history.
package struct HistoryQuery: Sendable, Hashable {
    /// Nil: every tenant's.
    package var tenant: TenantID?
    /// Only what comes after this one; nil: from the newest.
    package var after: HistoryCursor?
    package var limit: Int

    package init(tenant: TenantID?, after: HistoryCursor? = nil, limit: Int) {
        self.tenant = tenant
        self.after = after
        self.limit = limit
    }
}

/// The durable truth. Shaped for a database reached over a network by several servers: an operation is one call and one
/// transaction, is fenced by the lease token it names, and answers with the revision it made.
package protocol Store: Sendable {
    /// The living state, and from its revision on every event to the follower. Called once, before anything else.
    func attach(_ follower: any LogFollower) async throws(StoreError) -> Snapshot

    /// Applies a transaction, durably. Not cancelled by the caller's cancellation once handed over.
    func commit(_ commit: Commit) async throws(StoreError) -> Committed

    /// Writes something durably that nobody sees: a store that is read-only or full fails here before a caller's change does.
    func proveWritable() async throws(StoreError)

    /// Leases due jobs in order of their kind's priority, and then of due time. A job is not given while an older unfinished job of the same instance exists, nor while
    /// another lease on it has not expired.
    func lease(_ request: LeaseRequest) async throws(StoreError) -> Leased

    /// Extends leases; answers those of the jobs whose lease is no longer under the token.
    func renew(_ jobs: [JobID], token: LeaseToken, until expiresAt: Timestamp) async throws(StoreError) -> [JobID]

    /// Events after a revision, oldest first, at most `limit`.
    func events(after revision: Revision, limit: Int) async throws(StoreError) -> [Event]

    /// Also deleted ones.
    func instance(_ id: InstanceID) async throws(StoreError) -> Instance?
    /// Also ended ones.
    func job(_ id: JobID) async throws(StoreError) -> Job?
    func request(_ key: RequestKey) async throws(StoreError) -> RequestRecord?
    func environment(of id: InstanceID) async throws(StoreError) -> InstanceEnvironment
    func instances(_ query: HistoryQuery) async throws(StoreError) -> [Instance]
    func jobs(_ query: HistoryQuery) async throws(StoreError) -> [Job]
    /// Newest first.
    func audit(_ query: AuditQuery) async throws(StoreError) -> [AuditRecord]

    /// Drops log entries that are older than `time` and not among the newest `keeping`.
    func trimLog(before time: Timestamp, keeping: Int) async throws(StoreError)
    /// Drops audit entries that are older than `time` or not among the newest `keeping`.
    func trimAudit(before time: Timestamp, keeping: Int) async throws(StoreError)
    /// Drops ended jobs, and the request ids that stand for them. Never an unfinished one, nor the newest of an instance that is not over.
    func trimJobs(_ retention: JobRetention, at now: Timestamp) async throws(StoreError)
}

/// How long ended jobs are kept.
package struct JobRetention: Sendable, Hashable {
    /// Ended longer ago.
    package var age: Duration
    /// Beyond the newest of so many, and ended longer ago than `ageMin`.
    package var count: Int
    /// A request id stands for its job for at least so long.
    package var ageMin: Duration

    package init(age: Duration, count: Int, ageMin: Duration) {
        self.age = age
        self.count = count
        self.ageMin = ageMin
    }
}
