package import Fleet

extension StoreOperation {
    /// Encodes at once, on the caller's thread: the transaction only writes.
    package static func commit(_ commit: Commit) throws(StoreError) -> StoreOperation<Committed> {
        let encoded = try EncodedCommit(commit)
        return StoreOperation<Committed>(bytes: encoded.bytes) { try $0.apply(encoded) }
    }
}

/// A commit and the payloads of what it writes.
struct EncodedCommit: Sendable {
    let commit: Commit
    let instancePayloads: [String]
    let jobPayloads: [String]
    /// In order of the instance's id.
    let environmentPayloads: [(id: InstanceID, payload: String)]

    init(_ commit: Commit) throws(StoreError) {
        self.commit = commit
        var instances: [String] = []
        for instance in commit.instances { instances.append(try instance.payload()) }
        var jobs: [String] = []
        for write in commit.jobs { jobs.append(try write.job.payload()) }
        var environments: [(id: InstanceID, payload: String)] = []
        for (id, environment) in commit.environments.sorted(by: { $0.key < $1.key }) {
            environments.append((id, try Payload.encode(environment)))
        }
        self.instancePayloads = instances
        self.jobPayloads = jobs
        self.environmentPayloads = environments
    }

    var bytes: Int {
        let payloads = self.instancePayloads + self.jobPayloads + self.environmentPayloads.map(\.payload)
        return payloads.reduce(0) { $0 + $1.utf8.count }
    }
}

extension Transaction {
    /// Guards first, in their order; then the writes.
    func apply(_ encoded: EncodedCommit) throws -> Committed {
        let commit = encoded.commit
        for condition in commit.guards {
            try self.check(condition, for: commit)
        }
        let eventsBefore = self.events.count
        for (instance, payload) in zip(commit.instances, encoded.instancePayloads) {
            try self.apply(instance, payload: payload)
        }
        for (write, payload) in zip(commit.jobs, encoded.jobPayloads) {
            try self.apply(write, payload: payload)
        }
        for (id, payload) in encoded.environmentPayloads {
            try self.writeEnvironment(of: id, payload: payload)
        }
        for (id, job) in commit.arrivedEnvironments.sorted(by: { $0.key < $1.key }) { try self.takeEnvironment(of: id, from: job) }
        for write in commit.jobs where write.job.state.isFinal && write.job.update?.bringsEnvironment == true {
            try self.dropEnvironment(waitingFor: write.job.id)
        }
        if let request = commit.request { try self.insert(request) }
        if let control = commit.control { try self.writeControl(control) }
        for entry in commit.audit { try self.insert(entry) }
        return Committed(revision: self.revision, events: Array(self.events[eventsBefore...]))
    }

    /// What rests is left as it is, whatever was decided elsewhere; see `UnreadJob`.
    private func checkIsWorkable(_ instance: InstanceID) throws {
        if let job = self.resting[instance] { throw StoreError.unread(job) }
    }

    private func apply(_ instance: Instance, payload: String) throws {
        try self.checkIsWorkable(instance.id)
        let stamped = instance.stamped(self.nextRevision())
        try self.noteLiability(of: stamped)
        try self.write(stamped, payload: payload)
        try self.writeEvent(stamped, payload: payload)
    }

    /// The first write of a job is an event whatever the caller says: nobody could know of the job otherwise.
    private func apply(_ write: Commit.JobWrite, payload: String) throws {
        try self.checkIsWorkable(write.job.instanceID)
        if !write.isVisible, let revision = try self.jobRevision(write.job.id) {
            try self.write(write.job.stamped(revision), payload: payload, keepsLease: write.keepsLease)
            return
        }
        let stamped = write.job.stamped(self.nextRevision())
        try self.write(stamped, payload: payload, keepsLease: write.keepsLease)
        try self.writeEvent(stamped, payload: payload)
    }
}
