package import Fleet
internal import NovitaiProto

/// The checks behind `GetHealth`, each in its own rhythm. None of them is made because somebody asks.
package struct HealthChecks: Sendable {
    /// Between two looks at what is on this machine.
    static let interval: Duration = .seconds(5)
    /// Between two reads of the account's balance, and after one that failed.
    static let balanceInterval: Duration = .seconds(3600)
    static let balanceRetryInterval: Duration = .seconds(60)
    /// A store that takes longer for an empty transaction is in trouble.
    static let slowStore: Duration = .seconds(1)
    /// A write that failed longer ago says nothing of now; whoever has something to write tries again sooner.
    static let failedWriteMemory: Duration = .seconds(60)
    /// A step that is due for so long although workers are free.
    static let overdueJob: Duration = .seconds(60)
    /// Less money than for this long is worth a word.
    static let runway: Duration = .seconds(86_400)

    private let backend: Backend
    private let monitor: FleetMonitor
    private let board: HealthBoard
    private let registry: HealthRegistry

    package init(backend: Backend, monitor: FleetMonitor, board: HealthBoard, registry: HealthRegistry) {
        self.backend = backend
        self.monitor = monitor
        self.board = board
        self.registry = registry
    }

    /// Until the task is cancelled or the server goes away.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.repeatUntilDraining { await self.checkLocally() } }
            group.addTask { await self.repeatUntilDraining { await self.checkBalance() } }
        }
    }

    /// `check` answers after how long it is made again.
    private func repeatUntilDraining(_ check: @escaping @Sendable () async -> Duration) async {
        while !Task.isCancelled, !self.backend.drain.isDraining {
            let wait = await check()
            let (clock, deadline) = (self.backend.clock, self.backend.clock.now + wait)
            // Cancelled or draining: the loop's condition says so.
            _ = try? await self.backend.drain.unlessDraining { await clock.sleep(until: deadline) }
        }
    }

    private func checkLocally() async -> Duration {
        await self.checkStore()
        self.record(self.backend.drain.isDraining ? .unhealthy : .healthy, self.backend.drain.isDraining ? "draining" : "serving", of: .rpc)
        self.checkJobs()
        self.checkUpstream()
        self.checkReconciler()
        self.registry.setAll(self.board.report(at: self.backend.clock.now).status == .unhealthy ? .notServing : .serving)
        return Self.interval
    }

    /// An empty transaction goes the whole way to the store and back; whether it takes writes, the engine's last one says.
    func checkStore() async {
        let begin = self.backend.clock.now
        do throws(StoreError) {
            _ = try await self.backend.store.commit(Commit())
        } catch {
            let latency = self.backend.clock.now - begin
            return self.record(.unhealthy, "does not answer: \(FleetError(error).message)", latency: latency, of: .store)
        }
        let latency = self.backend.clock.now - begin
        if self.hasFailedLastWrite { return self.record(.unhealthy, "the last write failed", latency: latency, of: .store) }
        self.record(latency > Self.slowStore ? .degraded : .healthy, "writes", latency: latency, of: .store)
    }

    private var hasFailedLastWrite: Bool {
        let report = self.monitor.report
        guard let failure = report.lastStoreError, failure.at + Self.failedWriteMemory > self.backend.clock.now else { return false }
        return report.lastStoreSuccessAt.map { $0 < failure.at } ?? true
    }

    func checkJobs() {
        let now = self.backend.clock.now
        let jobs = self.backend.view.unfinishedJobs().jobs
        // Only the oldest of an instance can be at work; the others wait behind it.
        var seen: Set<InstanceID> = []
        let first = jobs.filter { seen.insert($0.instanceID).inserted }
        let overdue = first.filter { job in job.state != .running && job.dueAt.map { $0 + Self.overdueJob < now } ?? false }
        let running = self.monitor.report.runningSteps
        let detail = "\(jobs.count) unfinished, \(running) at work, \(overdue.count) overdue"
        self.record(overdue.isEmpty ? .healthy : .degraded, detail, of: .jobs)
    }

    func checkUpstream() {
        let report = self.monitor.report
        switch (report.lastUpstreamSuccessAt, report.lastUpstreamError) {
        case (nil, nil): self.record(.degraded, "not asked yet", of: .upstream)
        case (nil, let failure?): self.record(.degraded, failure.text, of: .upstream)
        case (let success?, let failure?) where failure.at > success: self.record(.degraded, failure.text, of: .upstream)
        case (_?, _): self.record(.healthy, "answers", of: .upstream)
        }
    }

    func checkReconciler() {
        let now = self.backend.clock.now
        guard let sweep = self.monitor.report.lastSweep else { return self.record(.degraded, "no sweep yet", of: .reconciler) }
        let age = now - sweep.endedAt
        let isLate = age > max(self.backend.settings.pollInterval * 3, .seconds(60))
        var detail = "\(sweep.machines) machines seen \(age.components.seconds) s ago, \(sweep.foreignMachines) not ours"
        if sweep.suspectMachines > 0 { detail += "; \(sweep.suspectMachines) name ours in their environment only and are left alone" }
        var worries = self.fleetWorries(at: now)
        if sweep.wasSuspicious { worries.append("the listing lacks most of what is known") }
        self.record(isLate || !worries.isEmpty ? .degraded : .healthy, ([detail] + worries).joined(separator: "; "), of: .reconciler)
    }

    /// What somebody has to look at, whatever the sweeps do.
    private func fleetWorries(at now: Timestamp) -> [String] {
        var worries: [String] = []
        let control = self.backend.view.control
        if let refusal = control.refusal(of: .obey) ?? control.refusal(of: .begin) { worries.append("\(refusal)") }
        let debts = FleetDebts(of: self.backend.view.livingInstances().instances)
        let overdue = debts.machines.filter { DebtAlarm.level(of: $0, at: now) > 0 }
        if let oldest = overdue.first {
            let price = overdue.reduce(MicroUSD.zero) { $0 + $1.hourlyPrice }
            worries.append(
                "\(overdue.count) deletes not confirmed, the oldest for \((now - oldest.since).components.seconds / 60) min, \(price) per hour"
            )
        }
        if debts.orphans > 0 { worries.append("\(debts.orphans) machines without a record, \(debts.orphanedHourly) per hour") }
        return worries
    }

    func checkBalance() async -> Duration {
        let begin = self.backend.clock.now
        let call = CloudCall(priority: .sweep, requestID: "balance", deadline: begin + self.backend.settings.requestTimeout)
        do throws(CloudError) {
            let balance = try await self.backend.cloud.balance(call: call)
            let spend = self.backend.view.livingInstances().instances.reduce(MicroUSD.zero) { $0 + $1.liableHourlySpend }
            let hours = Self.runway.components.seconds / 3600
            let isLow = balance.micros <= 0 || balance.micros / max(1, hours) < spend.micros
            let detail = "\(balance) left, \(spend) per hour in use"
            self.record(
                isLow ? .degraded : .healthy, detail, latency: self.backend.clock.now - begin, of: .balance,
                validFor: Self.balanceInterval * 2)
            return Self.balanceInterval
        } catch {
            self.record(.degraded, "cannot be read: \(error.code)", of: .balance, validFor: Self.balanceRetryInterval * 3)
            return Self.balanceRetryInterval
        }
    }

    private func record(
        _ status: HealthBoard.Status, _ detail: String, latency: Duration = .zero, of check: HealthBoard.Check,
        validFor: Duration = Self.interval * 6
    ) {
        self.board.record(
            HealthBoard.Finding(status, detail, latency: latency, checkedAt: self.backend.clock.now, validFor: validFor), of: check)
    }
}
