package import Fleet

/// The port, on top of one way to run an operation.
package protocol SQLiteStoreAdapter: Store {
    var limits: SQLiteLimits { get }
    func perform<Value>(_ operation: StoreOperation<Value>) async throws(StoreError) -> Value
}

extension SQLiteStoreAdapter {
    package func attach(_ follower: any LogFollower) async throws(StoreError) -> Snapshot {
        try await self.perform(
            StoreOperation { transaction in
                transaction.attach(follower)
                return try transaction.snapshot()
            })
    }

    package func commit(_ commit: Commit) async throws(StoreError) -> Committed {
        try await self.perform(try StoreOperation<Committed>.commit(commit))
    }

    package func proveWritable() async throws(StoreError) {
        try await self.perform(StoreOperation { try $0.writeFence() })
    }

    package func keep(_ service: ServiceRecord) async throws(StoreError) {
        try await self.perform(StoreOperation { try $0.keep(service) })
    }

    package func lease(_ request: LeaseRequest) async throws(StoreError) -> Leased {
        try await self.perform(StoreOperation<Leased>.lease(request))
    }

    package func renew(_ jobs: [JobID], token: LeaseToken, until expiresAt: Timestamp) async throws(StoreError) -> [JobID] {
        try await self.perform(StoreOperation<[JobID]>.renew(jobs, token: token, until: expiresAt))
    }

    package func events(after revision: Revision, limit: Int) async throws(StoreError) -> [Event] {
        try await self.perform(StoreOperation<[Event]>.events(after: revision, limit: limit))
    }

    package func instance(_ id: InstanceID) async throws(StoreError) -> Instance? {
        try await self.perform(StoreOperation { try $0.instance(id) })
    }

    package func job(_ id: JobID) async throws(StoreError) -> Job? {
        try await self.perform(StoreOperation { try $0.job(id) })
    }

    package func request(_ key: RequestKey) async throws(StoreError) -> RequestRecord? {
        try await self.perform(StoreOperation { try $0.request(key) })
    }

    package func environment(of id: InstanceID) async throws(StoreError) -> InstanceEnvironment {
        try await self.perform(StoreOperation { try $0.environment(of: id) })
    }

    package func instances(_ query: HistoryQuery) async throws(StoreError) -> [Instance] {
        try await self.perform(StoreOperation { try $0.instances(query) })
    }

    package func jobs(_ query: HistoryQuery) async throws(StoreError) -> [Job] {
        try await self.perform(StoreOperation { try $0.jobs(query) })
    }

    package func audit(_ query: AuditQuery) async throws(StoreError) -> [AuditRecord] {
        try await self.perform(StoreOperation { try $0.audit(query) })
    }

    package func trimAudit(before time: Timestamp, keeping: Int) async throws(StoreError) {
        let batch = StoreOperation<Bool>.trimAudit(before: time, keeping: keeping, batch: self.limits.trimBatch)
        while try await self.perform(batch) {}
    }

    package func trimJobs(_ retention: JobRetention, at now: Timestamp) async throws(StoreError) {
        let jobs = StoreOperation<Bool>.trimJobs(retention, at: now, batch: self.limits.trimBatch)
        while try await self.perform(jobs) {}
        let requests = StoreOperation<Bool>.trimRequests(before: now - retention.ageMin, batch: self.limits.trimBatch)
        while try await self.perform(requests) {}
    }

    package func trimInstances(before time: Timestamp) async throws(StoreError) {
        let batch = StoreOperation<Bool>.trimInstances(before: time, batch: self.limits.trimBatch)
        while try await self.perform(batch) {}
    }

    /// One transaction per batch, so that others get their turn in between.
    package func trimLog(before time: Timestamp, keeping: Int) async throws(StoreError) {
        let batch = StoreOperation<Bool>.trimLog(before: time, keeping: keeping, batch: self.limits.trimBatch)
        while try await self.perform(batch) {}
    }
}
