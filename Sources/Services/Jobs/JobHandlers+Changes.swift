internal import Access
internal import Fleet
internal import Logging
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

/// Watch, cancel, retry, and the queues.
extension JobHandlers {
    package func watchJobs(
        _ request: NovitaiV1.WatchJobsRequest, responses: ResponseWriter<NovitaiV1.WatchJobsResponse>, context: ServerContext
    ) async throws {
        try await self.backend.answer(context) {
            let options = try WatchOptions(
                everyChange: request.everyChange, bookmarkInterval: request.bookmarkInterval, resumeToken: request.resumeToken,
                ids: request.ids, backend: self.backend)
            let subject = try JobSubject(request, tenant: try self.backend.tenant(of: context), isResumed: options.resumeAfter != nil)
            let watch = Watch(subject, options, backend: self.backend, live: self.liveWatches)
            // The caller learns that the watch has begun, though nothing may happen for long.
            try await responses.sendHeaders()
            try await watch.run(context, prompt: responses.prompt) { try await responses.write($0) }
        }
    }

    package func cancelJob(_ request: NovitaiV1.CancelJobRequest, context: ServerContext) async throws -> NovitaiV1.CancelJobResponse {
        try await self.backend.answer(context, about: request.id, of: NovitaiV1.Job.protobufName) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let call = try self.call(request.requestId, "CancelJob", payload, job: request.id, context)
            let answer = request.validateOnly ? nil : try await self.breakOff(JobID(rawValue: request.id), call, context)
            let reply = try await self.backend.mutations.cancel(
                JobID(rawValue: request.id), request: call.request, payloadDigest: call.payloadDigest, actor: call.actor, answer: answer,
                isValidateOnly: request.validateOnly)
            self.note(call, isValidateOnly: request.validateOnly, context)
            var response = NovitaiV1.CancelJobResponse()
            response.job = NovitaiV1.Job(reply.job)
            response.requestId = call.request.requestID
            return response
        }
    }

    /// Asks the provider to break off its job that saves an image; nil when there is none, or when it is not known.
    ///
    /// Before the cancel is written down, so that what came of it stands there. Should this server end in between, the job is followed as
    /// before, and fails with the provider's. Only what may be cancelled is broken off, and only by the first of the calls with a request id.
    private func breakOff(_ id: JobID, _ caller: FleetGovernor.Caller, _ context: ServerContext) async throws -> ImageSaveBreak? {
        guard let job = self.backend.view.job(id), job.type == .saveImage, let upstream = job.imageSave?.upstreamJobID else { return nil }
        let mutations = self.backend.mutations
        guard try await mutations.earlierReply(to: caller.request, payloadDigest: caller.payloadDigest) == nil else { return nil }
        _ = try await mutations.cancel(
            id, request: caller.request, payloadDigest: caller.payloadDigest, actor: caller.actor, isValidateOnly: true)
        var call = self.backend.cloudCall(context)
        call.deadline = min(call.deadline - Self.answerMargin, self.backend.clock.now + Self.breakOffMax)
        do throws(CloudError) {
            try await self.backend.cloud.cancelJob(upstream, call: call)
            return ImageSaveBreak(nil)
        } catch {
            return ImageSaveBreak(error)
        }
    }

    package func retryJob(_ request: NovitaiV1.RetryJobRequest, context: ServerContext) async throws -> NovitaiV1.RetryJobResponse {
        try await self.backend.answer(context, about: request.id, of: NovitaiV1.Job.protobufName) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let call = try self.call(request.requestId, "RetryJob", payload, job: request.id, context)
            let reply = try await self.backend.mutations.retry(
                JobID(rawValue: request.id), request: call.request, payloadDigest: call.payloadDigest, actor: call.actor,
                owner: Owner(try self.backend.caller(of: context)), isValidateOnly: request.validateOnly)
            self.note(call, isValidateOnly: request.validateOnly, context)
            var response = NovitaiV1.RetryJobResponse()
            response.job = NovitaiV1.Job(reply.job)
            response.requestId = call.request.requestID
            return response
        }
    }

    package func listQueues(_ request: NovitaiV1.ListQueuesRequest, context: ServerContext) async throws -> NovitaiV1.ListQueuesResponse {
        try await self.backend.answer(context) {
            var response = NovitaiV1.ListQueuesResponse()
            response.queues = try self.queues(self.backend.view.control, context).map { NovitaiV1.Queue($0) }
            return response
        }
    }

    package func pauseQueue(_ request: NovitaiV1.PauseQueueRequest, context: ServerContext) async throws -> NovitaiV1.PauseQueueResponse {
        try await self.backend.answer(context) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let call = try self.call(request.requestId, "PauseQueue", payload, context)
            var response = NovitaiV1.PauseQueueResponse()
            response.queue = try await self.pause(
                true, request.type, reason: request.reason, call, isValidateOnly: request.validateOnly, context)
            response.requestId = call.request.requestID
            return response
        }
    }

    package func resumeQueue(
        _ request: NovitaiV1.ResumeQueueRequest, context: ServerContext
    ) async throws -> NovitaiV1.ResumeQueueResponse {
        try await self.backend.answer(context) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let call = try self.call(request.requestId, "ResumeQueue", payload, context)
            var response = NovitaiV1.ResumeQueueResponse()
            response.queue = try await self.pause(
                false, request.type, reason: request.reason, call, isValidateOnly: request.validateOnly, context)
            response.requestId = call.request.requestID
            return response
        }
    }

    private func pause(
        _ isPaused: Bool, _ type: NovitaiV1.JobType, reason: String, _ call: FleetGovernor.Caller, isValidateOnly: Bool,
        _ context: ServerContext
    ) async throws -> NovitaiV1.Queue {
        guard let type = JobType(type) else { throw FleetError.invalid([FieldViolation("type", "is not a known kind of jobs")]) }
        let control = try await self.backend.governor.setPause(
            isPaused, of: type, reason: reason, by: call, isValidateOnly: isValidateOnly)
        self.note(call, isValidateOnly: isValidateOnly, context)
        return try self.queues(control, context).first { $0.type == type }.map { NovitaiV1.Queue($0) } ?? NovitaiV1.Queue()
    }

    /// Of the caller's tenant; an admin sees the jobs of all.
    private func queues(_ control: FleetControl, _ context: ServerContext) throws -> [JobQueue] {
        let caller = try self.backend.caller(of: context)
        let tenant = TenantID(rawValue: caller.tenant)
        let jobs = self.backend.view.unfinishedJobs().jobs.filter { caller.role >= .admin || $0.tenant == tenant }
        return JobQueue.all(of: jobs, control: control, settings: self.backend.settings)
    }

    /// - Parameter job: what the call is about; nil when it is not about one.
    private func call(
        _ requestID: String, _ method: String, _ payload: some ProtobufMessage, job: String? = nil, _ context: ServerContext
    ) throws -> FleetGovernor.Caller {
        let call = try self.backend.mutation(requestID, method, payload, context)
        guard job != "" else { throw FleetError.invalid([FieldViolation("id", "is required")]) }
        return call
    }

    private func note(_ call: FleetGovernor.Caller, isValidateOnly: Bool, _ context: ServerContext) {
        if !isValidateOnly { self.backend.note(call, context) }
    }
}
