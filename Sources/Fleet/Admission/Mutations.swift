internal import Traces

/// Carries a caller's request to a durable decision: decides from the read model, commits, decides again when something
/// changed in between, and answers a repeated request id with what the first call made.
package struct Mutations: Sendable {
    /// Decisions made anew because the instance changed meanwhile. Each conflict means that somebody else got on, so few are enough.
    static let conflictsMax = 16

    package struct Reply: Hashable, Sendable {
        package var instance: Instance
        package var job: Job
        /// True when the request id had been used for the same payload before: nothing was changed by this call.
        package var isRepeat: Bool
    }

    let store: any Store
    let view: View
    let clock: any Clock
    let admission: Admission
    let random: RandomSource
    let monitor: FleetMonitor

    /// - Parameter monitor: knows what the account has, and hears when something is refused for it.
    package init(
        store: any Store, view: View, clock: any Clock, settings: FleetSettings, random: RandomSource,
        monitor: FleetMonitor = FleetMonitor()
    ) {
        self.monitor = monitor
        self.store = store
        self.view = view
        self.clock = clock
        self.admission = Admission(settings: settings)
        self.random = random
    }

    /// - Parameter isValidateOnly: everything is checked, ceilings and name as they are now; nothing is written.
    package func create(
        _ new: Admission.NewInstance, planner: Planner, request: RequestKey, payloadDigest: [UInt8], actor: String = "",
        isValidateOnly: Bool = false
    ) async throws(FleetError) -> Reply {
        if let reply = try await self.earlierReply(to: request, payloadDigest: payloadDigest) { return reply }
        let occasion = self.occasion(request, payloadDigest, actor)
        let admitted = try self.noting { () throws(FleetError) in try self.admission.create(new, planner: planner, on: occasion) }
        try self.checkControl(of: admitted.commit)
        if isValidateOnly {
            let price = admitted.instance.placement?.hourlyPrice ?? .zero
            if let obstacle = self.obstacles(to: price, name: new.name, of: new.tenant, owner: new.owner).first { throw obstacle }
            return Reply(instance: admitted.instance, job: admitted.job, isRepeat: false)
        }
        switch await self.commit(admitted) {
        case .success(let reply): return reply
        case .failure(.requestExists(let record)): return try await self.reply(to: record, payloadDigest: payloadDigest)
        case .failure(let error): throw FleetError(error)
        }
    }

    /// - Parameter instanceID: living or ended; `notFound` when there is none of the tenant.
    package func change(
        _ change: Admission.Change, of instanceID: InstanceID, expectedRevision: Revision? = nil, force: Bool = false,
        request: RequestKey, payloadDigest: [UInt8], actor: String = "", isValidateOnly: Bool = false
    ) async throws(FleetError) -> Reply {
        try await self.change(instanceID, request, payloadDigest, actor, isValidateOnly) {
            admission, subject, occasion throws(FleetError) in
            try admission.change(change, subject, expectedRevision: expectedRevision, force: force, on: occasion)
        }
    }

    /// What an instance is called and made of; see `Admission.update`.
    package func update(
        _ update: InstanceUpdate, of instanceID: InstanceID, expectedRevision: Revision? = nil, request: RequestKey,
        payloadDigest: [UInt8], actor: String, isValidateOnly: Bool = false
    ) async throws(FleetError) -> Reply {
        try await self.change(instanceID, request, payloadDigest, actor, isValidateOnly) {
            admission, subject, occasion throws(FleetError) in
            try admission.update(update, subject, expectedRevision: expectedRevision, on: occasion)
        }
    }

    /// Its disk as an image; see `Admission.saveImage`.
    package func saveImage(
        _ save: ImageSave, of instanceID: InstanceID, expectedRevision: Revision? = nil, request: RequestKey, payloadDigest: [UInt8],
        actor: String, isValidateOnly: Bool = false
    ) async throws(FleetError) -> Reply {
        try await self.change(instanceID, request, payloadDigest, actor, isValidateOnly) {
            admission, subject, occasion throws(FleetError) in
            try admission.saveImage(save, subject, expectedRevision: expectedRevision, on: occasion)
        }
    }

    /// How it is paid for; see `Admission.changeBilling`.
    package func changeBilling(
        _ change: BillingChange, of instanceID: InstanceID, price: MicroUSD?, expectedRevision: Revision? = nil, request: RequestKey,
        payloadDigest: [UInt8], actor: String, isValidateOnly: Bool = false
    ) async throws(FleetError) -> Reply {
        try await self.change(instanceID, request, payloadDigest, actor, isValidateOnly) {
            admission, subject, occasion throws(FleetError) in
            try admission.changeBilling(change, subject, price: price, expectedRevision: expectedRevision, on: occasion)
        }
    }

    /// To another machine; see `Admission.migrate`.
    package func migrate(
        _ way: Migration, _ instanceID: InstanceID, expectedRevision: Revision? = nil, request: RequestKey, payloadDigest: [UInt8],
        actor: String, owner: Owner? = nil, isValidateOnly: Bool = false
    ) async throws(FleetError) -> Reply {
        try await self.change(instanceID, request, payloadDigest, actor, isValidateOnly) {
            admission, subject, occasion throws(FleetError) in
            var occasion = occasion
            occasion.owner = owner
            return try admission.migrate(way, subject, expectedRevision: expectedRevision, on: occasion)
        }
    }

    private func change(
        _ instanceID: InstanceID, _ request: RequestKey, _ payloadDigest: [UInt8], _ actor: String, _ isValidateOnly: Bool,
        _ decide: (Admission, Admission.Subject, Admission.Occasion) throws(FleetError) -> Admission.Admitted
    ) async throws(FleetError) -> Reply {
        if let reply = try await self.earlierReply(to: request, payloadDigest: payloadDigest) { return reply }
        for _ in 0..<Self.conflictsMax {
            let subject = try await self.subject(instanceID, of: request.tenant)
            let occasion = self.occasion(request, payloadDigest, actor)
            let admitted = try self.noting { () throws(FleetError) in try decide(self.admission, subject, occasion) }
            try self.checkControl(of: admitted.commit)
            if isValidateOnly { return try self.checked(admitted) }
            switch await self.commit(admitted) {
            case .success(let reply): return reply
            case .failure(.conflict): continue
            case .failure(.requestExists(let record)): return try await self.reply(to: record, payloadDigest: payloadDigest)
            case .failure(let error): throw FleetError(error)
            }
        }
        throw FleetError(.contention, "the instance keeps changing", instanceID: instanceID, retryAfter: .seconds(1))
    }

    /// Ends a job that is not over; see `Admission.cancel`.
    package func cancel(
        _ id: JobID, request: RequestKey, payloadDigest: [UInt8], actor: String, answer: ImageSaveBreak? = nil, isValidateOnly: Bool = false
    ) async throws(FleetError) -> Reply {
        try await self.change(job: id, request, payloadDigest, actor, isValidateOnly) {
            admission, job, subject, occasion throws(FleetError) in
            try admission.cancel(job.id, subject, answer: answer, on: occasion)
        }
    }

    /// Does once more what a job failed to do; see `Admission.retry`. The reply's job is the new one.
    package func retry(
        _ id: JobID, request: RequestKey, payloadDigest: [UInt8], actor: String, owner: Owner? = nil, isValidateOnly: Bool = false
    ) async throws(FleetError) -> Reply {
        try await self.change(job: id, request, payloadDigest, actor, isValidateOnly) {
            admission, job, subject, occasion throws(FleetError) in
            var occasion = occasion
            occasion.owner = owner
            return try admission.retry(job, subject, on: occasion)
        }
    }

    private func change(
        job id: JobID, _ request: RequestKey, _ payloadDigest: [UInt8], _ actor: String, _ isValidateOnly: Bool,
        _ decide: (Admission, Job, Admission.Subject, Admission.Occasion) throws(FleetError) -> Admission.Admitted
    ) async throws(FleetError) -> Reply {
        if let reply = try await self.earlierReply(to: request, payloadDigest: payloadDigest) { return reply }
        for _ in 0..<Self.conflictsMax {
            let job = try await self.job(id, of: request.tenant)
            let subject = try await self.subject(job.instanceID, of: request.tenant)
            let occasion = self.occasion(request, payloadDigest, actor)
            let admitted = try self.noting { () throws(FleetError) in try decide(self.admission, job, subject, occasion) }
            try self.checkControl(of: admitted.commit)
            if isValidateOnly { return try self.checked(admitted) }
            switch await self.commit(admitted) {
            case .success(let reply): return reply
            case .failure(.conflict): continue
            case .failure(.requestExists(let record)): return try await self.reply(to: record, payloadDigest: payloadDigest)
            case .failure(let error): throw FleetError(error)
            }
        }
        throw FleetError(.contention, "the instance keeps changing", jobID: id, retryAfter: .seconds(1))
    }

    /// A sign that a machine is in use. Kept in memory and written down with the next look of policies, but for one that comes a minute after
    /// the last: that is written down before it is answered, so that whoever gives few can rely on each, whatever becomes of this server.
    package func touch(_ id: InstanceID, at now: Timestamp) async throws(FleetError) {
        self.view.touches.note(id, at: now)
        for _ in 0..<Self.conflictsMax {
            guard let instance = self.view.instance(id), let commit = Admission.sign(of: instance, at: now) else { return }
            do throws(StoreError) {
                _ = try await self.store.commit(commit)
                return
            } catch {
                switch error {
                case .conflict: continue
                // No policy ends it meanwhile; and those of a database from the past begin anew once it is activated.
                case .controlled, .unread: return
                default: throw FleetError(error)
                }
            }
        }
        throw FleetError(.contention, "the instance keeps changing", instanceID: id, retryAfter: .seconds(1))
    }

    private func job(_ id: JobID, of tenant: TenantID) async throws(FleetError) -> Job {
        if let job = self.view.job(id), job.tenant == tenant { return job }
        do throws(StoreError) {
            if let job = try await self.store.job(id), job.tenant == tenant { return job }
        } catch {
            throw FleetError(error)
        }
        throw FleetError(.notFound, "there is no job \(id)", jobID: id)
    }

    /// What a transaction would refuse is refused before it, so that a call which only checks hears of it too.
    func checkControl(of commit: Commit) throws(FleetError) {
        let control = self.view.control
        for condition in commit.guards {
            if case .permitted(let action) = condition, let refusal = control.refusal(of: action) { throw FleetError(refusal) }
        }
    }

    func occasion(_ request: RequestKey, _ payloadDigest: [UInt8], _ actor: String) -> Admission.Occasion {
        var random = self.random
        return Admission.Occasion(
            now: self.clock.now, instanceID: .random(using: &random), jobID: .random(using: &random), request: request,
            payloadDigest: payloadDigest, actor: actor, funds: self.monitor.report.funds, hourlySpend: self.view.billedHourlySpend,
            trace: WorkContext.current?.trace)
    }

    /// What is refused for the balance is refused by one that was read up to an hour ago: it is read again for the next try.
    private func noting<Value>(_ decide: () throws(FleetError) -> Value) throws(FleetError) -> Value {
        do throws(FleetError) {
            return try decide()
        } catch {
            if error.code == .balanceTooLow { self.monitor.balanceDoubted.raise() }
            throw error
        }
    }

    private func commit(_ admitted: Admission.Admitted) async -> Result<Reply, StoreError> {
        do throws(StoreError) {
            let committed = try await self.store.commit(admitted.commit)
            var reply = Reply(instance: admitted.instance, job: admitted.job, isRepeat: false)
            for event in committed.events {
                switch event.object {
                case .instance(let instance) where instance.id == reply.instance.id: reply.instance = instance
                case .job(let job) where job.id == reply.job.id: reply.job = job
                default: break
                }
            }
            return .success(reply)
        } catch {
            return .failure(error)
        }
    }

    package func earlierReply(to request: RequestKey, payloadDigest: [UInt8]) async throws(FleetError) -> Reply? {
        guard let record = try await self.record(of: request) else { return nil }
        return try await self.reply(to: record, payloadDigest: payloadDigest)
    }

    func record(of request: RequestKey) async throws(FleetError) -> RequestRecord? {
        do throws(StoreError) { return try await self.store.request(request) } catch { throw FleetError(error) }
    }

    private func reply(to record: RequestRecord, payloadDigest: [UInt8]) async throws(FleetError) -> Reply {
        guard record.payloadDigest == payloadDigest else {
            throw FleetError(
                .requestIDReused, "request id \(record.key.requestID) was used before with another payload", instanceID: record.instanceID,
                jobID: record.jobID)
        }
        do throws(StoreError) {
            var instance = self.view.instance(record.instanceID)
            if instance == nil { instance = try await self.store.instance(record.instanceID) }
            var job = self.view.job(record.jobID)
            if job == nil { job = try await self.store.job(record.jobID) }
            if let instance, let job { return Reply(instance: instance, job: job, isRepeat: true) }
        } catch {
            throw FleetError(error)
        }
        throw FleetError(.notFound, "what the request made is no longer kept", instanceID: record.instanceID, jobID: record.jobID)
    }

    private func subject(_ id: InstanceID, of tenant: TenantID) async throws(FleetError) -> Admission.Subject {
        if let instance = self.view.instance(id) {
            guard instance.tenant == tenant else { throw Self.notFound(id) }
            return Admission.Subject(instance: instance, jobs: self.view.unfinishedJobs(of: id))
        }
        let ended: Instance?
        do throws(StoreError) { ended = try await self.store.instance(id) } catch { throw FleetError(error) }
        guard let ended, ended.tenant == tenant else { throw Self.notFound(id) }
        return Admission.Subject(instance: ended, jobs: [])
    }

    private static func notFound(_ id: InstanceID) -> FleetError {
        FleetError(.notFound, "there is no instance \(id)", instanceID: id)
    }
}
