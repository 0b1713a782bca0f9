internal import Synchronization

/// The read model: everything that lives, in memory, following the log. Every read is one short critical section without
/// suspension, so that a call that only reads never leaves its thread; a commit is visible here before it returns to its caller.
package final class View: LogFollower, Sendable {
    /// Tasks that may wait at a time, over all watches and job waits.
    package static let waitersMax = 10_000

    enum Interest: Hashable, Sendable {
        case anything
        case job(JobID)
        /// Being called by name.
        case call(ObjectIdentifier)
    }

    /// Is told of the events of a commit, which brings whoever has everything up to `start` up to `end`.
    package typealias Listener = @Sendable (_ events: [Event], _ start: Revision, _ end: Revision) -> Void

    let state: Mutex<ViewState>
    let waiters = Waiters<Interest>(limit: View.waitersMax)
    /// As many as there are kinds of watches.
    private let listeners = Mutex<[Listener]>([])
    /// The deadline that one of the waiters looks after, for itself and for those whose deadlines are not earlier.
    let keptDeadline = Mutex<Timestamp?>(nil)
    /// Raised with every event of a job: the job runner waits for it.
    package let jobsChanged = Signal()
    /// Signs of use that are not written down yet.
    package let touches = TouchBoard()
    /// Made with the database.
    private let identity: Mutex<Deployment?>
    private let said = Mutex(FleetControl())
    private let record = Mutex(ServiceRecord())

    /// Empty until `begin`.
    package init() {
        let nothing = Deployment(id: DeploymentID(rawValue: ""), history: HistoryID(rawValue: ""), createdAt: Timestamp(microseconds: 0))
        self.state = Mutex(ViewState(Snapshot(deployment: nothing, revision: .zero, instances: [], jobs: [])))
        self.identity = Mutex(nil)
    }

    /// Attaches to the store: takes its living state over, then follows every event.
    package func attach(to store: some Store) async throws(StoreError) {
        let follower = AttachedFollower(view: self)
        let snapshot = try await store.attach(follower)
        self.identity.withLock { $0 = snapshot.deployment }
        self.record.withLock { $0 = snapshot.service }
        follower.begin(with: snapshot)
    }

    /// Nil until attached.
    package var deployment: Deployment? { self.identity.withLock { $0 } }

    /// What people have said about the fleet as a whole.
    package var control: FleetControl { self.said.withLock { $0 } }

    /// When there was a server, as it stood when this one attached.
    package var service: ServiceRecord { self.record.withLock { $0 } }

    /// The newest revision that is visible here.
    package var revision: Revision { self.state.withLock { $0.revision } }

    /// A living one, or one that ended not long ago.
    package func instance(_ id: InstanceID) -> Instance? {
        self.state.withLock { $0.instance(id) }
    }

    /// The revision of ``instance(_:)`` if it belongs to `tenant`: cheaper than the instance, for who has kept what it made of it.
    package func revision(of id: InstanceID, in tenant: TenantID) -> Revision? {
        self.state.withLock { $0.revision(of: id, in: tenant) }
    }

    /// Of everything that may be billed and is not proven gone, by quoted price: what waits for capacity costs nothing.
    package var billedHourlySpend: MicroUSD { self.state.withLock { $0.billedHourlySpend } }

    /// The one that holds the name: not final.
    package func instance(named name: String, of tenant: TenantID) -> Instance? {
        self.state.withLock { $0.instance(named: name, of: tenant) }
    }

    /// An unfinished one, or one that ended not long ago.
    package func job(_ id: JobID) -> Job? {
        self.state.withLock { $0.job(id) }
    }

    /// The living ones, oldest first, and the revision they are from.
    package func livingInstances() -> (instances: [Instance], revision: Revision) {
        self.state.withLock { ($0.livingInstances, $0.revision) }
    }

    /// The living ones that this release may change, oldest first; see `UnreadJob`.
    package var workableInstances: [Instance] {
        self.state.withLock { state in
            state.resting.isEmpty ? state.livingInstances : state.livingInstances.filter { !state.resting.contains($0.id) }
        }
    }

    /// The others.
    package var restingInstances: Set<InstanceID> { self.state.withLock { $0.resting } }

    /// Oldest first, and the revision they are from.
    package func unfinishedJobs() -> (jobs: [Job], revision: Revision) {
        self.state.withLock { ($0.unfinishedJobs, $0.revision) }
    }

    /// Oldest first: the first is at work, the others wait behind it.
    package func unfinishedJobs(of id: InstanceID) -> [Job] {
        self.state.withLock { $0.unfinishedJobs(of: id) }
    }

    /// Machines whose state a job waits for.
    package var machinesAwaited: Int {
        self.state.withLock { $0.awaitingCount }
    }

    package func committed(_ events: [Event]) {
        guard !events.isEmpty else { return }
        let (start, end) = self.state.withLock { state in
            let start = state.revision
            for event in events where event.revision > state.revision { state.apply(event) }
            return (start, state.revision)
        }
        if end > start {
            let fresh = events.filter { $0.revision > start }
            for listener in self.listeners.withLock({ $0 }) { listener(fresh, start, end) }
        }
        self.wakeWaiters(for: events)
    }

    /// Lets `listener` know of every commit that becomes visible from now on, in their order and before anybody who waits. It must not block.
    package func listen(_ listener: @escaping Listener) {
        self.listeners.withLock { $0.append(listener) }
    }

    package func controlChanged(to control: FleetControl) {
        self.said.withLock { $0 = control }
        self.jobsChanged.raise()
    }

    func begin(with snapshot: Snapshot, then events: [Event]) {
        self.state.withLock { state in
            state = ViewState(snapshot)
            for event in events where event.revision > state.revision { state.apply(event) }
        }
        self.waiters.wakeAll()
        self.jobsChanged.raise()
    }

    private func wakeWaiters(for events: [Event]) {
        let jobs = Set(events.compactMap { $0.object.jobID })
        self.waiters.wake([.anything] + jobs.map { .job($0) })
        if !jobs.isEmpty { self.jobsChanged.raise() }
    }
}

/// Keeps the events that come while the snapshot is still on its way.
private final class AttachedFollower: LogFollower {
    private let view: View
    /// Nil once the snapshot has been taken over. Bounded by what commits within one `attach` call.
    private let early = Mutex<[Event]?>([])
    private let earlyControl = Mutex<FleetControl?>(nil)

    init(view: View) {
        self.view = view
    }

    func controlChanged(to control: FleetControl) {
        let isEarly = self.early.withLock { early in
            if early != nil { self.earlyControl.withLock { $0 = control } }
            return early != nil
        }
        if !isEarly { self.view.controlChanged(to: control) }
    }

    func committed(_ events: [Event]) {
        let isEarly = self.early.withLock { early in
            guard early != nil else { return false }
            early?.append(contentsOf: events)
            return true
        }
        if !isEarly { self.view.committed(events) }
    }

    func begin(with snapshot: Snapshot) {
        self.early.withLock { early in
            self.view.controlChanged(to: self.earlyControl.withLock { $0 } ?? snapshot.control)
            self.view.begin(with: snapshot, then: early ?? [])
            early = nil
        }
    }
}

extension Event.Object {
    var jobID: JobID? {
        if case .job(let job) = self { job.id } else { nil }
    }
}
