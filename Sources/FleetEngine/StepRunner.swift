internal import Fleet
internal import Traces

/// Takes one step of one leased job: asks the world what the step needs, writes down what `JobStepper` decides, makes the call
/// that the decision asks for, writes down what came of it.
struct StepRunner: Sendable {
    /// The step cannot be brought to an end here; what the row says counts.
    enum Stop: Error {
        case abandoned(String)
        case ceiling(CeilingReached)
        case held(Hold)
    }

    struct Applied {
        var call: StepResult.Call?
        /// As it was written down.
        var job: Job
    }

    let world: World
    let observer: MachineObserver
    let deployment: DeploymentID

    /// Under a span of its own, when steps are traced: what the step logs and calls belongs to that.
    func run(_ job: Job, lease: LeaseToken) async {
        let span = self.world.tracer?.begin(.internal, under: job.trace)
        let work = WorkContext(
            requestID: job.requestID, jobID: job.id.rawValue, instanceID: job.instanceID.rawValue, trace: span?.context ?? job.trace)
        await WorkContext.$current.withValue(work) { await self.attempt(job, lease) }
        if let span { self.world.tracer?.end(span, of: job, nowAs: self.world.view.job(job.id)) }
    }

    private func attempt(_ job: Job, _ lease: LeaseToken) async {
        self.world.report(.stepBegan(job))
        do throws(Stop) {
            try await self.step(job, lease)
        } catch {
            self.world.monitor.update { $0.stepsAbandoned += 1 }
            switch error {
            case .abandoned(let reason): self.world.report(.stepAbandoned(job, reason))
            case .ceiling(let ceiling): self.world.report(.stepAbandoned(job, "\(ceiling)"))
            case .held(let hold): self.world.report(.stepAbandoned(job, "\(hold)"))
            }
        }
    }

    private func step(_ job: Job, _ lease: LeaseToken) async throws(Stop) {
        guard let instance = try await self.instance(job.instanceID, isFresh: false) else { throw .abandoned("no instance") }
        switch self.stepper(job, instance, lease).plan() {
        case .decided: try await self.applyDecided(job, lease)
        case .catalogue: try await self.place(job, lease)
        case .listing: try await self.settle(job, lease)
        case .look(let id, let isDirect): try await self.look(job, lease, at: id, of: instance, isDirect: isDirect)
        case .migration(let id, let since): try await self.lookAtMigration(job, lease, of: id, since: since)
        case .imageJobs(let query): try await self.lookAtImageJobs(job, lease, query)
        case .saveImage: try await self.saveImage(job, lease, of: instance)
        case .billing(let id): try await self.changeBilling(job, lease, of: id)
        case .act: try await self.act(job, lease, of: instance)
        }
    }

    private func applyDecided(_ job: Job, _ lease: LeaseToken) async throws(Stop) {
        _ = try await self.apply(job, lease) { stepper in
            if case .decided(let result) = stepper.plan() { result } else { stepper.returned() }
        }
    }

    // MARK: Steps

    private func place(_ job: Job, _ lease: LeaseToken) async throws(Stop) {
        // When a machine counts as not made is reckoned from the time of its call: by a wrong clock that may have passed before it could show.
        if let doubt = self.world.clockDoubt { return try await self.hold(job, lease, .clock(doubt)) }
        let planner: Planner
        do throws(CloudError) {
            planner = try await self.planner(for: job)
        } catch {
            self.world.upstreamAnswered(error)
            return try await self.postpone(job, lease, error)
        }
        let environment = try await self.environment(of: job.instanceID)
        let applied: Applied
        do throws(Stop) {
            applied = try await self.apply(job, lease) { stepper in
                guard case .catalogue = stepper.plan() else { return stepper.returned() }
                return stepper.placed(planner: planner, outlook: self.world.capacityOutlook(for: stepper.job, of: stepper.instance))
            }
        } catch .ceiling(let ceiling) {
            return self.noteLook(of: try await self.apply(job, lease) { $0.refused(by: ceiling) }.job)
        } catch .held(let hold) {
            return try await self.hold(job, lease, hold)
        }
        guard case .create(let attempt) = applied.call else { return self.noteLook(of: applied.job) }
        try await self.create(attempt, environment, applied.job, lease)
    }

