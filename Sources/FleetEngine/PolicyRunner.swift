internal import Fleet

/// Carries out what owners have said beforehand: writes signs of use down, warns, and begins the stop or the delete that is due.
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
        // Nobody could say before that a machine is in use, and what was said last may not have been written down: leases and idle times
        // begin anew with the server, after a time in which it did not run (a suspended host), and when an observed deployment is activated.
        var servingSince = self.world.clock.now
        var lookedAt = servingSince
        while !Task.isCancelled {
            let now = self.world.clock.now
            if self.world.view.control.observation != nil || now - lookedAt > EngineLimits.policyGapMax { servingSince = now }
            servingSince = min(servingSince, now)
            lookedAt = now
            await self.look(ServiceTimes(servingSince: servingSince, activatedAt: self.world.view.control.activatedAt))
            await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.policyInterval)
        }
    }

    /// An observed deployment changes nothing.
    private func look(_ times: ServiceTimes) async {
        self.world.judgeClock()
        guard self.world.view.control.observation == nil else { return }
        let instances = self.world.view.workableInstances.filter { $0.policies != nil && !$0.state.isFinal }
        self.world.view.touches.keep(only: Set(instances.map(\.id)))
        let due = instances.compactMap { instance in self.commit(for: instance, times).map { (instance.id, $0) } }
        await withTaskGroup(of: Void.self) { group in
            for (position, (id, commit)) in due.enumerated() where !Task.isCancelled {
                if position >= EngineLimits.policyWritesAtOnceMax { await group.next() }
                group.addTask { await self.write(commit, of: id) }
            }
        }
    }

    private func commit(for instance: Instance, _ times: ServiceTimes) -> Commit? {
        let now = self.world.clock.now
        if let upkeep = Admission.upkeep(
            of: instance, touchedAt: self.world.view.touches.latest(instance.id), busyAt: self.usage.reading(of: instance.id)?.busyAt,
            times: times,
            isClockSure: self.world.cloud.clockSkew != nil && self.world.clockDoubt == nil, at: now)
        {
            return upkeep
        }
        guard let action = instance.nextAction, action.at <= now, self.world.view.control.refusal(of: .endAutomatically) == nil,
            self.world.clockDoubt == nil
        else { return nil }
        if action.cause == .idle, instance.asksForUsage, self.usage.reading(of: instance.id)?.allowsStop(at: now) != true { return nil }
        var random = self.world.random
        let subject = Admission.Subject(instance: instance, jobs: self.world.view.unfinishedJobs(of: instance.id))
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
