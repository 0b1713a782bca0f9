package import Fleet
internal import NovitaiProto

/// The checks behind `GetHealth`. None of them is made because somebody asks.
package struct HealthChecks: Sendable {
    /// Between two looks at what is on this machine.
    static let interval: Duration = .seconds(5)
    /// A store that takes longer for the smallest write is in trouble.
    static let slowStore: Duration = .seconds(1)
    /// A write that failed longer ago says nothing of now; whoever has something to write tries again sooner.
    static let failedWriteMemory: Duration = .seconds(60)
    /// A step that is due for so long although workers are free.
    static let overdueJob: Duration = .seconds(60)

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
        await self.repeatUntilDraining { await self.checkLocally() }
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
        self.checkBalance()
        self.registry.setAll(self.board.report(at: self.backend.clock.now).status == .unhealthy ? .notServing : .serving)
        return Self.interval
    }

    /// A small write goes the whole way to the disk and back. The engine's last one may have failed all the same.
    func checkStore() async {
        let begin = self.backend.clock.now
        do throws(StoreError) {
            try await self.backend.store.proveWritable()
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
        let first = jobs.filter { seen.insert($0.instanceID).inserted && !$0.isUnread }
        let overdue = first.filter { job in job.state != .running && job.dueAt.map { $0 + Self.overdueJob < now } ?? false }
        let running = self.monitor.report.runningSteps
        let unread = jobs.count(where: \.isUnread)
        var detail = "\(jobs.count) unfinished, \(running) at work, \(overdue.count) overdue"
        if unread > 0 { detail += "; \(unread) of a later release are kept and not run, and their instances with them" }
        self.record(overdue.isEmpty && unread == 0 ? .healthy : .degraded, detail, of: .jobs)
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
        let pace = self.monitor.report.sweepPace
        let isLate = age > max((pace?.seenWithin ?? self.backend.settings.pollInterval) * 3, .seconds(60))
        var detail = "\(sweep.machines) machines seen \(age.components.seconds) s ago, \(sweep.foreignMachines) not ours"
        if let pace {
            let (every, within) = (pace.interval.components.seconds, pace.seenWithin.components.seconds)
            detail += "; swept every \(every) s, a change is seen within \(within) s"
        }
        if sweep.suspectMachines > 0 { detail += "; \(sweep.suspectMachines) name ours in their environment only and are left alone" }
        var worries = self.fleetWorries(at: now)
        if sweep.wasSuspicious { worries.append("the listing lacks most of what is known") }
        self.record(isLate || !worries.isEmpty ? .degraded : .healthy, ([detail] + worries).joined(separator: "; "), of: .reconciler)
    }

    /// What somebody has to look at, whatever the sweeps do.
    private func fleetWorries(at now: Timestamp) -> [String] {
        var worries: [String] = []
        if let doubt = self.monitor.report.clockDoubt { worries.append(doubt) }
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
        if debts.orphans > 0 {
            let unpriced = debts.orphansUnpriced > 0 ? " and \(debts.orphansUnpriced) of unknown price" : ""
            worries.append("\(debts.orphans) machines without a record, \(debts.orphanedHourly) per hour\(unpriced)")
        }
        return worries
    }

    /// The engine reads it; a reading that failed since is said, with what was known before.
    func checkBalance() {
        let now = self.backend.clock.now
        let report = self.monitor.report
        let failure = report.lastBalanceError.map { "cannot be read: \($0.text)" }
        guard let funds = report.funds else { return self.record(.degraded, failure ?? "not read yet", of: .balance) }
        let spend = self.backend.view.billedHourlySpend
        let hours = funds.runwayHours(at: now, hourlySpend: spend).map { "enough for \(Int($0)) h" }
        let parts = ["\(funds.balance) left", "\(spend) per hour in use", hours, failure].compactMap { $0 }
        let isFine = failure == nil && !funds.isLow(at: now, hourlySpend: spend)
        self.record(isFine ? .healthy : .degraded, parts.joined(separator: ", "), of: .balance)
    }

    private func record(
        _ status: HealthBoard.Status, _ detail: String, latency: Duration = .zero, of check: HealthBoard.Check,
        validFor: Duration = Self.interval * 6
    ) {
        self.board.record(
            HealthBoard.Finding(status, detail, latency: latency, checkedAt: self.backend.clock.now, validFor: validFor), of: check)
    }
}
