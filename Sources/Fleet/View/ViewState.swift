/// The contents of a `View`: living instances and unfinished jobs, and the newest ended ones.
struct ViewState {
    /// Ended instances, and ended jobs, that stay readable, so that who waits for an end can read it. Older ones are in the store.
    static let endedKept = 2048

    private struct NameKey: Hashable {
        var tenant: TenantID
        var name: String
    }

    /// Order of listing: oldest first.
    struct Place: Comparable {
        var createdAt: Timestamp
        var id: InstanceID

        static func < (left: Self, right: Self) -> Bool {
            (left.createdAt, left.id) < (right.createdAt, right.id)
        }
    }

    /// An instance has many fields: reading one of them must not copy them all.
    private final class Entry: Sendable {
        let instance: Instance

        init(_ instance: Instance) {
            self.instance = instance
        }
    }

    private(set) var revision: Revision
    private(set) var recent: RecentEvents
    private var instances: [InstanceID: Entry] = [:]
    private var names: [NameKey: InstanceID] = [:]
    /// The living ones.
    private var order: [Place] = []
    /// Of the living ones together that may be billed, in millionths of a dollar, kept as they change: each create asks for it.
    private var billedHourlySpendMicros: Int64 = 0
    private var jobs: [JobID: Job] = [:]
    private var unfinished: [InstanceID: [JobID]] = [:]
    /// Instances with a job that this release cannot read, which no commit of this server changes.
    private(set) var resting: Set<InstanceID> = []
    /// Jobs that wait for a machine to show another state.
    private(set) var awaitingCount = 0
    private var endedInstances = EndedQueue<InstanceID>()
    private var endedJobs = EndedQueue<JobID>()

    init(_ snapshot: Snapshot) {
        self.revision = snapshot.revision
        self.recent = RecentEvents(after: snapshot.revision)
        for instance in snapshot.instances { self.put(instance) }
        for job in snapshot.jobs { self.put(job) }
    }

    mutating func apply(_ event: Event) {
        self.revision = event.revision
        self.recent.append(event)
        switch event.object {
        case .instance(let instance): self.put(instance)
        case .job(let job): self.put(job)
        }
    }

    func instance(_ id: InstanceID) -> Instance? { self.instances[id]?.instance }

    func revision(of id: InstanceID, in tenant: TenantID) -> Revision? {
        guard let entry = self.instances[id], entry.instance.tenant == tenant else { return nil }
        return entry.instance.revision
    }

    func instance(named name: String, of tenant: TenantID) -> Instance? {
        self.names[NameKey(tenant: tenant, name: name)].flatMap { self.instances[$0]?.instance }
    }

    func job(_ id: JobID) -> Job? { self.jobs[id] }

    /// Of everything that may be billed and is not proven gone, by quoted price.
    var billedHourlySpend: MicroUSD { MicroUSD(micros: self.billedHourlySpendMicros) }

    var livingInstances: [Instance] { self.order.compactMap { self.instances[$0.id]?.instance } }

    /// In order of creation.
    func unfinishedJobs(of id: InstanceID) -> [Job] {
        (self.unfinished[id] ?? []).compactMap { self.jobs[$0] }
    }

    var unfinishedJobs: [Job] {
        self.unfinished.values.joined().compactMap { self.jobs[$0] }.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    private mutating func put(_ instance: Instance) {
        let before = self.instances.updateValue(Entry(instance), forKey: instance.id)?.instance
        self.updateName(from: before, to: instance)
        // Wrapping, so that what was added comes off again whatever it was.
        self.billedHourlySpendMicros &+= Self.spend(of: instance) &- (before.map(Self.spend) ?? 0)
        let wasLiving = before?.isLiving ?? false
        guard wasLiving != instance.isLiving || before == nil else { return }
        let place = Place(createdAt: instance.createdAt, id: instance.id)
        let position = self.position(of: place)
        if instance.isLiving {
            self.order.insert(place, at: position)
            self.endedInstances.remove(instance.id)
        } else {
            if wasLiving { self.order.remove(at: position) }
            if let oldest = self.endedInstances.append(instance.id, keeping: Self.endedKept) { self.instances[oldest] = nil }
        }
    }

    private static func spend(of instance: Instance) -> Int64 { instance.isLiving ? instance.billedHourlySpend.micros : 0 }

    /// A name belongs to the instance that is not final.
    private mutating func updateName(from before: Instance?, to instance: Instance) {
        if let before {
            let old = NameKey(tenant: before.tenant, name: before.name)
            if self.names[old] == before.id { self.names[old] = nil }
        }
        if !instance.state.isFinal { self.names[NameKey(tenant: instance.tenant, name: instance.name)] = instance.id }
    }

    private mutating func put(_ job: Job) {
        let before = self.jobs.updateValue(job, forKey: job.id)
        self.awaitingCount += (job.awaitsMachine ? 1 : 0) - (before?.awaitsMachine == true ? 1 : 0)
        if job.state.isFinal {
            guard before?.state.isFinal != true else { return }
            self.unfinished[job.instanceID]?.removeAll { $0 == job.id }
            if self.unfinished[job.instanceID]?.isEmpty == true { self.unfinished[job.instanceID] = nil }
            if let oldest = self.endedJobs.append(job.id, keeping: Self.endedKept) { self.jobs[oldest] = nil }
        } else if before == nil {
            var ids = self.unfinished[job.instanceID] ?? []
            ids.append(job.id)
            ids.sort { (self.jobs[$0]?.createdAt ?? job.createdAt, $0) < (self.jobs[$1]?.createdAt ?? job.createdAt, $1) }
            self.unfinished[job.instanceID] = ids
            if job.isUnread { self.resting.insert(job.instanceID) }
        }
    }

    private func position(of place: Place) -> Int {
        var low = 0
        var high = self.order.count
        while low < high {
            let middle = (low + high) / 2
            if self.order[middle] < place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The ids of what has ended, oldest first, no more than so many.
private struct EndedQueue<ID: Hashable> {
    private var order: [ID] = []
    private var head = 0
    private var members: Set<ID> = []

    /// Answers the one that fell out.
    mutating func append(_ id: ID, keeping limit: Int) -> ID? {
        guard self.members.insert(id).inserted else { return nil }
        self.order.append(id)
        while self.members.count > limit, self.head < self.order.count {
            let oldest = self.order[self.head]
            self.head += 1
            if self.head > limit {
                self.order.removeFirst(self.head)
                self.head = 0
            }
            if self.members.remove(oldest) != nil { return oldest }
        }
        return nil
    }

    mutating func remove(_ id: ID) {
        self.members.remove(id)
    }
}
