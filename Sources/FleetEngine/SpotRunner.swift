internal import Fleet

/// Recovers machines that the provider takes back, or could not move. What is known of them is what the sweeps bring.
struct SpotRunner: Sendable {
    let world: World
    let observer: MachineObserver

    /// Returns when cancelled.
    func run() async {
        while !Task.isCancelled {
            let nextAt = self.world.clock.now + EngineLimits.policyInterval
            // An observed deployment changes nothing. By a wrong clock the budget of recoveries means nothing.
            if self.world.view.control.observation == nil, self.world.believesClock { await self.look() }
            await self.world.clock.sleep(until: nextAt)
        }
    }

    private func look() async {
        let admission = Admission(settings: self.world.settings)
        for instance in self.world.view.workableInstances where instance.spot?.reclaimAt != nil && !Task.isCancelled {
            guard self.isKnown(instance) else { continue }
            var random = self.world.random
            let subject = self.world.subject(instance)
            guard let (way, commit) = admission.recovery(of: subject, jobID: .random(using: &random), at: self.world.clock.now) else {
                continue
            }
            guard !self.world.settings.isRecoveryDryRun else {
                self.world.report(.wouldRecover(instance.id, way))
                continue
            }
            await self.write(commit, of: instance)
        }
    }

    /// What a restored database says of a machine is of another time, until it has been looked at.
    private func isKnown(_ instance: Instance) -> Bool {
        guard let activatedAt = self.world.view.control.activatedAt else { return true }
        return instance.upstream.map { $0.observedAt > activatedAt } ?? false
    }

    /// What does not get through now is decided anew at the next look.
    func write(_ commit: Commit, of instance: Instance) async {
        do throws(StoreError) {
            _ = try await self.world.store.commit(commit)
            self.world.storeAnswered(nil)
        } catch {
            self.world.storeAnswered(error)
            if let hold = Hold(error) { self.world.report(.held(instance.id, hold)) }
            if case .ceilingReached(let ceiling) = error { await self.tell(ceiling, instance) }
        }
    }

    /// Once: who wonders why the machine is not recovered reads it there.
    private func tell(_ ceiling: CeilingReached, _ instance: Instance) async {
        guard let commit = Admission.recoveryRefused(by: ceiling, of: instance, at: self.world.clock.now) else { return }
        self.world.report(.recoveryRefused(instance.id, ceiling))
        do throws(StoreError) { _ = try await self.world.store.commit(commit) } catch { self.world.storeAnswered(error) }
    }
}
