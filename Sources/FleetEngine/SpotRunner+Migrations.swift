internal import Fleet

/// Machines that hang between two places, because a move failed that no job of ours follows.
extension SpotRunner {
    /// Answers whether the provider was asked; while nothing is on its way, it is not.
    func lookAtMigrations() async -> Bool {
        // By a wrong clock neither the patience nor the budget means anything.
        guard self.world.believesClock else { return false }
        let (admission, now) = (Admission(settings: self.world.settings), self.world.clock.now)
        let watchedSince = max(self.world.begunAt, self.world.view.control.activatedAt ?? self.world.begunAt)
        let waiting = self.world.view.workableInstances.filter { instance in
            instance.state == .migrating && admission.mayHang(self.subject(instance), watchedSince: watchedSince, at: now)
        }
        guard let earliest = waiting.compactMap({ $0.upstream?.observedAt }).min() else { return false }
        do throws(CloudError) {
            let query = UpstreamJobQuery(createdAfter: earliest - StuckMigration.jobAgeMax)
            let jobs = try await self.world.cloud.jobs(query, call: self.world.call(.sweep, requestID: "sweep"))
            self.world.upstreamAnswered(nil)
            var left = EngineLimits.stuckMigrationsAtOnceMax
            for instance in waiting where left > 0 && !Task.isCancelled {
                guard let id = instance.upstream?.id, StuckMigration.hasFailed(id, in: jobs) else { continue }
                left -= 1
                guard let machine = try await self.observer.read(id, priority: .release, requestID: "sweep"),
                    // As it is by now: somebody may have stopped or deleted it meanwhile.
                    let current = self.world.view.instance(instance.id)
                else { continue }
                await self.recover(current, admission, machine, jobs, watchedSince)
            }
        } catch {
            self.world.upstreamAnswered(error)
            self.world.report(.sweepFailed("the provider's jobs: \(error)"))
        }
        return true
    }

    private func recover(
        _ instance: Instance, _ admission: Admission, _ machine: Machine, _ jobs: [UpstreamJob], _ watchedSince: Timestamp
    ) async {
        var random = self.world.random
        let commit = admission.recovery(
            ofStuck: self.subject(instance), shown: machine, jobs: jobs, watchedSince: watchedSince, jobID: .random(using: &random),
            at: self.world.clock.now)
        guard let commit else { return }
        guard !self.world.settings.isRecoveryDryRun else { return self.world.report(.wouldRecover(instance.id, .replace)) }
        await self.write(commit, of: instance)
    }

    private func subject(_ instance: Instance) -> Admission.Subject {
        Admission.Subject(instance: instance, jobs: self.world.view.unfinishedJobs(of: instance.id))
    }
}