    /// Who stands in line until the next round begins has had its look in this one; who is due before only waits for its turn.
    private func noteLook(of job: Job) {
        if job.waitsForBalance { self.world.monitor.balanceDoubted.raise() }
        guard job.isInCapacityLine, let dueAt = job.dueAt, dueAt == dueAt.capacityRound else { return }
        self.world.capacityLooks.note(job.id, at: self.world.clock.now)
    }

    /// All who stand in line look at one catalogue, which is read for them once in each round. They may wait for it as long as the round
    /// takes, and not behind the sweeps: with the smallest call budget these leave room for one of its calls in a quarter of a minute.
    private func planner(for job: Job) async throws(CloudError) -> Planner {
        let round = job.isInCapacityLine ? self.world.clock.now.capacityRound : nil
        var call = self.world.call(round == nil ? .mutation : .transition, requestID: job.id.rawValue)
        if round != nil { call.deadline = max(call.deadline, self.world.clock.now + StepLimits.capacityInterval) }
        let catalogue = try await self.world.cloud.catalogue(since: round, call: call)
        return Planner(catalogue: catalogue, cooldowns: self.world.cooldowns, defaultRegion: self.world.settings.defaultRegion)
    }

    /// The one place that buys something. The attempt is durable; what comes of the call is judged from the row that says so.
    private func create(_ attempt: CreateAttempt, _ environment: InstanceEnvironment, _ job: Job, _ lease: LeaseToken) async throws(Stop) {
        guard let instance = try await self.instance(job.instanceID, isFresh: false) else { throw .abandoned("no instance") }
        let order = self.stepper(job, instance, lease).order(for: attempt, environment: environment)
        let outcome = await self.call(order, attempt, job)
        if case .refused(let error) = outcome, error.code == .capacity {
            self.world.cooldowns.refused(attempt.placement.candidate, gpuCount: instance.spec.gpuCount, at: self.world.clock.now)
        }
        _ = try await self.apply(job, lease) { $0.created(outcome, attempt: attempt) }
    }

    /// Not begun once its deadline has passed: whoever looks for the machine counts from there.
    private func call(_ order: MachineOrder, _ attempt: CreateAttempt, _ job: Job) async -> CreateOutcome {
        guard self.world.clock.now < attempt.callDeadline, !Task.isCancelled else {
            return .refused(CloudError(.notAttempted, "too late to begin the call"))
        }
        self.world.report(.createCalled(job.id, order.token))
        self.world.monitor.update { $0.createCalls += 1 }
        let call = CloudCall(priority: job.callPriority(.mutation), requestID: job.id.rawValue, deadline: attempt.callDeadline)
        let outcome = await self.world.cloud.create(order, call: call)
        switch outcome {
        case .created: self.world.upstreamAnswered(nil)
        case .refused(let error), .unclear(let error): self.world.upstreamAnswered(error)
        }
        return outcome
    }

    private func settle(_ job: Job, _ lease: LeaseToken) async throws(Stop) {
        let listing: MachineListing
        do throws(CloudError) {
            listing = try await self.observer.listing(
                since: job.dueAt ?? self.world.clock.now, priority: .transition, requestID: job.id.rawValue)
        } catch {
            return try await self.postpone(job, lease, error)
        }
        let isCredible = ListingCredibility.isCredible(listing, known: self.world.view.livingInstances().instances)
        guard let instance = try await self.instance(job.instanceID, isFresh: false) else { throw .abandoned("no instance") }
        var search: MachineListing?
        if let text = self.stepper(job, instance, lease).searchBeforeAbsence(in: listing, isCredible: isCredible) {
            do throws(CloudError) {
                search = try await self.observer.search(text, requestID: job.id.rawValue)
            } catch {
                return try await self.postpone(job, lease, error)
            }
        }
        let found = search
        _ = try await self.apply(job, lease) { stepper in
            guard case .listing = stepper.plan() else { return stepper.returned() }
            return stepper.settled(listing, search: found, isCredible: isCredible)
        }
    }

