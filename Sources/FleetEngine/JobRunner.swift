internal import Fleet
internal import Synchronization

/// Leases due jobs and takes their steps, at most `MAX_CONCURRENT_JOBS` at a time. Between two steps a job is a row and nothing else.
final class JobRunner: Sendable {
    private struct Running {
        var token: LeaseToken
        var type: JobType
        /// Nil: it does not only look.
        var lookPriority: Int?
    }

    private struct State {
        /// Steps that run.
        var running: [JobID: Running] = [:]
        var isShuttingDown = false
    }

    private let world: World
    private let steps: StepRunner
    private let state = Mutex(State())

    init(world: World, observer: MachineObserver, deployment: DeploymentID) {
        self.world = world
        self.steps = StepRunner(world: world, observer: observer, deployment: deployment)
    }

    /// Returns after `beginGracefulShutdown` once running steps have ended, or when cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { heart in
            heart.addTask { await self.renewLeases() }
            await withDiscardingTaskGroup { group in
                await self.takeSteps(in: &group)
                await self.awaitSteps()
                group.cancelAll()
            }
            heart.cancelAll()
        }
    }

    func beginGracefulShutdown() {
        self.state.withLock { $0.isShuttingDown = true }
        self.world.view.jobsChanged.raise()
    }

    private var isShuttingDown: Bool { Task.isCancelled || self.state.withLock { $0.isShuttingDown } }

    /// Wakes for new and freed work and for due times; there is no other timer.
    private func takeSteps(in group: inout DiscardingTaskGroup) async {
        while !self.isShuttingDown {
            let seen = self.world.view.jobsChanged.count
            // An observed deployment changes nothing: not one step is taken.
            let isObserving = self.world.view.control.observation != nil
            let free = isObserving ? 0 : self.world.settings.maxConcurrentJobs - self.state.withLock { $0.running.count }
            let nextAt = free > 0 ? await self.leaseAndStart(atMost: free, in: &group) : nil
            await self.world.view.jobsChanged.wait(after: seen, until: nextAt, clock: self.world.clock)
        }
    }

    /// Answers when to ask again; nil for not before something changes.
    private func leaseAndStart(atMost limit: Int, in group: inout DiscardingTaskGroup) async -> Timestamp? {
        var random = self.world.random
        let now = self.world.clock.now
        let token = LeaseToken.random(using: &random)
        let leased: Leased
        do throws(StoreError) {
            leased = try await self.world.store.lease(
                LeaseRequest(
                    token: token, now: now, expiresAt: now + EngineLimits.leaseDuration, limit: limit, room: self.room,
                    lookRoom: self.lookRoom))
            self.world.storeAnswered(nil)
        } catch {
            self.world.storeAnswered(error)
            return self.world.clock.now + EngineLimits.storeRetryDelay
        }
        for job in leased.jobs { self.start(job, token, in: &group) }
        // No room for another: the next step that ends makes some.
        if leased.jobs.count == limit { return nil }
        return leased.nextDueAt.map { $0 <= now ? now + EngineLimits.leaseRetryDelay : $0 }
    }

    /// Steps of each type that may be begun now.
    private var room: [JobType: Int] {
        let running = Dictionary(grouping: self.state.withLock { $0.running.values.map(\.type) }, by: \.self)
        let most = JobPolicy.concurrencyMax(self.world.settings)
        return Dictionary(uniqueKeysWithValues: JobType.known.map { ($0, most - (running[$0]?.count ?? 0)) })
    }

    /// The same for steps that only look, by priority; see `LeaseRequest`.
    private var lookRoom: [Int: Int] {
        let looking = self.state.withLock { $0.running.values.compactMap(\.lookPriority) }
        return Dictionary(
            uniqueKeysWithValues: JobType.priorities.map { priority in
                (priority, JobPolicy.looksMax(ofPriority: priority, self.world.settings) - looking.count { $0 >= priority })
            })
    }

    private func start(_ job: Job, _ token: LeaseToken, in group: inout DiscardingTaskGroup) {
        self.state.withLock { $0.running[job.id] = Running(token: token, type: job.type, lookPriority: job.isLook ? job.priority : nil) }
        self.world.monitor.update {
            $0.runningSteps += 1
            $0.stepsBegun += 1
        }
        group.addTask {
            await self.steps.run(job, lease: token)
            self.state.withLock { state in
                // The job may have been leased anew already when this lease had run out.
                if state.running[job.id]?.token == token { state.running[job.id] = nil }
            }
            self.world.monitor.update { $0.runningSteps -= 1 }
            self.world.view.jobsChanged.raise()
        }
    }

    /// Running steps may take `SHUTDOWN_GRACE`; what is left then is cancelled, which ends its call to the provider.
    private func awaitSteps() async {
        let deadline = self.world.clock.now + self.world.settings.shutdownGrace
        while !Task.isCancelled, self.world.clock.now < deadline {
            let seen = self.world.view.jobsChanged.count
            if self.state.withLock({ $0.running.isEmpty }) { return }
            await self.world.view.jobsChanged.wait(after: seen, until: deadline, clock: self.world.clock)
        }
    }

    // MARK: Leases

    private func renewLeases() async {
        while !Task.isCancelled {
            await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.heartbeatInterval)
            for (token, jobs) in self.leases { await self.renew(jobs, token) }
        }
    }

    /// By token, in a fixed order.
    private var leases: [(LeaseToken, [JobID])] {
        let running = self.state.withLock { $0.running }
        return Dictionary(grouping: running.keys) { running[$0]?.token ?? LeaseToken(rawValue: "") }
            .map { ($0.key, $0.value.sorted()) }.sorted { $0.0 < $1.0 }
    }

    /// A lease that is lost needs no action: whatever its step still does cannot be committed.
    private func renew(_ jobs: [JobID], _ token: LeaseToken) async {
        do throws(StoreError) {
            _ = try await self.world.store.renew(jobs, token: token, until: self.world.clock.now + EngineLimits.leaseDuration)
            self.world.storeAnswered(nil)
        } catch {
            self.world.storeAnswered(error)
        }
    }
}
