internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

/// The durable work behind every change.
package struct JobHandlers: NovitaiV1.JobServiceProtocol {
    /// Longest wait of one call.
    static let waitMax: Duration = .seconds(600)
    /// How long before the call's deadline `WaitJob` answers: the time that an answer may take to arrive.
    static let answerMargin: Duration = .milliseconds(250)
    /// How long a cancel waits for the provider to break off its own job: it goes on without an answer, and whoever cancels waits for it.
    static let breakOffMax: Duration = .seconds(5)

    let backend: Backend
    let liveWatches: LiveWatches<JobSubject>

    package init(_ backend: Backend) {
        self.backend = backend
        self.liveWatches = LiveWatches(backend.view, clock: backend.clock)
    }

    package func registerAll(in router: inout Router) {
        self.register(in: &router)
        router.register(framing: NovitaiV1.JobService.listJobs) { (request: NovitaiV1.ListJobsRequest, context) in
            try await self.list(request, context) { try $0.framed(by: context.responseCodec) }
        }
        router.markWaiting(NovitaiV1.JobService.waitJob)
    }

    package func getJob(_ request: NovitaiV1.GetJobRequest, context: ServerContext) async throws -> NovitaiV1.Job {
        try await self.backend.answer(context, about: request.id, of: NovitaiV1.Job.protobufName) {
            NovitaiV1.Job(try await self.job(request.id, of: try self.backend.tenant(of: context)))
        }
    }

    package func listJobs(_ request: NovitaiV1.ListJobsRequest, context: ServerContext) async throws -> NovitaiV1.ListJobsResponse {
        try await self.list(request, context) { $0 }
    }

    /// `form` gives a list the form that is asked for, where the list is made.
    private func list<Reply: Sendable>(
        _ request: NovitaiV1.ListJobsRequest, _ context: ServerContext, as form: (NovitaiV1.ListJobsResponse) throws -> Reply
    ) async throws -> Reply {
        try await self.backend.answer(context) {
            let tenant = try self.backend.tenant(of: context)
            let predicate = try Predicate(try Filter(request.filter), fields: Self.fields)
            guard ["", "create_time desc"].contains(request.orderBy) else {
                throw FleetError.invalid([FieldViolation("order_by", "must be \"create_time desc\"")])
            }
            let page = try PageRequest(
                size: request.pageSize, token: request.pageToken, query: ["ListJobs", tenant.rawValue, request.filter])
            return try await self.backend.onThreads(for: context) {
                let (jobs, token) = try await HistoryScan(page: page, tenant: tenant).run(
                    cursor: { HistoryCursor(createdAt: $0.createdAt, id: $0.id.rawValue) }, bytes: Self.bytes, where: predicate.matches
                ) { query in try await self.backend.store.jobs(query) }
                var response = NovitaiV1.ListJobsResponse()
                response.jobs = jobs.map { NovitaiV1.Job($0) }
                response.nextPageToken = token
                return try form(response)
            }
        }
    }

    package func waitJob(_ request: NovitaiV1.WaitJobRequest, context: ServerContext) async throws -> NovitaiV1.Job {
        try await self.backend.answer(context, about: request.id, of: NovitaiV1.Job.protobufName) {
            let tenant = try self.backend.tenant(of: context)
            let limit = try self.waitLimit(request, context)
            let job = try await self.job(request.id, of: tenant)
            guard !job.state.isFinal, limit > .zero else { return NovitaiV1.Job(job) }
            let (view, clock, deadline) = (self.backend.view, self.backend.clock, self.backend.clock.now + limit)
            let ended: Job?? = try await context.unlessAskedToEnd { try await Self.wait(view, job.id, deadline, clock) }
            guard let ended else { throw ErrorDetails.draining.error }
            if let ended { return NovitaiV1.Job(ended) }
            // It ended and left memory in between.
            return NovitaiV1.Job(try await self.job(request.id, of: tenant))
        }
    }

    private static func wait(_ view: View, _ id: JobID, _ deadline: Timestamp, _ clock: some Clock) async throws -> Job? {
        try await view.job(id, endedBefore: deadline, clock: clock)
    }

    func job(_ text: String, of tenant: TenantID) async throws -> Job {
        let id = JobID(rawValue: text)
        let known = if let job = self.backend.view.job(id) { job } else { try await self.backend.store.job(id) }
        guard let known, known.tenant == tenant else { throw ErrorDetails.notFound("novitai.v1.Job", text).error }
        return known
    }

    private func waitLimit(_ request: NovitaiV1.WaitJobRequest, _ context: ServerContext) throws(FleetError) -> Duration {
        var limit = Self.waitMax
        if let asked = request.timeout {
            guard (.zero...Self.waitMax).contains(asked.duration) else {
                throw .invalid([FieldViolation("timeout", "must be 0 to \(Self.waitMax.components.seconds) seconds")])
            }
            limit = asked.duration
        }
        guard let deadline = context.deadline else { return limit }
        return min(limit, ContinuousClock.now.duration(to: deadline) - Self.answerMargin)
    }

    static let fields: [FilterField<Job>] = [
        .value("state", prefix: "JOB_STATE_", of: NovitaiV1.JobState.self) { NovitaiV1.JobState($0.state) },
        .value("type", prefix: "JOB_TYPE_", of: NovitaiV1.JobType.self) { NovitaiV1.JobType($0.type) },
        FilterField("id", equals: { [$0.id.rawValue] }),
        FilterField("instance_id", equals: { [$0.instanceID.rawValue] }),
    ]

    /// Bytes of the encoded message, roughly.
    static func bytes(_ job: Job) -> Int {
        256 + job.progress.utf8.count + job.errorMessage.utf8.count + job.attempts.reduce(0) { $0 + 48 + $1.error.utf8.count }
    }
}