    private func look(
        _ job: Job, _ lease: LeaseToken, at id: UpstreamID, of instance: Instance, isDirect: Bool
    ) async throws(Stop) {
        let machine: Machine?
        do throws(CloudError) {
            machine = try await self.observer.machine(
                id, of: instance.spec, since: job.dueAt ?? self.world.clock.now, isDirect: isDirect, requestID: job.id.rawValue)
        } catch {
            return try await self.postpone(job, lease, error)
        }
        _ = try await self.apply(job, lease) { stepper in
            guard case .look(id, _) = stepper.plan() else { return stepper.returned() }
            return stepper.job.step == .boot ? stepper.booted(machine) : stepper.confirmed(machine)
        }
    }

    private func lookAtMigration(_ job: Job, _ lease: LeaseToken, of id: UpstreamID, since: Timestamp) async throws(Stop) {
        var (machine, jobs): (Machine?, [UpstreamJob])
        do throws(CloudError) {
            machine = try await self.observer.read(id, priority: .release, requestID: job.id.rawValue)
            let query = UpstreamJobQuery(kind: .migration, createdAfter: since)
            let isMoving = machine.map { $0.phase == .migrating || $0.phase == .stopped } ?? false
            jobs = isMoving ? try await self.world.cloud.jobs(query, call: self.world.call(.release, requestID: job.id.rawValue)) : []
            // A job that has failed meanwhile may have given the machine back: only what is seen of it after that counts.
            if !jobs.isEmpty { machine = try await self.observer.read(id, priority: .release, requestID: job.id.rawValue) }
        } catch {
            self.world.upstreamAnswered(error)
            return try await self.postpone(job, lease, error)
        }
        _ = try await self.apply(job, lease) { stepper in
            guard case .migration(id, _) = stepper.plan() else { return stepper.returned() }
            return stepper.migrated(machine, jobs: jobs)
        }
    }

    private func act(_ job: Job, _ lease: LeaseToken, of instance: Instance) async throws(Stop) {
        // What a policy wants is asked for by the clock, each time; what else is automatic was decided before the first.
        if let cause = job.cause, job.firstSentAt == nil || cause.isPolicy, let doubt = self.world.clockDoubt {
            return try await self.hold(job, lease, .clock(doubt))
        }
        // Its end may have passed while no server ran.
        if job.type == .startInstance, job.cause?.isPolicy == true, !self.world.believesClock {
            return try await self.postpone(job, lease, CloudError(.notAttempted, "the provider has not said yet what time it is"))
        }
        guard case .known(let before) = try await self.jobsBefore(job, lease, of: instance) else { return }
        let applied: Applied
        do throws(Stop) {
            applied = try await self.apply(job, lease) { stepper in
                guard case .act(let action, let id) = stepper.plan() else { return stepper.returned() }
                return stepper.sending(action, to: id, before: before)
            }
        } catch .held(let hold) {
            return try await self.hold(job, lease, hold)
        }
        guard case .machine(let action, let id) = applied.call else { return }
        let error = try await self.perform(action, on: id, for: applied.job, lease)
        _ = try await self.apply(applied.job, lease) { $0.sent(error) }
    }

    private func perform(
        _ action: MachineAction, on id: UpstreamID, for job: Job, _ lease: LeaseToken
    ) async throws(Stop) -> CloudError? {
        let call = self.world.call(job.callPriority(action.priority), requestID: job.id.rawValue)
        guard let instance = try await self.instance(job.instanceID, isFresh: false) else { throw .abandoned("no instance") }
        let isNew = job.update?.bringsEnvironment == true
        let environment =
            action == .upgrade ? try await self.environment(of: isNew ? .waiting(for: job.id) : job.instanceID) : InstanceEnvironment()
        do throws(CloudError) {
            switch action {
            case .start: try await self.world.cloud.start(id, call: call)
            case .stop: try await self.world.cloud.stop(id, call: call)
            case .restart: try await self.world.cloud.restart(id, call: call)
            case .delete: try await self.world.delete(id, requestID: job.id.rawValue)
            case .migrate: try await self.world.cloud.migrate(id, call: call)
            case .edit:
                let growth = self.stepper(job, instance, lease).diskGrowthGB
                try await self.world.cloud.edit(id, MachineEdit(ports: instance.spec.ports, addedDiskGB: growth), call: call)
            case .upgrade: try await self.upgrade(id, of: instance, environment, mark: job.id.rawValue, call)
            }
            self.world.upstreamAnswered(nil)
            return nil
        } catch {
            self.world.upstreamAnswered(error)
            return error
        }
    }

