import Fleet
import SQLiteStore
import Synchronization

/// Whether one server still lives, and which one it is.
final class Life: Sendable {
    let epoch: Int
    private let alive = Mutex(true)

    init(epoch: Int) {
        self.epoch = epoch
    }

    var isAlive: Bool { self.alive.withLock { $0 } }

    func end() {
        self.alive.withLock { $0 = false }
    }
}

/// The real store, which a crash cuts off: before an operation nothing of it has happened, after it nobody hears of it. Now and then
/// it fails in either way without a crash.
struct CrashableStore: Store {
    let inner: InlineSQLiteStore
    let life: Life
    let dice: Dice
    let trace: Trace
    let clock: VirtualClock
    let scenario: Scenario
    /// Told of every commit that was applied.
    let onCommit: @Sendable (Commit) -> Void

    func perform<Value: Sendable>(
        _ isFaulty: Bool = true, _ operation: () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        await self.pass()
        guard self.life.isAlive else { throw .unavailable("crashed") }
        if isFaulty, self.dice.chance(self.scenario.storeFailures) { throw .unavailable("disk is full") }
        let value = try await operation()
        await self.pass()
        guard self.life.isAlive else { throw .unknown("crashed") }
        if isFaulty, self.dice.chance(self.scenario.storeFailures) { throw .unknown("answer lost") }
        return value
    }

    /// What was decided is written down a moment later, or much later: the world may have changed by then. Looks at machines in transition
    /// are seconds apart. Deletes come most often while something is under way.
    private func delayRequest(_ commit: Commit) async {
        guard let request = commit.request else { return }
        let isDelete = request.key.method == "delete"
        guard isDelete ? self.dice.chance(0.6) : self.scenario.storeDelayMax > 0 && self.dice.chance(0.5) else { return }
        let isLong = isDelete || self.dice.chance(0.5)
        await self.clock.sleep(until: self.clock.now + (isLong ? self.dice.seconds(1...30) : self.dice.milliseconds(0...400)))
    }

    /// A worker that is stopped before its call, and goes on much later, when nobody believes it to live any more.
    private func stopWorker(after commit: Commit) async {
        guard self.scenario.hasDeafHeart, commit.jobs.contains(where: \.keepsLease), self.dice.chance(0.2) else { return }
        await self.clock.sleep(until: self.clock.now + self.dice.seconds(30...1500))
    }

    /// Others get their turn, or a little time passes.
    private func pass() async {
        await Task.yield()
        guard self.scenario.storeDelayMax > 0, self.dice.chance(0.2) else { return }
        await self.clock.sleep(until: self.clock.now + self.dice.milliseconds(0...self.scenario.storeDelayMax))
    }

    func attach(_ follower: any LogFollower) async throws(StoreError) -> Snapshot {
        try await self.perform(false) { () async throws(StoreError) in try await self.inner.attach(follower) }
    }

    func proveWritable() async throws(StoreError) {
        try await self.perform { () async throws(StoreError) in try await self.inner.proveWritable() }
    }

    func keep(_ service: ServiceRecord) async throws(StoreError) {
        try await self.perform { () async throws(StoreError) in try await self.inner.keep(service) }
    }

    func commit(_ commit: Commit) async throws(StoreError) -> Committed {
        await self.delayRequest(commit)
        return try await self.perform { () async throws(StoreError) in
            let committed: Committed
            do throws(StoreError) {
                committed = try await self.inner.commit(commit)
            } catch {
                self.trace.add("commit refused: \(error), request \(commit.request?.key.method ?? "none")")
                throw error
            }
            self.trace.add("commit \(committed.events.map(\.words).joined(separator: ", "))")
            self.onCommit(commit)
            await self.stopWorker(after: commit)
            return committed
        }
    }

    func lease(_ request: LeaseRequest) async throws(StoreError) -> Leased {
        try await self.perform { () async throws(StoreError) in try await self.inner.lease(request) }
    }

    func renew(_ jobs: [JobID], token: LeaseToken, until expiresAt: Timestamp) async throws(StoreError) -> [JobID] {
        if self.scenario.hasDeafHeart { throw .unavailable("deaf") }
        return try await self.perform { () async throws(StoreError) in try await self.inner.renew(jobs, token: token, until: expiresAt) }
    }

    func events(after revision: Revision, limit: Int) async throws(StoreError) -> [Event] {
        try await self.perform { () async throws(StoreError) in try await self.inner.events(after: revision, limit: limit) }
    }

    func instance(_ id: InstanceID) async throws(StoreError) -> Instance? {
        try await self.perform { () async throws(StoreError) in try await self.inner.instance(id) }
    }

    func job(_ id: JobID) async throws(StoreError) -> Job? {
        try await self.perform { () async throws(StoreError) in try await self.inner.job(id) }
    }

    func request(_ key: RequestKey) async throws(StoreError) -> RequestRecord? {
        try await self.perform { () async throws(StoreError) in try await self.inner.request(key) }
    }

    func environment(of id: InstanceID) async throws(StoreError) -> InstanceEnvironment {
        try await self.perform { () async throws(StoreError) in try await self.inner.environment(of: id) }
    }

    func instances(_ query: HistoryQuery) async throws(StoreError) -> [Instance] {
        try await self.perform { () async throws(StoreError) in try await self.inner.instances(query) }
    }

    func jobs(_ query: HistoryQuery) async throws(StoreError) -> [Job] {
        try await self.perform { () async throws(StoreError) in try await self.inner.jobs(query) }
    }

    func audit(_ query: AuditQuery) async throws(StoreError) -> [AuditRecord] {
        try await self.perform { () async throws(StoreError) in try await self.inner.audit(query) }
    }

    func trimAudit(before time: Timestamp, keeping: Int) async throws(StoreError) {
        try await self.perform { () async throws(StoreError) in try await self.inner.trimAudit(before: time, keeping: keeping) }
    }

    func trimJobs(_ retention: JobRetention, at now: Timestamp) async throws(StoreError) {
        try await self.perform { () async throws(StoreError) in try await self.inner.trimJobs(retention, at: now) }
    }

    func trimInstances(before time: Timestamp) async throws(StoreError) {
        try await self.perform { () async throws(StoreError) in try await self.inner.trimInstances(before: time) }
    }

    func trimLog(before time: Timestamp, keeping: Int) async throws(StoreError) {
        try await self.perform { () async throws(StoreError) in try await self.inner.trimLog(before: time, keeping: keeping) }
    }
}

extension Event {
    /// Of each commit: the names of cases cost more to find out than to know.
    var words: String {
        switch self.object {
        case .instance(let instance):
            "\(self.revision.number) \(instance.id) \(instance.state.rawValue) \(instance.stateReason.rawValue) debts \(instance.debts.count)"
        case .job(let job): "\(self.revision.number) \(job.id) \(job.type.rawValue) \(job.state.rawValue) \(job.step.name)"
        }
    }
}
