/// How long a kind of job may take, and how it is tried again. The tries are not counted: a job goes on until its deadline.
package struct JobPolicy: Sendable, Hashable {
    /// A create's time runs from being accepted or from the end of its wait for capacity, any other's from the first call to the provider.
    /// Nil: without an end.
    package var deadline: Duration?
    /// The delay before a repeat: doubled with each failure, from the first to the last.
    package var retryDelayMin: Duration
    package var retryDelayMax: Duration
    /// Due jobs of a lower number are taken first, however long others have waited.
    package var priority: Int
    /// Steps of this kind that run at one time.
    package var concurrencyMax: Int

    /// Of each kind, of `MAX_CONCURRENT_JOBS`: a quarter, and one at least where there are two, is always left to the others, so that calls of one
    /// kind that hang hold up nothing else.
    package static func concurrencyMax(_ settings: FleetSettings) -> Int {
        max(1, settings.maxConcurrentJobs - max(1, settings.maxConcurrentJobs / 4))
    }

    /// Steps that only look, of all kinds, of a priority and of those that come later together: as many as of one kind, and half of
    /// `MAX_CONCURRENT_JOBS` of what does not end spending. A listing of a large account takes many calls, and all who look may wait for it;
    /// whoever wants something done does not wait behind them.
    package static func looksMax(ofPriority priority: Int, _ settings: FleetSettings) -> Int {
        priority == JobType.priorities.lowerBound ? self.concurrencyMax(settings) : max(1, settings.maxConcurrentJobs / 2)
    }

    /// What ends spending goes on until it is done; a stop, until something else is wanted.
    package static func of(_ type: JobType, _ settings: FleetSettings) -> JobPolicy {
        let isDelete = type == .deleteInstance
        let timeout = type == .saveImage ? StepLimits.imageSaveTimeout : settings.startupTimeout
        return JobPolicy(
            deadline: isDelete || type == .stopInstance ? nil : timeout, retryDelayMin: StepLimits.retryDelayMin,
            retryDelayMax: isDelete ? StepLimits.deleteDelayMax : StepLimits.retryDelayMax, priority: type.priority,
            concurrencyMax: self.concurrencyMax(settings))
    }
}

/// How the jobs of one kind stand.
package struct JobQueue: Sendable, Hashable {
    package var type: JobType
    package var policy: JobPolicy
    package var pause: QueuePause?
    /// Unfinished jobs by their state.
    package var counts: [JobState: Int]
    /// When the first of those that nobody works at was or will be due.
    package var nextDueAt: Timestamp?

    /// All queues, in a fixed order; what a later release has left comes last.
    package static func all(of jobs: [Job], control: FleetControl, settings: FleetSettings) -> [JobQueue] {
        let byType = Dictionary(grouping: jobs, by: \.type)
        let isForeign = byType[.unrecognized] != nil || control.pause(of: .unrecognized) != nil
        return (JobType.known + (isForeign ? [.unrecognized] : [])).map { type in
            let own = byType[type] ?? []
            return JobQueue(
                type: type, policy: .of(type, settings), pause: control.pause(of: type),
                counts: Dictionary(grouping: own, by: \.state).mapValues(\.count),
                nextDueAt: own.filter { $0.state != .running }.compactMap(\.dueAt).min())
        }
    }
}