    /// A new container keeps the mark of its machine: without it the machine would no longer be proven ours.
    private func upgrade(
        _ id: UpstreamID, of instance: Instance, _ environment: InstanceEnvironment, mark: String, _ call: CloudCall
    ) async throws(CloudError) {
        guard let machine = try await self.world.cloud.machine(id, call: call) else { throw CloudError(.notFound, "no such machine") }
        guard let token = OwnershipToken(machine.name), token.deployment == self.deployment, token.instance == instance.id else {
            throw CloudError(.invalidRequest, "the machine is called \(machine.name), which is not its ownership token")
        }
        let spec = instance.spec
        try await self.world.cloud.upgrade(
            id,
            MachineUpgrade(
                token: token, mark: mark, image: spec.image, registryCredentialID: spec.registryCredentialID, environment: environment,
                command: spec.command, entrypoint: spec.entrypoint, volumes: spec.volumes ?? []),
            call: call)
    }

    func postpone(_ job: Job, _ lease: LeaseToken, _ error: CloudError) async throws(Stop) {
        _ = try await self.apply(job, lease) { $0.postponed(error) }
    }

    func hold(_ job: Job, _ lease: LeaseToken, _ hold: Hold) async throws(Stop) {
        self.world.report(.held(job.instanceID, hold))
        _ = try await self.apply(job, lease) { $0.held(by: hold) }
    }

    // MARK: Writing down

    /// Decides and commits; decides again from fresh facts when the instance has changed in between.
    func apply(_ job: Job, _ lease: LeaseToken, _ decide: (JobStepper) -> StepResult) async throws(Stop) -> Applied {
        var conflicts = 0
        var failures = 0
        while true {
            guard let instance = try await self.instance(job.instanceID, isFresh: conflicts > 0) else { throw .abandoned("no instance") }
            let result = decide(self.stepper(job, instance, lease))
            switch await self.commit(result.commit) {
            case nil:
                let written = result.commit.jobs.first?.job ?? job
                if result.call == nil { self.world.report(.stepEnded(written)) }
                return Applied(call: result.call, job: written)
            case .conflict:
                conflicts += 1
                guard conflicts <= EngineLimits.conflictsMax else { throw .abandoned("the instance keeps changing") }
            case .unavailable(let text):
                failures += 1
                guard failures <= EngineLimits.storeRetriesMax, !Task.isCancelled else { throw .abandoned(text) }
                await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.storeRetryDelay)
            case .ceilingReached(let ceiling):
                throw .ceiling(ceiling)
            case .some(let error):
                if let hold = Hold(error) { throw .held(hold) }
                throw .abandoned("\(error)")
            }
        }
    }

    private func commit(_ commit: Commit) async -> StoreError? {
        do throws(StoreError) {
            _ = try await self.world.store.commit(commit)
            self.world.storeAnswered(nil)
            return nil
        } catch {
            self.world.storeAnswered(error)
            return error
        }
    }

    func stepper(_ job: Job, _ instance: Instance, _ lease: LeaseToken) -> JobStepper {
        var random = self.world.random
        var instance = instance
        // What a policy asked for is not due any more after a sign of use, written down or not.
        if job.cause?.isPolicy == true, let touchedAt = self.world.view.touches.latest(instance.id) {
            instance.touchedAt = max(instance.touchedAt ?? touchedAt, touchedAt)
        }
        return JobStepper(
            job: job, instance: instance, lease: lease, now: self.world.clock.now, settings: self.world.settings,
            deployment: self.deployment, lookInterval: self.observer.pace.interval, spareJobID: .random(using: &random),
            attemptFloor: self.world.view.control.attemptFloor ?? 0, processBegan: self.world.begunAt,
            believesClock: self.world.believesClock)
    }

    private func instance(_ id: InstanceID, isFresh: Bool) async throws(Stop) -> Instance? {
        if !isFresh, let instance = self.world.view.instance(id) { return instance }
        do throws(StoreError) { return try await self.world.store.instance(id) } catch { throw .abandoned("\(error)") }
    }

    private func environment(of id: InstanceID) async throws(Stop) -> InstanceEnvironment {
        do throws(StoreError) { return try await self.world.store.environment(of: id) } catch { throw .abandoned("\(error)") }
    }
}
