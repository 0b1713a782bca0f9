/// Carries what people say about the fleet as a whole to the store: freeze, and the end of an observation.
package struct FleetGovernor: Sendable {
    /// Decisions made anew because somebody else said something meanwhile.
    static let conflictsMax = 8
    /// Bounds a text that is kept and shown for ever. Characters.
    package static let reasonLengthMax = 500
    /// A database from the past may not know of create calls that were made since. The next attempts are numbered so far above those it
    /// knows that no ownership token is used twice.
    static let attemptsSkipped = 1000

    /// Who says it, and how the request is called.
    package struct Caller: Sendable {
        package var actor: String
        package var request: RequestKey
        package var payloadDigest: [UInt8]

        package init(actor: String, request: RequestKey, payloadDigest: [UInt8]) {
            self.actor = actor
            self.request = request
            self.payloadDigest = payloadDigest
        }
    }

    private let store: any Store
    private let view: View
    private let clock: any Clock

    package init(store: any Store, view: View, clock: any Clock) {
        self.store = store
        self.view = view
        self.clock = clock
    }

    /// Idempotent: a frozen fleet that is frozen once more keeps who froze it first.
    package func setFreeze(
        _ isFrozen: Bool, reason: String, by caller: Caller, isValidateOnly: Bool = false
    ) async throws(FleetError) -> FleetControl {
        guard reason.unicodeScalars.count <= Self.reasonLengthMax else {
            throw .invalid([FieldViolation("reason", "must have at most \(Self.reasonLengthMax) characters")])
        }
        return try await self.say(by: caller, isValidateOnly: isValidateOnly) { control, now in
            var changed = control
            changed.freeze = isFrozen ? control.freeze ?? FleetControl.Freeze(actor: caller.actor, reason: reason, since: now) : nil
            let effect =
                isFrozen
                ? "creates, starts and automatic stops and deletes rest: \(reason)" : "creates, starts and policies go on: \(reason)"
            return Said(control: changed, effect: effect, jobs: [])
        }
    }

    /// Nothing new of one kind of jobs is begun, or it goes on. Idempotent, like a freeze.
    package func setPause(
        _ isPaused: Bool, of type: JobType, reason: String, by caller: Caller, isValidateOnly: Bool = false
    ) async throws(FleetError) -> FleetControl {
        guard reason.unicodeScalars.count <= Self.reasonLengthMax else {
            throw .invalid([FieldViolation("reason", "must have at most \(Self.reasonLengthMax) characters")])
        }
        return try await self.say(by: caller, isValidateOnly: isValidateOnly) { control, now in
            var changed = control
            if isPaused { changed.pause(type, by: caller.actor, reason: reason, at: now) } else { changed.resume(type) }
            let effect = isPaused ? "no job of the kind \(type) is begun: \(reason)" : "jobs of the kind \(type) go on: \(reason)"
            return Said(control: changed, effect: effect, jobs: [])
        }
    }

    /// Ends the observation of a restored or copied database. What it holds to be untried may have been tried since it was written: every
    /// unfinished create looks for its machine before it asks for one.
    ///
    /// - Parameter deployment: as the caller read it, so that nobody activates another database than the one that was looked at.
    package func activate(
        _ deployment: DeploymentID, reason: String, by caller: Caller, isValidateOnly: Bool = false
    ) async throws(FleetError) -> FleetControl {
        guard deployment == self.view.deployment?.id else {
            throw .invalid([FieldViolation("deployment_id", "must be that of this server, as GetServerInfo shows it")])
        }
        guard reason.unicodeScalars.count <= Self.reasonLengthMax else {
            throw .invalid([FieldViolation("reason", "must have at most \(Self.reasonLengthMax) characters")])
        }
        return try await self.say(by: caller, isValidateOnly: isValidateOnly) { control, now in
            var changed = control
            changed.observation = nil
            guard control.observation != nil else { return Said(control: changed, effect: "was active", jobs: []) }
            let jobs = self.view.unfinishedJobs().jobs.compactMap { Self.unsettled($0, at: now) }
            return Said(
                control: changed, effect: "active; \(jobs.count) unfinished creates look for their machines first: \(reason)", jobs: jobs)
        }
    }

    private struct Said {
        var control: FleetControl
        var effect: String
        var jobs: [Job]
    }

    /// Nil for a job that asks the provider before it spends.
    private static func unsettled(_ job: Job, at now: Timestamp) -> Job? {
        guard job.type == .createInstance, job.step == .place || job.step.isSettling else { return nil }
        var job = job
        job.createCalls += self.attemptsSkipped
        if case .settle(var attempt, _) = job.step {
            attempt.callDeadline = now
            job.step = .settle(attempt, absences: 0)
        } else {
            let nowhere = Placement(
                productID: "", productName: "", clusterID: "", clusterName: "", billingMode: .onDemand, hourlyPrice: .zero)
            job.step = .settle(
                CreateAttempt(number: job.createCalls, placement: nowhere, sentAt: now, callDeadline: now), absences: 0)
        }
        job.state = .waiting
        job.dueAt = now
        job.updatedAt = now
        job.progress = "looking for a machine that may have been made after the database was written"
        return job
    }

    private func say(
        by caller: Caller, isValidateOnly: Bool, _ decide: (FleetControl, Timestamp) throws(FleetError) -> Said
    ) async throws(FleetError) -> FleetControl {
        if try await self.isRepeat(caller) { return self.view.control }
        for _ in 0..<Self.conflictsMax {
            let (before, now) = (self.view.control, self.clock.now)
            let said = try decide(before, now)
            if isValidateOnly { return said.control }
            switch await self.commit(said, over: before, by: caller, at: now) {
            case nil: return said.control
            case .controlChanged: continue
            case .requestExists where try await self.isRepeat(caller): return self.view.control
            case .some(let error): throw FleetError(error)
            }
        }
        throw FleetError(.contention, "somebody else changes the same thing", retryAfter: .seconds(1))
    }

    private func commit(_ said: Said, over before: FleetControl, by caller: Caller, at now: Timestamp) async -> StoreError? {
        let nothing = (InstanceID(rawValue: ""), JobID(rawValue: ""))
        let entry = AuditEntry(
            at: now, tenant: caller.request.tenant, actor: caller.actor, action: caller.request.method, cause: AuditEntry.requested,
            effect: said.effect, requestID: caller.request.requestID)
        let record = RequestRecord(
            key: caller.request, payloadDigest: caller.payloadDigest, instanceID: nothing.0, jobID: nothing.1, createdAt: now)
        let commit = Commit(
            guards: [.requestIsNew(caller.request), .control(before)], jobs: said.jobs.map { Commit.JobWrite($0) }, request: record,
            control: said.control == before ? nil : said.control, audit: [entry])
        do throws(StoreError) {
            _ = try await self.store.commit(commit)
            return nil
        } catch {
            return error
        }
    }

    private func isRepeat(_ caller: Caller) async throws(FleetError) -> Bool {
        let record: RequestRecord?
        do throws(StoreError) { record = try await self.store.request(caller.request) } catch { throw FleetError(error) }
        guard let record else { return false }
        guard record.payloadDigest == caller.payloadDigest else {
            throw FleetError(.requestIDReused, "request id \(caller.request.requestID) was used before with another payload")
        }
        return true
    }
}
