/// Requests about many instances at once.
extension Mutations {
    package struct BatchReply: Hashable, Sendable {
        package var instances: [Instance]
        package var jobs: [Job]
        package var isRepeat: Bool
    }

    /// Stops everything of the tenant that fits and can be stopped.
    ///
    /// - Parameter isValidateOnly: answers the instances that would be stopped, as they are.
    package func stopAll(
        where fits: (Instance) -> Bool, request: RequestKey, payloadDigest: [UInt8], actor: String, isValidateOnly: Bool = false
    ) async throws(FleetError) -> BatchReply {
        if let record = try await self.record(of: request) { return try await self.batchReply(to: record, payloadDigest: payloadDigest) }
        for _ in 0..<Self.conflictsMax {
            let subjects = self.view.livingInstances().instances.filter { $0.tenant == request.tenant && fits($0) }
                .map { Admission.Subject(instance: $0, jobs: self.view.unfinishedJobs(of: $0.id)) }.filter(\.canBeStopped)
            var random = self.random
            let batch = try self.admission.stopAll(subjects, on: self.occasion(request, payloadDigest, actor)) {
                .random(using: &random)
            }
            try self.checkControl(of: batch.commit)
            if isValidateOnly { return BatchReply(instances: subjects.map(\.instance), jobs: [], isRepeat: false) }
            do throws(StoreError) {
                return Self.reply(to: batch, as: try await self.store.commit(batch.commit))
            } catch .conflict {
                continue
            } catch .requestExists(let record) {
                return try await self.batchReply(to: record, payloadDigest: payloadDigest)
            } catch {
                throw FleetError(error)
            }
        }
        throw FleetError(.contention, "the instances keep changing", retryAfter: .seconds(1))
    }

    private static func reply(to batch: Admission.AdmittedBatch, as committed: Committed) -> BatchReply {
        var (instances, jobs): ([InstanceID: Instance], [JobID: Job]) = ([:], [:])
        for event in committed.events {
            switch event.object {
            case .instance(let instance): instances[instance.id] = instance
            case .job(let job): jobs[job.id] = job
            }
        }
        return BatchReply(
            instances: batch.instances.map { instances[$0.id] ?? $0 }, jobs: batch.jobs.map { jobs[$0.id] ?? $0 }, isRepeat: false)
    }

    /// The jobs that the first call made, and their instances as they are now. Nothing is stopped that has begun to fit since.
    private func batchReply(to record: RequestRecord, payloadDigest: [UInt8]) async throws(FleetError) -> BatchReply {
        guard record.payloadDigest == payloadDigest else {
            throw FleetError(.requestIDReused, "request id \(record.key.requestID) was used before with another payload")
        }
        var reply = BatchReply(instances: [], jobs: [], isRepeat: true)
        var cursor: HistoryCursor?
        do throws(StoreError) {
            while true {
                let query = HistoryQuery(tenant: record.key.tenant, after: cursor, limit: Self.batchScan)
                let jobs = try await self.store.jobs(query)
                for job in jobs where job.type == .stopInstance && job.requestID == record.key.requestID {
                    reply.jobs.append(job)
                    if let instance = try await self.store.instance(job.instanceID) { reply.instances.append(instance) }
                }
                guard let last = jobs.last, jobs.count == Self.batchScan, last.createdAt >= record.createdAt else { return reply }
                cursor = HistoryCursor(createdAt: last.createdAt, id: last.id.rawValue)
            }
        } catch {
            throw FleetError(error)
        }
    }

    /// Jobs that are read at a time to find those of an earlier call.
    private static let batchScan = 500
}
