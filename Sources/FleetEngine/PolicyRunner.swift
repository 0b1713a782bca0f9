internal import Fleet

/// Carries out what owners have said beforehand: writes signs of use down, warns, and begins the stop, the delete or the start that is due.
final class PolicyRunner: Sendable {
    private let world: World
    private let admission: Admission
    private let usage: UsageRunner

    init(world: World, usage: UsageRunner) {
        self.world = world
        self.usage = usage
        self.admission = Admission(settings: world.settings)
    }

    /// Returns when cancelled.
    func run() async {
        // Warnings begin anew with the server, after a time in which it did not run (a suspended host), and when an observed deployment is
        // activated: nobody could hear of them. Leases and idle times go on from what is written down.
        var servingSince = self.world.clock.now
        var lookedAt = servingSince
        var attendance = Attendance(self.world.view.service)
        while !Task.isCancelled {
            let now = self.world.clock.now
            if self.world.view.control.observation != nil || now - lookedAt > ServiceRecord.silenceMax { servingSince = now }
            servingSince = min(servingSince, now)
            lookedAt = now
            let record = attendance.look(at: now, believesClock: self.world.believesClock)
            let activatedAt = self.world.view.control.activatedAt
            await self.look(ServiceTimes(servingSince: servingSince, record: record, activatedAt: activatedAt))
            if attendance.isToKeep { await self.keep(&attendance) }
            await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.policyInterval)
        }
        // What is not known of the end would count as time without a server.
        _ = attendance.look(at: self.world.clock.now, believesClock: self.world.believesClock)
        await self.keep(&attendance)
    }

    /// What does not get through is written with the next look.
    private func keep(_ attendance: inout Attendance) async {
        let record = attendance.record
        do throws(StoreError) {
            try await self.world.store.keep(record)
            attendance.kept = record
            self.world.storeAnswered(nil)
        } catch {
            self.world.storeAnswered(error)
        }
    }

    /// An observed deployment changes nothing.
    private func look(_ times: ServiceTimes) async {
        self.world.judgeClock()
        guard self.world.view.control.observation == nil else { return }
        let instances = self.world.view.workableInstances.filter { $0.policies != nil && !$0.state.isFinal }
        self.world.view.touches.keep(only: Set(instances.map(\.id)))
        let now = self.world.clock.now
        let nearIdle = instances.filter { $0.idleStopDue(times).map { Instance.readsUsage(before: $0, at: now) } ?? false }
        self.usage.watch(only: Set(nearIdle.map(\.id)))
        let renewals = self.world.view.workableInstances.compactMap { instance in self.renewal(of: instance).map { (instance.id, $0) } }
        let due = renewals + instances.compactMap { instance in self.commit(for: instance, times).map { (instance.id, $0) } }
        await withTaskGroup(of: Void.self) { group in
            for (position, (id, commit)) in due.enumerated() where !Task.isCancelled {
                if position >= EngineLimits.policyWritesAtOnceMax { await group.next() }
                group.addTask { await self.write(commit, of: id) }
            }
        }
    }

    private func renewal(of instance: Instance) -> Commit? {
        guard instance.billing?.endedRenewalMonths != nil else { return nil }
        var random = self.world.random
        let subject = self.world.subject(instance)
        return self.admission.renewalAgain(subject, jobID: .random(using: &random), at: self.world.clock.now)
    }

    private func commit(for instance: Instance, _ times: ServiceTimes) -> Commit? {
        let now = self.world.clock.now
        let reading = self.usage.reading(of: instance.id)
        var times = times
        if let due = instance.idleStopDue(times), Instance.needsUsage(before: due, at: now), reading?.allowsPlan(at: now) != true {
            times.isIdleUnproven = true
        }
        if let upkeep = Admission.upkeep(
            of: instance, touchedAt: self.world.view.touches.latest(instance.id), busyAt: reading?.busyAt, times: times,
            isClockSure: self.world.cloud.clockSkew != nil && self.world.clockDoubt == nil, believesClock: self.world.believesClock, at: now
        ) {
            return upkeep
        }
        guard let action = instance.nextAction, action.at <= now, self.world.believesClock,
            self.world.view.control.refusal(of: action.kind.permission) == nil
        else { return nil }
        if action.cause == .idle, instance.asksForUsage, reading?.allowsStop(at: now) != true { return nil }
        var random = self.world.random
        let subject = self.world.subject(instance)
        return self.admission.automatic(subject, jobID: .random(using: &random), times: times, at: now)
    }

    /// What does not get through now is decided anew at the next look.
    private func write(_ commit: Commit, of id: InstanceID) async {
        do throws(StoreError) {
            _ = try await self.world.store.commit(commit)
            self.world.storeAnswered(nil)
        } catch {
            self.world.storeAnswered(error)
            if let hold = Hold(error) { self.world.report(.held(id, hold)) }
        }
    }
}
