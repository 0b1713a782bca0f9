package import Fleet
internal import Synchronization

/// What drives the fleet: job steps, sweeps, the trimming of the log. One task tree; everything it must remember is in the store, so
/// that it can be cut off at any point and begun again.
package final class FleetEngine: Sendable {
    private let world: World
    private let jobs: JobRunner
    private let reconciler: Reconciler
    private let readiness: ReadinessRunner?
    private let policies: PolicyRunner
    private let usage: UsageRunner
    private let spot: SpotRunner
    private let webhooks: WebhookRunner?
    private let shutdown = Signal()

    /// - Parameter deployment: of the store that the world's view is attached to.
    package init(world: World, deployment: DeploymentID) {
        self.world = world
        let observer = MachineObserver(world: world)
        self.jobs = JobRunner(world: world, observer: observer, deployment: deployment)
        self.usage = UsageRunner(world: world)
        self.policies = PolicyRunner(world: world, usage: self.usage)
        self.spot = SpotRunner(world: world, observer: observer)
        self.webhooks = world.webhooks.map { WebhookRunner(world: world, webhooks: $0) }
        self.readiness = world.prober.map { ReadinessRunner(world: world, prober: $0) }
        self.reconciler = Reconciler(world: world, observer: observer, deployment: deployment)
    }

    /// Returns after `beginGracefulShutdown`, once running steps have ended or given their lease back, or when cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.jobs.run() }
            group.addTask { await self.upkeepUntilShutdown() }
        }
    }

    /// Everything but the steps of jobs looks at something and writes down what it saw, which the next server does anew: it is cut off, so that
    /// a provider that does not answer keeps no server from ending.
    private func upkeepUntilShutdown() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.upkeep() }
            group.addTask { await self.shutdown.wait(after: 0, until: nil, clock: self.world.clock) }
            await group.next()
            group.cancelAll()
        }
    }

    private func upkeep() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.reconciler.run() }
            group.addTask { await self.trimLog() }
            group.addTask { await self.readiness?.run() }
            group.addTask { await AccountWatcher(world: self.world).run() }
            group.addTask { await self.policies.run() }
            group.addTask { await self.usage.run() }
            group.addTask { await self.spot.run() }
            group.addTask { await self.spot.runMigrations() }
            group.addTask { await self.webhooks?.run() }
        }
    }

    /// A sweep now. See `Reconciler.reconcile`.
    package func reconcile(isDryRun: Bool, requestID: String) async throws -> ReconciliationReport {
        try await self.reconciler.reconcile(isDryRun: isDryRun, requestID: requestID)
    }

    /// No new step is begun; what runs may end within `SHUTDOWN_GRACE`. Idempotent.
    package func beginGracefulShutdown() {
        self.shutdown.raise()
        self.jobs.beginGracefulShutdown()
        self.reconciler.beginGracefulShutdown()
    }

    /// Not while the clock is in doubt: by one that is a month ahead all would go, request ids among it.
    private func trimLog() async {
        while !Task.isCancelled {
            let now = self.world.clock.now
            guard self.world.believesClock else {
                await self.world.clock.sleep(until: now + EngineLimits.trimRetryInterval)
                continue
            }
            do throws(StoreError) {
                try await self.world.store.trimLog(
                    before: now - self.world.settings.revisionRetention, keeping: EngineLimits.revisionsKept)
                try await self.world.store.trimAudit(before: now - EngineLimits.auditRetention, keeping: EngineLimits.auditEntriesKept)
                try await self.world.store.trimJobs(EngineLimits.jobRetention, at: now)
                try await self.world.store.trimInstances(before: now - EngineLimits.instanceRetention)
            } catch {
                self.world.storeAnswered(error)
            }
            await self.world.clock.sleep(until: now + EngineLimits.trimInterval)
        }
    }
}
