internal import Fleet
internal import Synchronization

/// Sweeps over the account, compares what is there with what we hold, and looks into the differences one by one.
final class Reconciler: Sendable {
    private struct State {
        /// Machines that a direct read did not find, and since when not.
        var suspects: [UpstreamID: Timestamp] = [:]
        /// Listings in a row that lacked most of what is known.
        var suspiciousSweeps = 0
        var rotation = QuestionRotation()
    }

    let world: World
    let observer: MachineObserver
    let reconciliation: Reconciliation
    private let debts = DebtWatch()
    private let state = Mutex(State())
    /// Sweeps that somebody asked for are not the engine's to cancel.
    private let isEnding = Atomic(false)

    init(world: World, observer: MachineObserver, deployment: DeploymentID) {
        self.world = world
        self.observer = observer
        self.reconciliation = Reconciliation(deployment: deployment, brake: world.settings.brake)
    }

    /// Returns when cancelled.
    func run() async {
        while !self.isShuttingDown {
            let begunAt = self.world.clock.now
            let pace = await self.sweep()
            await self.world.clock.sleep(until: begunAt + pace.interval)
        }
    }

    var isShuttingDown: Bool { Task.isCancelled || self.isEnding.load(ordering: .relaxed) }

    func beginGracefulShutdown() {
        self.isEnding.store(true, ordering: .relaxed)
    }

    /// A sweep now, beside those that go by the clock.
    ///
    /// - Parameter isDryRun: only says what differs; reads nothing but the listing, and writes nothing.
    func reconcile(isDryRun: Bool, requestID: String) async throws(CloudError) -> ReconciliationReport {
        let listing = try await self.observer.listing(since: self.world.clock.now, priority: .sweep, requestID: requestID)
        return await self.compare(listing, isDryRun: isDryRun, isCommanded: true)
    }

    /// Answers when to sweep again.
    private func sweep() async -> SweepPace {
        for event in self.debts.look(at: self.world.view.livingInstances().instances, at: self.world.clock.now) { self.world.report(event) }
        do throws(CloudError) {
            let listing = try await self.listing()
            let pace = self.pace(calls: listing.calls, took: self.world.clock.now - listing.begunAt)
            self.world.monitor.update { $0.sweepPace = pace }
            _ = await self.compare(listing, isDryRun: false, isCommanded: false)
            return pace
        } catch {
            self.world.report(.sweepFailed(error.description))
            return self.pace(calls: 1, took: .zero)
        }
    }

    private func pace(calls: Int, took: Duration) -> SweepPace {
        SweepPace(
            configured: self.world.settings.pollInterval, calls: calls, took: took,
            requestsPerMinute: self.world.settings.upstreamRequestsPerMinute)
    }

    private func compare(_ listing: MachineListing, isDryRun: Bool, isCommanded: Bool) async -> ReconciliationReport {
        let living = self.world.view.livingInstances().instances
        let busy = Set(self.world.view.unfinishedJobs().jobs.filter(\.watchesMachine).map(\.instanceID))
        let isCredible = ListingCredibility.isCredible(listing, known: living)
        let believesAbsence = isDryRun ? isCredible : self.believesAbsence(isCredible, isCounted: !isCommanded)
        let questions = self.reconciliation.questions(
            from: listing, living: self.world.view.workableInstances, busy: busy, resting: self.world.view.restingInstances,
            believesAbsence: believesAbsence)
        // An observed deployment looks, and changes nothing.
        let isApplied = !isDryRun && self.world.view.control.observation == nil
        let asked = isApplied ? await self.settle(questions) : 0
        if !isDryRun { self.note(listing, living, questions, asked: asked, wasSuspicious: !isCredible) }
        return ReconciliationReport(
            listing, questions: questions, foreign: self.reconciliation.foreign(in: listing), wasSuspicious: !isCredible,
            wasApplied: isApplied, asked: asked)
    }

    private func note(
        _ listing: MachineListing, _ living: [Instance], _ questions: [ReconciliationQuestion], asked: Int, wasSuspicious: Bool
    ) {
        let sweep = FleetMonitor.Sweep(
            begunAt: listing.begunAt, endedAt: self.world.clock.now, machines: listing.machines.count,
            foreignMachines: self.reconciliation.foreignCount(in: listing),
            suspectMachines: self.reconciliation.suspects(in: listing, living: living).count, questions: asked,
            questionsLeft: questions.count - asked, wasSuspicious: wasSuspicious)
        self.world.monitor.update { $0.lastSweep = sweep }
        self.world.report(.swept(sweep))
    }

    /// - Parameter isCounted: not so for a sweep that somebody asked for: whoever asks often must not make an empty listing credible.
    private func believesAbsence(_ isCredible: Bool, isCounted: Bool) -> Bool {
        self.state.withLock { state in
            if isCounted { state.suspiciousSweeps = isCredible ? 0 : state.suspiciousSweeps + 1 }
            return isCredible || state.suspiciousSweeps > EngineLimits.suspiciousSweepsMax
        }
    }

    /// Answers how many were looked into.
    private func settle(_ questions: [ReconciliationQuestion]) async -> Int {
        let missing = Set(questions.filter { $0.kind == .missing || $0.kind == .changed || $0.kind == .debt }.map(\.upstreamID))
        let asked = self.state.withLock { state in
            state.suspects = state.suspects.filter { missing.contains($0.key) }
            return state.rotation.take(questions, atMost: EngineLimits.questionsPerSweepMax)
        }
        var count = 0
        for question in asked where !self.isShuttingDown {
            count += 1
            let now = self.world.clock.now
            let since = self.state.withLock { $0.suspects[question.upstreamID] }
            let wasAbsent = since.map { now >= $0 + EngineLimits.absenceSpacing } ?? false
            let isSuspect = await self.settle(question, wasAbsent: wasAbsent)
            self.state.withLock { $0.suspects[question.upstreamID] = isSuspect ? since ?? now : nil }
        }
        return count
    }
}
