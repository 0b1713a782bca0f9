/// The way of a saved image: the provider is asked once, and its own job is followed. The instance stays as it is.
///
///     send ─(written down, then called)→ confirm → end
extension JobStepper {
    func planImageSave() -> StepPlan {
        guard let upstream = self.instance.upstream else { return .decided(self.imageNotSaved("the instance has no machine")) }
        if self.job.step == .send { return self.isOverdue ? .decided(self.imageNotSaved("not begun in time")) : .saveImage(upstream.id) }
        return .imageJobs(UpstreamJobQuery(kind: .saveImage, id: self.job.imageSave?.upstreamJobID, createdAfter: self.upstreamJobBegan))
    }

    /// Writes down that the call may be under way; it is made after that.
    ///
    /// - Parameter before: see ``queryBeforeCall``.
    package func savingImage(of id: UpstreamID, before: [UpstreamJob]? = nil) -> StepResult {
        var job = self.job
        job.upstreamJobsBefore = self.jobsToTellApart(before)
        job.blindSince = nil
        job.step = .confirm
        job.state = .running
        job.dueAt = self.now
        job.noteCall(at: self.now)
        job.progress = "asking the provider to save the image"
        var result = self.result(job, self.instance, call: .saveImage(id))
        result.commit.guards += [.permitted(.obey), .queueIsOpen(self.job.type)]
        return result
    }

    /// What the call brought. Called with the job as it was written down before the call.
    package func imageSaveBegun(_ result: Result<UpstreamJobID, CloudError>) -> StepResult {
        var job = self.job
        switch result {
        case .success(let id):
            job.imageSave?.upstreamJobID = id
            job.acknowledgedAt = self.now
            job.proceed(to: .confirm, at: self.nextLook, progress: "the provider saves the image")
        case .failure(let error):
            job.record(error.description, at: self.now)
            guard !error.mayHaveTakenEffect else {
                job.proceed(to: .confirm, at: self.nextLook, progress: "the call did not go through; looking for the provider's job")
                break
            }
            switch error.code {
            case .rateLimited, .unavailable, .transport, .malformedReply, .notAttempted, .invalidState:
                // Nothing was begun by it.
                job.firstSentAt = nil
                job.withdrawCall()
                job.upstreamJobsBefore = nil
                let delay = max(error.retryAfter ?? .zero, StepLimits.retryDelay(after: job.attemptCount))
                job.proceed(to: .send, at: self.now + delay, progress: "the provider did not take the call; trying again")
                if self.now >= job.createdAt + self.settings.startupTimeout { return self.imageNotSaved(error.message, job) }
            case .notFound, .capacity, .unauthorized, .money, .invalidRequest:
                return self.imageNotSaved(error.message, job)
            }
        }
        return self.result(job, self.instance)
    }

    /// What the provider shows of its jobs that save images.
    package func imageSaved(_ jobs: [UpstreamJob]) -> StepResult {
        var job = self.job
        job.blindSince = nil
        let began = self.upstreamJobBegan
        let known = job.imageSave?.upstreamJobID
        let own = jobs.filter { upstream in
            if let known { return upstream.id == known }
            return upstream.machineID == self.instance.upstream?.id && !self.isOlder(upstream)
                && upstream.createdAt.map { $0 >= began } ?? false
        }.max { ($0.createdAt ?? began) < ($1.createdAt ?? began) }
        if let own { job.imageSave?.upstreamJobID = own.id }
        switch own?.state {
        case .succeeded:
            job.end(.succeeded, progress: "saved as \(job.imageSave?.image ?? "")", at: self.now)
            return self.result(job, self.instance)
        case .failed, .cancelled: return self.imageNotSaved("the provider's job ended: \(own?.error ?? "")", job)
        case nil where known == nil && self.now >= began + self.settings.requestTimeout + StepLimits.absenceGrace:
            return self.imageNotSaved("the call was not answered, and the provider shows no job of it", job)
        case .underWay, .unrecognized, nil:
            if self.isOverdue { return self.imageNotSaved("not saved in time", job) }
            job.proceed(to: .confirm, at: self.nextLook, progress: job.progress)
            return self.result(job, self.instance)
        }
    }

    func imageNotSaved(_ message: String, _ job: Job? = nil) -> StepResult {
        var job = job ?? self.job
        job.end(.failed, progress: "failed", reason: StateReason.providerError.word, message: message, at: self.now)
        return self.result(job, self.instance)
    }
}
