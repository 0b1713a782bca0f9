internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.Job {
    init(_ job: Job) {
        self.init()
        self.id = job.id.rawValue
        self.type = NovitaiV1.JobType(job.type)
        self.state = NovitaiV1.JobState(job.state)
        self.instanceId = job.instanceID.rawValue
        self.tenant = job.tenant.rawValue
        self.step = job.step.name
        self.progress = job.progress
        self.attempts = job.attempts.map { NovitaiV1.JobAttempt($0) }
        self.attemptCount = UInt32(clamping: job.attemptCount)
        self.errorReason = job.errorReason
        self.errorMessage = job.errorMessage
        self.requestId = job.requestID
        self.createTime = GoogleProtobuf.Timestamp(job.createdAt)
        self.updateTime = GoogleProtobuf.Timestamp(job.updatedAt)
        self.dueTime = job.dueAt.map { GoogleProtobuf.Timestamp($0) }
        self.endTime = job.endedAt.map { GoogleProtobuf.Timestamp($0) }
        self.revision = job.revision.number
        self.retryOf = job.retryOf?.rawValue ?? ""
        self.cause = job.cause?.word ?? ""
    }
}

extension NovitaiV1.Queue {
    init(_ queue: JobQueue) {
        self.init()
        self.type = NovitaiV1.JobType(queue.type)
        self.pause = queue.pause.map { NovitaiV1.QueuePause($0) }
        self.ready = UInt32(clamping: queue.counts[.ready] ?? 0)
        self.running = UInt32(clamping: queue.counts[.running] ?? 0)
        self.waiting = UInt32(clamping: queue.counts[.waiting] ?? 0)
        self.nextDueTime = queue.nextDueAt.map { GoogleProtobuf.Timestamp($0) }
        self.deadline = queue.policy.deadline.map { GoogleProtobuf.Duration($0) }
        self.retryDelayMin = GoogleProtobuf.Duration(queue.policy.retryDelayMin)
        self.retryDelayMax = GoogleProtobuf.Duration(queue.policy.retryDelayMax)
        self.priority = UInt32(clamping: queue.policy.priority)
        self.concurrencyMax = UInt32(clamping: queue.policy.concurrencyMax)
    }
}

extension NovitaiV1.QueuePause {
    init(_ pause: QueuePause) {
        self.init()
        self.actor = pause.actor
        self.reason = pause.reason
        self.since = GoogleProtobuf.Timestamp(pause.since)
    }
}

extension JobType {
    /// Nil for a kind that this version does not know.
    init?(_ type: NovitaiV1.JobType) {
        guard let known = Self.known.first(where: { NovitaiV1.JobType($0) == type }) else { return nil }
        self = known
    }
}

extension NovitaiV1.JobAttempt {
    init(_ attempt: JobAttempt) {
        self.init()
        self.number = UInt32(clamping: attempt.number)
        self.startTime = GoogleProtobuf.Timestamp(attempt.startedAt)
        self.step = attempt.step
        self.error = attempt.error
    }
}

extension NovitaiV1.JobType {
    init(_ type: JobType) {
        switch type {
        case .createInstance: self = .createInstance
        case .startInstance: self = .startInstance
        case .stopInstance: self = .stopInstance
        case .restartInstance: self = .restartInstance
        case .updateInstance: self = .updateInstance
        case .deleteInstance: self = .deleteInstance
        case .migrateInstance: self = .migrateInstance
        case .saveImage: self = .saveImage
        case .changeBilling: self = .changeBilling
        case .unrecognized: self = .unspecified
        }
    }
}

extension NovitaiV1.JobState {
    init(_ state: JobState) {
        switch state {
        case .ready: self = .ready
        case .running: self = .running
        case .waiting: self = .waiting
        case .succeeded: self = .succeeded
        case .failed: self = .failed
        case .cancelled: self = .cancelled
        }
    }
}
