/// Moves and saved images are jobs of the provider's own, which has no word for which call began which.
extension JobStepper {
    /// When the provider's job was begun at the earliest, by its own clock.
    var upstreamJobBegan: Timestamp { (self.job.firstSentAt ?? self.job.createdAt) - StepLimits.upstreamClockSlack }

    /// What to read before the first call, so that nothing of it is taken for what the call begins; nil once that has been done.
    package var queryBeforeCall: UpstreamJobQuery? {
        guard self.job.upstreamJobsBefore == nil, self.job.firstSentAt == nil else { return nil }
        let kind: UpstreamJob.Kind
        switch self.job.type {
        case .saveImage: kind = .saveImage
        case .migrateInstance where self.job.migration == .move: kind = .migration
        default: return nil
        }
        return UpstreamJobQuery(kind: kind, createdAfter: self.now - StepLimits.upstreamClockSlack * 2)
    }

    /// What is written down with the intent.
    func jobsToTellApart(_ jobs: [UpstreamJob]?) -> [UpstreamJobID]? {
        guard let jobs else { return self.job.upstreamJobsBefore }
        let own = jobs.filter { $0.machineID == self.instance.upstream?.id }
            .sorted { ($0.createdAt ?? self.now, $0.id) < ($1.createdAt ?? self.now, $1.id) }
        return own.suffix(StepLimits.upstreamJobsBeforeMax).map(\.id)
    }

    /// It was there before the call.
    func isOlder(_ upstream: UpstreamJob) -> Bool { self.job.upstreamJobsBefore?.contains(upstream.id) ?? false }

    /// It follows a job of the provider.
    var followsUpstreamJob: Bool { self.job.type == .saveImage || self.job.migration == .move }

    /// The job as it is once more has been tried to read what has come of it, and whether that has failed for too long.
    func blinded(_ job: Job) -> (job: Job, isLost: Bool) {
        var job = job
        let since = job.blindSince ?? self.now
        job.blindSince = since
        return (job, self.believesClock && self.now >= since + StepLimits.blindnessMax)
    }

    /// It ends without a word about what has come of it; the instance is what the provider shows.
    func lost(_ job: Job, _ error: CloudError) -> StepResult {
        let minutes = StepLimits.blindnessMax.components.seconds / 60
        let message =
            job.firstSentAt == nil
            ? "the provider's jobs could not be read for \(minutes) min, so nothing was asked of it: \(error.message)"
            : "what has come of it could not be read for \(minutes) min; it may go on at the provider: \(error.message)"
        return job.type == .saveImage ? self.imageNotSaved(message, job) : self.failed(.providerError, message, job)
    }
}
