internal import Fleet
internal import NovitaiProto

/// The jobs that one `WatchJobs` call is told of: the unfinished ones first, then each to its end.
struct JobSubject: WatchSubject {
    typealias Response = NovitaiV1.WatchJobsResponse

    private let tenant: TenantID
    /// Empty: all of the tenant's.
    private let ids: Set<JobID>
    private let predicate: Predicate<Job>
    /// After a resumption the caller may know of any job.
    private let mayKnowOthers: Bool
    /// Jobs that the caller knows of: bounded by the unfinished ones.
    private var known: Set<JobID> = []

    init(_ request: NovitaiV1.WatchJobsRequest, tenant: TenantID, isResumed: Bool) throws(FleetError) {
        self.tenant = tenant
        self.ids = Set(request.ids.map { JobID(rawValue: $0) })
        self.predicate = try Predicate(try Filter(request.filter), fields: JobHandlers.fields)
        self.mayKnowOthers = isResumed
    }

    static func object(of event: Event) -> Job? {
        if case .job(let job) = event.object { job } else { nil }
    }

    func concerns(_ job: Job) -> Bool { job.tenant == self.tenant && (self.ids.isEmpty || self.ids.contains(job.id)) }

    mutating func snapshot(of backend: Backend) async throws -> (objects: [Job], revision: Revision) {
        let (unfinished, revision) = backend.view.unfinishedJobs()
        let living = unfinished.filter { self.concerns($0) && self.predicate.matches($0) }
        self.known = Set(living.map(\.id))
        return (try await living + self.endedOnes(besides: unfinished, backend.store), revision)
    }

    /// At most as many reads as the request named ids.
    private func endedOnes(besides unfinished: [Job], _ store: any Store) async throws -> [Job] {
        var ended: [Job] = []
        for id in self.ids.subtracting(unfinished.map(\.id)).sorted() {
            if let job = try await store.job(id), job.tenant == self.tenant { ended.append(job) }
        }
        return ended
    }

    mutating func kind(of job: Job) -> NovitaiV1.JobEventKind? {
        let wasKnown = self.known.contains(job.id) || self.mayKnowOthers
        guard self.predicate.matches(job) else {
            self.known.remove(job.id)
            return wasKnown ? .removed : nil
        }
        if job.state.isFinal { self.known.remove(job.id) } else { self.known.insert(job.id) }
        return .changed
    }

    mutating func handOver() -> Self {
        defer { self.known = [] }
        return self
    }

    // MARK: How they travel

    static func bytes(_ job: Job) -> Int { JobHandlers.bytes(job) }

    func encodedSnapshot(_ job: Job) -> NovitaiV1.JobEvent { Self.event(job, .snapshot, job.revision, count: 1) }

    func encoded(_ job: Job, at revision: Revision, changeCount: Int, as kind: NovitaiV1.JobEventKind) -> NovitaiV1.JobEvent {
        Self.event(job, kind, revision, count: changeCount)
    }

    private static func event(_ job: Job, _ kind: NovitaiV1.JobEventKind, _ revision: Revision, count: Int) -> NovitaiV1.JobEvent {
        var event = NovitaiV1.JobEvent()
        event.kind = kind
        event.job = NovitaiV1.Job(job)
        event.revision = revision.number
        event.changeCount = UInt32(clamping: count)
        return event
    }

    static func response(_ events: [NovitaiV1.JobEvent], token: NovitaiV1.ResumeToken?, isSnapshotComplete: Bool) -> Response {
        var response = Response()
        response.events = events
        response.resumeToken = token
        response.snapshotComplete = isSnapshotComplete
        return response
    }
}
