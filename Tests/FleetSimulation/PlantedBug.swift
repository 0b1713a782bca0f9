import Fleet

/// Mistakes of the kind that costs money, each made by a port: the simulation must find every one, or it would not find ours.
enum PlantedBug: String, CaseIterable, Sendable {
    /// The create call is made without anything durable that says so.
    case skippedIntent = "the durable intent of a create is skipped"
    /// What one listing does not show is taken for gone.
    case oneMissingRow = "one missing row is trusted"
    /// A worker whose lease is over writes all the same.
    case noFence = "the fencing check is dropped"
    /// A create whose answer was lost is made once more.
    case retriedCreate = "a create is retried"
    /// A delete is confirmed to the caller and never made.
    case forgottenDelete = "a delete is forgotten"
    /// Whose machine it is, is not looked at: only which instance its name speaks of.
    case anybodysMachine = "the deployment in a machine's name is not compared"
}

/// A store that makes one of the mistakes, and is right in everything else.
struct BuggyStore: Store {
    let inner: any Store
    let bug: PlantedBug
    let view: View

    func commit(_ commit: Commit) async throws(StoreError) -> Committed {
        switch self.bug {
        case .skippedIntent where commit.isIntent: Committed(revision: self.view.revision, events: [])
        case .noFence: try await self.inner.commit(commit.withoutFence)
        case .forgottenDelete: try await self.inner.commit(commit.withoutDelete)
        default: try await self.inner.commit(commit)
        }
    }

    func attach(_ follower: any LogFollower) async throws(StoreError) -> Snapshot { try await self.inner.attach(follower) }
    func proveWritable() async throws(StoreError) { try await self.inner.proveWritable() }
    func keep(_ service: ServiceRecord) async throws(StoreError) { try await self.inner.keep(service) }
    func lease(_ request: LeaseRequest) async throws(StoreError) -> Leased { try await self.inner.lease(request) }
    func renew(_ jobs: [JobID], token: LeaseToken, until expiresAt: Timestamp) async throws(StoreError) -> [JobID] {
        try await self.inner.renew(jobs, token: token, until: expiresAt)
    }
    func events(after revision: Revision, limit: Int) async throws(StoreError) -> [Event] {
        try await self.inner.events(after: revision, limit: limit)
    }
    func instance(_ id: InstanceID) async throws(StoreError) -> Instance? { try await self.inner.instance(id) }
    func job(_ id: JobID) async throws(StoreError) -> Job? { try await self.inner.job(id) }
    func request(_ key: RequestKey) async throws(StoreError) -> RequestRecord? { try await self.inner.request(key) }
    func environment(of id: InstanceID) async throws(StoreError) -> InstanceEnvironment { try await self.inner.environment(of: id) }
    func instances(_ query: HistoryQuery) async throws(StoreError) -> [Instance] { try await self.inner.instances(query) }
    func jobs(_ query: HistoryQuery) async throws(StoreError) -> [Job] { try await self.inner.jobs(query) }
    func audit(_ query: AuditQuery) async throws(StoreError) -> [AuditRecord] { try await self.inner.audit(query) }
    func trimLog(before time: Timestamp, keeping: Int) async throws(StoreError) {
        try await self.inner.trimLog(before: time, keeping: keeping)
    }
    func trimAudit(before time: Timestamp, keeping: Int) async throws(StoreError) {
        try await self.inner.trimAudit(before: time, keeping: keeping)
    }
    func trimJobs(_ retention: JobRetention, at now: Timestamp) async throws(StoreError) {
        try await self.inner.trimJobs(retention, at: now)
    }

    func trimInstances(before time: Timestamp) async throws(StoreError) {
        try await self.inner.trimInstances(before: time)
    }
}

extension Commit {
    /// Written down before a create call.
    fileprivate var isIntent: Bool { self.jobs.contains { $0.keepsLease && $0.job.type == .createInstance && $0.job.step.isSettling } }

    fileprivate var withoutFence: Commit {
        var copy = self
        guard copy.guards.contains(where: \.isLease) else { return copy }
        copy.guards.removeAll { $0.isLease || $0.isInstance }
        return copy
    }

    /// What a caller is told, and nobody does.
    fileprivate var withoutDelete: Commit {
        var copy = self
        guard copy.request != nil else { return copy }
        for index in copy.jobs.indices where copy.jobs[index].job.type == .deleteInstance {
            copy.jobs[index].job.state = .succeeded
            copy.jobs[index].job.step = .end
            copy.jobs[index].job.dueAt = nil
        }
        return copy
    }
}

