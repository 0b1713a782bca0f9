/// A job whose row has words that this release does not know: a later one wrote it, and was taken back since.
///
/// It stands in the store as it is until that release runs again: it is shown, and neither run nor changed. Its instance rests with it, since
/// nobody here can say what the job has begun: no other change of it is taken, and its machines are left alone.
package struct UnreadJob: Sendable {
    private var type: String
    private var step: String
    private var id: JobID
    private var tenant: TenantID
    private var instanceID: InstanceID
    private var state: String
    private var progress: String?
    private var dueAt: Timestamp?
    private var attemptCount: Int?
    private var errorReason: String?
    private var errorMessage: String?
    private var requestID: String?
    private var createdAt: Timestamp
    private var updatedAt: Timestamp
    private var endedAt: Timestamp?

    /// What can be shown of it.
    package var job: Job {
        var job = Job(
            id: self.id, type: JobType(rawValue: self.type) ?? .unrecognized, tenant: self.tenant, instanceID: self.instanceID,
            step: .unrecognized(inCapitals(self.step)), requestID: self.requestID ?? "", createdAt: self.createdAt)
        job.state = self.shownState
        job.dueAt = self.dueAt
        job.progress =
            job.state.isFinal
            ? self.progress ?? ""
            : "\(inCapitals(self.type)) \(inCapitals(self.step)) is not known to this release: kept for the one that made it"
        job.attemptCount = self.attemptCount ?? 0
        job.errorReason = self.errorReason ?? ""
        job.errorMessage = self.errorMessage ?? ""
        job.updatedAt = self.updatedAt
        job.endedAt = self.endedAt
        return job
    }

    private var shownState: JobState {
        guard self.endedAt == nil else { return JobState(rawValue: self.state).flatMap { $0.isFinal ? $0 : nil } ?? .failed }
        return .waiting
    }
}

extension UnreadJob: Decodable {
    private enum CodingKeys: String, CodingKey {
        case type, step, id, tenant, instanceID, state, progress, dueAt, attemptCount, errorReason, errorMessage, requestID, createdAt,
            updatedAt, endedAt
    }

    private struct Word: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        let row = try decoder.container(keyedBy: CodingKeys.self)
        self.type = try row.decode(String.self, forKey: .type)
        // A step is an object with one key.
        self.step = try row.nestedContainer(keyedBy: Word.self, forKey: .step).allKeys.first?.stringValue ?? ""
        self.id = try row.decode(JobID.self, forKey: .id)
        self.tenant = try row.decode(TenantID.self, forKey: .tenant)
        self.instanceID = try row.decode(InstanceID.self, forKey: .instanceID)
        self.state = try row.decode(String.self, forKey: .state)
        self.progress = try? row.decodeIfPresent(String.self, forKey: .progress)
        self.dueAt = try? row.decodeIfPresent(Timestamp.self, forKey: .dueAt)
        self.attemptCount = try? row.decodeIfPresent(Int.self, forKey: .attemptCount)
        self.errorReason = try? row.decodeIfPresent(String.self, forKey: .errorReason)
        self.errorMessage = try? row.decodeIfPresent(String.self, forKey: .errorMessage)
        self.requestID = try? row.decodeIfPresent(String.self, forKey: .requestID)
        self.createdAt = try row.decode(Timestamp.self, forKey: .createdAt)
        self.updatedAt = try row.decode(Timestamp.self, forKey: .updatedAt)
        self.endedAt = try row.decodeIfPresent(Timestamp.self, forKey: .endedAt)
    }
}

extension Job {
    /// See `UnreadJob`.
    package var isUnread: Bool { if case .unrecognized = self.step { true } else { false } }
}

extension Admission.Subject {
    /// Whatever is asked for: a job that this release cannot read has the instance.
    func checkIsReadable() throws(FleetError) {
        guard let job = self.jobs.first(where: \.isUnread) else { return }
        throw FleetError(unread: job.id, of: self.instance.id)
    }

    /// See `UnreadJob`.
    var isResting: Bool { self.jobs.contains(where: \.isUnread) }
}

extension FleetError {
    init(unread job: JobID, of instance: InstanceID? = nil) {
        self.init(
            .invalidState, "a later release has begun a job here that this one does not know: only that release can change the instance",
            instanceID: instance, jobID: job)
    }
}
