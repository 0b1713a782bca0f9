internal import Fleet
internal import Synchronization

/// Sweeps over the account, compares what is there with what we hold, and looks into the differences one by one.
final class Reconciler: Sendable {
    private struct State {
        var isShuttingDown = false
        /// Not found by the direct read of the last sweep.
        var suspects: Set<InstanceID> = []
        /// Listings in a row that lacked most of what is known.
        var suspiciousSweeps = 0
        var rotation = QuestionRotation()
    }

    private let world: World
    private let observer: MachineObserver
    private let reconciliation: Reconciliation
    private let state = Mutex(State())
    private let shutdown = Signal()

    init(world: World, observer: MachineObserver, deployment: DeploymentID) {
        self.world = world
        self.observer = observer
        self.reconciliation = Reconciliation(deployment: deployment)
    }

    func run() async {
        while !self.isShuttingDown {
            let begunAt = self.world.clock.now
            let machines = await self.sweep()
            let interval = PollPace.sweepInterval(
                configured: self.world.settings.pollInterval, accountMachines: machines,
                requestsPerMinute: self.world.settings.upstreamRequestsPerMinute)
            await self.shutdown.wait(after: 0, until: max(begunAt + interval, self.world.clock.now), clock: self.world.clock)
        }
    }

    private var isShuttingDown: Bool { Task.isCancelled || self.state.withLock { $0.isShuttingDown } }

    func beginGracefulShutdown() {
        self.state.withLock { $0.isShuttingDown = true }
        self.shutdown.raise()
    }

    /// Answers how many machines the account has; 0 when that could not be learnt.
    private func sweep() async -> Int {
        let begunAt = self.world.clock.now
        let listing: MachineListing
        do throws(CloudError) {
            listing = try await self.observer.listing(since: begunAt, priority: .sweep, requestID: "sweep")
        } catch {
            self.world.report(.sweepFailed(error.description))
            return 0
        }
        let living = self.world.view.livingInstances().instances
        let busy = Set(self.world.view.unfinishedJobs().jobs.map(\.instanceID))
        let isCredible = ListingCredibility.isCredible(listing, known: living)
        let questions = self.reconciliation.questions(
            from: listing, living: living, busy: busy, believesAbsence: self.believesAbsence(isCredible))
        let asked = self.state.withLock { $0.rotation.take(questions, atMost: EngineLimits.questionsPerSweepMax) }
        await self.settle(asked)
        let sweep = FleetMonitor.Sweep(
            begunAt: begunAt, endedAt: self.world.clock.now, machines: listing.machines.count,
            foreignMachines: self.reconciliation.foreignCount(in: listing), questions: asked.count,
            questionsLeft: questions.count - asked.count, wasSuspicious: !isCredible)
        self.world.monitor.update { $0.lastSweep = sweep }
        self.world.report(.swept(sweep))
        return listing.machines.count
    }

    private func believesAbsence(_ isCredible: Bool) -> Bool {
        self.state.withLock { state in
            state.suspiciousSweeps = isCredible ? 0 : state.suspiciousSweeps + 1
            return isCredible || state.suspiciousSweeps > EngineLimits.suspiciousSweepsMax
        }
    }

    private func settle(_ questions: [ReconciliationQuestion]) async {
        let before = self.state.withLock { $0.suspects }
        var suspects: Set<InstanceID> = []
        for question in questions where !self.isShuttingDown {
            if await self.settle(question, wasAbsent: before.contains(question.instanceID)) { suspects.insert(question.instanceID) }
        }
        let found = suspects
        self.state.withLock { $0.suspects = found }
    }

    /// Answers whether the machine must be looked for once more.
    private func settle(_ question: ReconciliationQuestion, wasAbsent: Bool) async -> Bool {
        do {
            let priority: CallPriority = question.kind == .debt ? .release : .sweep
            let machine = try await self.observer.read(question.upstreamID, priority: priority, requestID: "sweep")
            let instance = try await self.instance(question.instanceID)
            let placement = instance == nil ? await self.placement(of: machine) : nil
            let answer = self.reconciliation.answer(
                question, instance: instance, machine: machine, wasAbsent: wasAbsent, placement: placement, at: self.world.clock.now)
            switch answer {
            case .nothing: return false
            case .suspect: return true
            case .commit(let commit): try await self.commit(commit, for: question)
            case .release(let id): try await self.release(id, of: question.instanceID)
            case .unproven(let id):
                self.world.report(.sweepFailed("machine \(id) names \(question.instanceID) only in its environment: it is left alone"))
            }
        } catch {
            self.world.report(.sweepFailed("\(error)"))
        }
        return false
    }

    /// The machine that was just read and found to be one too many is ended at once; another only once it has been read itself.
    private func commit(_ commit: Commit, for question: ReconciliationQuestion) async throws {
        do throws(StoreError) {
            let committed = try await self.world.store.commit(commit)
            self.world.storeAnswered(nil)
            guard question.kind != .debt else { return }
            for case .instance(let instance) in committed.events.map(\.object) {
                for debt in instance.debts where debt.upstreamID == question.upstreamID {
                    try? await self.release(debt.upstreamID, of: instance.id)
                }
            }
        } catch {
            self.world.storeAnswered(error)
            // Somebody changed the instance meanwhile: the next sweep looks again.
            if case .conflict = error { return }
            throw error
        }
    }

    private func release(_ id: UpstreamID, of instance: InstanceID) async throws {
        self.world.report(.releasing(instance, id))
        try await self.world.cloud.delete(id, call: self.world.call(.release, requestID: instance.rawValue))
    }

    private func instance(_ id: InstanceID) async throws -> Instance? {
        if let instance = self.world.view.instance(id) { return instance }
        return try await self.world.store.instance(id)
    }

    /// The price of a machine that we have no record of, if its product is still on offer.
    private func placement(of machine: Machine?) async -> Placement? {
        guard let machine, let catalogue = try? await self.world.cloud.catalogue(call: self.world.call(.sweep, requestID: "sweep")),
            let product = catalogue.products.first(where: { $0.id == machine.productID })
        else { return nil }
        let mode = machine.billingMode ?? .onDemand
        return Placement(
            productID: product.id, productName: product.name, clusterID: machine.clusterID,
            clusterName: catalogue.clusters.first { $0.id == machine.clusterID }?.name ?? machine.clusterID, billingMode: mode,
            hourlyPrice: product.price(mode) ?? .zero)
    }
}