extension Guard {
    fileprivate var isLease: Bool { if case .lease = self { true } else { false } }
    fileprivate var isInstance: Bool { if case .instance = self { true } else { false } }
}

/// A provider's client that makes one of the mistakes, and is right in everything else.
struct BuggyCloud: Cloud {
    let inner: SimulatedCloud
    let bug: PlantedBug
    let view: View

    var clockSkew: Duration? { self.inner.clockSkew }

    private func seen(_ machine: Machine?) -> Machine? {
        guard self.bug == .anybodysMachine, var machine, let token = machine.token, let ours = self.view.deployment?.id else {
            return machine
        }
        machine.token = OwnershipToken(deployment: ours, instance: token.instance, attempt: token.attempt)
        machine.name = machine.token?.text ?? machine.name
        return machine
    }

    func create(_ order: MachineOrder, call: CloudCall) async -> CreateOutcome {
        let outcome = await self.inner.create(order, call: call)
        guard self.bug == .retriedCreate, case .unclear = outcome else { return outcome }
        return await self.inner.create(order, call: call)
    }

    func machine(_ id: UpstreamID, call: CloudCall) async throws(CloudError) -> Machine? {
        guard self.bug == .oneMissingRow else { return self.seen(try await self.inner.machine(id, call: call)) }
        return try await self.inner.machines(status: nil, call: call).machines.first { $0.id == id }
    }

    func machines(
        status: String?, call: CloudCall, onPage: @escaping @Sendable (MachineListing) -> Void
    ) async throws(CloudError) -> MachineListing {
        var listing = try await self.inner.machines(status: status, call: call, onPage: onPage)
        listing.machines = listing.machines.compactMap { self.seen($0) }
        return listing
    }
    func machines(named text: String, call: CloudCall) async throws(CloudError) -> MachineListing {
        try await self.inner.machines(named: text, call: call)
    }
    func start(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { try await self.inner.start(id, call: call) }
    func stop(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { try await self.inner.stop(id, call: call) }
    func restart(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { try await self.inner.restart(id, call: call) }
    func delete(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { try await self.inner.delete(id, call: call) }
    func catalogue(since time: Timestamp?, call: CloudCall) async throws(CloudError) -> Catalogue {
        try await self.inner.catalogue(since: time, call: call)
    }
    func balance(call: CloudCall) async throws(CloudError) -> MicroUSD { try await self.inner.balance(call: call) }
}

/// Changes and background work, as they are.
extension BuggyCloud {
    func edit(_ id: UpstreamID, _ edit: MachineEdit, call: CloudCall) async throws(CloudError) {
        try await self.inner.edit(id, edit, call: call)
    }
    func upgrade(_ id: UpstreamID, _ upgrade: MachineUpgrade, call: CloudCall) async throws(CloudError) {
        try await self.inner.upgrade(id, upgrade, call: call)
    }
    func migrate(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { try await self.inner.migrate(id, call: call) }
    func change(_ terms: MachineTerms, of id: UpstreamID, call: CloudCall) async throws(CloudError) {
        try await self.inner.change(terms, of: id, call: call)
    }
    func saveImage(
        of id: UpstreamID, to image: String, registryCredentialID: String, call: CloudCall
    ) async throws(CloudError) -> UpstreamJobID {
        try await self.inner.saveImage(of: id, to: image, registryCredentialID: registryCredentialID, call: call)
    }
    func jobs(_ query: UpstreamJobQuery, call: CloudCall) async throws(CloudError) -> [UpstreamJob] {
        try await self.inner.jobs(query, call: call)
    }
    func cancelJob(_ id: UpstreamJobID, call: CloudCall) async throws(CloudError) { try await self.inner.cancelJob(id, call: call) }
    func metrics(of id: UpstreamID, in window: MetricWindow, call: CloudCall) async throws(CloudError) -> MachineMetrics {
        try await self.inner.metrics(of: id, in: window, call: call)
    }
    func access(to id: UpstreamID, call: CloudCall) async throws(CloudError) -> MachineAccess? {
        try await self.inner.access(to: id, call: call)
    }
    func bill(from start: Timestamp, to end: Timestamp, of id: UpstreamID?, call: CloudCall) async throws(CloudError) -> [BillLine] {
        try await self.inner.bill(from: start, to: end, of: id, call: call)
    }
}
