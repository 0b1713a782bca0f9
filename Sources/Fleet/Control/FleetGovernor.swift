/// Carries what people say about the fleet as a whole to the store: freeze, and the end of an observation.
package struct FleetGovernor: Sendable {
    /// Decisions made anew because somebody else said something meanwhile.
    static let conflictsMax = 8
    /// Bounds a text that is kept and shown for ever. Characters.
    package static let reasonLengthMax = 500

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
            return Said(control: changed, effect: effect)
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
            return Said(control: changed, effect: effect)
        }
    }

    /// Ends the observation of a restored or copied database. What it holds to be undone may have been done since it was written, see
    /// `Restoration`: every unfinished create looks for its machine before it asks for one, and changes of machines are dropped.
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
        return try await self.say(by: caller, isValidateOnly: isValidateOnly) { control, now throws(FleetError) in
            var changed = control
            changed.observation = nil
            guard control.observation != nil else { return Said(control: changed, effect: "was active") }
            // What has come of them since only the release that made them can find out.
            if let unread = self.view.unfinishedJobs().jobs.first(where: \.isUnread) {
                throw FleetError(.invalidState, "a later release has left unfinished jobs: it has to activate", jobID: unread.id)
            }
            changed.raiseAttemptFloor(at: now)
            let restoration = Restoration(attemptFloor: changed.attemptFloor ?? 0, now: now)
            let outcome = restoration.outcome(for: self.view.unfinishedJobs().jobs) { self.view.instance($0) }
            let effect =
                "active; \(outcome.settled) unfinished creates look for their machines first, \(outcome.dropped) unfinished changes are "
                + "dropped: \(reason)"
            return Said(control: changed, effect: effect, outcome: outcome)
        }
    }

    private struct Said {
        var control: FleetControl
        var effect: String
        var outcome = Restoration.Outcome()
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
            case .controlChanged, .conflict: continue
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
            guards: [.requestIsNew(caller.request), .control(before)] + said.outcome.revisions.map { Guard.instance($0, $1) },
            instances: said.outcome.instances, jobs: said.outcome.jobs.map { Commit.JobWrite($0) }, request: record,
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
