/// The durable truth. Shaped for a database reached over a network by several servers: an operation is one call and one
/// transaction, is fenced by the lease token it names, and answers with the revision it made.
package protocol Store: Sendable {
    /// The living state, and from its revision on every event to the follower. Called once, before anything else.
    func attach(_ follower: any LogFollower) async throws(StoreError) -> Snapshot

    /// Applies a transaction, durably. Not cancelled by the caller's cancellation once handed over.
    func commit(_ commit: Commit) async throws(StoreError) -> Committed

    /// Writes something durably that nobody sees: a store that is read-only or full fails here before a caller's change does.
    func proveWritable() async throws(StoreError)

    /// Writes down when there was a server; it stands in the next snapshot.
    func keep(_ service: ServiceRecord) async throws(StoreError)

    /// Leases due jobs in order of their kind's priority, and then of due time. A job is not given while an older unfinished job of the same
    /// instance exists, nor while another lease on it has not expired.
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
    /// Drops instances that have ended and were last changed before `time`, with their environments. Never one that owes a machine.
    func trimInstances(before time: Timestamp) async throws(StoreError)
}
