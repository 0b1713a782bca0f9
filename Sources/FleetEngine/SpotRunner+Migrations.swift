internal import Fleet

/// Machines that hang between two places, because a move failed that no job of ours follows.
extension SpotRunner {
    /// By itself, since it may wait for the provider for long. Returns when cancelled.
    func runMigrations() async {
        var last: InstanceID?
        while !Task.isCancelled {
            let hasAsked = self.world.view.control.observation == nil ? await self.lookAtMigrations(after: &last) : false
            let interval = hasAsked ? EngineLimits.stuckMigrationInterval : EngineLimits.policyInterval
            await self.world.clock.sleep(until: self.world.clock.now + interval)
        }
    }

    /// Answers whether the provider was asked; while nothing is on its way, it is not.
    ///
    /// - Parameter last: the machine that was read last: those after it come first, so that those that are not recovered keep no other waiting.
    private func lookAtMigrations(after last: inout InstanceID?) async -> Bool {
        // By a wrong clock neither the patience nor the budget means anything.
        guard self.world.believesClock else { return false }
        let (admission, now) = (Admission(settings: self.world.settings), self.world.clock.now)
        let watchedSince = max(self.world.begunAt, self.world.view.control.activatedAt ?? self.world.begunAt)
        let waiting = self.world.view.workableInstances.filter { instance in
            instance.state == .migrating && admission.mayHang(self.world.subject(instance), watchedSince: watchedSince, at: now)
        }
        guard let earliest = waiting.compactMap({ $0.upstream?.observedAt }).min() else { return false }
        do throws(CloudError) {
            let query = UpstreamJobQuery(createdAfter: earliest - StuckMigration.jobAgeMax)
            let jobs = try await self.world.cloud.jobs(query, call: self.world.call(.sweep, requestID: "sweep"))
            self.world.upstreamAnswered(nil)
            let failed = waiting.filter { $0.upstream.map { StuckMigration.hasFailed($0.id, in: jobs) } ?? false }.sorted { $0.id < $1.id }
            let turn = last.map { last in failed.filter { $0.id > last } + failed.filter { $0.id <= last } } ?? failed
            for instance in turn.prefix(EngineLimits.stuckMigrationsAtOnceMax) where !Task.isCancelled {
                last = instance.id
                // As it is by now: somebody may have stopped or deleted it meanwhile.
                guard let machine = await self.read(instance), let current = self.world.view.instance(instance.id) else { continue }
                await self.recover(current, admission, machine, jobs, watchedSince)
            }
        } catch {
            self.world.upstreamAnswered(error)
            self.world.report(.sweepFailed("the provider's jobs: \(error)"))
        }
        return true
    }

    /// Nil also when it cannot be read now.
    private func read(_ instance: Instance) async -> Machine? {
        guard let id = instance.upstream?.id else { return nil }
        do throws(CloudError) {
            return try await self.observer.read(id, priority: .release, requestID: "sweep")
        } catch {
            self.world.upstreamAnswered(error)
            return nil
        }
    }

    private func recover(
        _ instance: Instance, _ admission: Admission, _ machine: Machine, _ jobs: [UpstreamJob], _ watchedSince: Timestamp
    ) async {
        var random = self.world.random
        let commit = admission.recovery(
            ofStuck: self.world.subject(instance), shown: machine, jobs: jobs, watchedSince: watchedSince, jobID: .random(using: &random),
            at: self.world.clock.now)
        guard let commit else { return }
        guard !self.world.settings.isRecoveryDryRun else { return self.world.report(.wouldRecover(instance.id, .replace)) }
        await self.write(commit, of: instance)
    }
}
