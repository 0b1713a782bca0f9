internal import Fleet
internal import Synchronization

/// Asks the programs inside running machines whether they are ready, each in a rhythm of its own, and writes down what changes.
///
/// Results are state and no events: only when a port's health turns, or is known for the first time, is anything written.
final class ReadinessRunner: Sendable {
    private struct Key: Hashable, Comparable {
        var instance: InstanceID
        var port: Int

        static func < (left: Self, right: Self) -> Bool { (left.instance, left.port) < (right.instance, right.port) }
    }

    private struct Standing {
        var address: String
        /// Good rounds in a row.
        var successes = 0
        var dueAt: Timestamp
        var isRunning = false
    }

    private let world: World
    private let prober: any Prober
    private let standings = Mutex<[Key: Standing]>([:])

    init(world: World, prober: any Prober) {
        self.world = world
        self.prober = prober
    }

    /// Returns when cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let (seen, begunAt) = (self.world.view.revision, self.world.clock.now)
                for (key, instance, target) in self.dueTargets(at: begunAt) {
                    group.addTask { await self.ask(key, instance, target) }
                }
                // Wakes for what is due, and for what has changed; not oftener than once in an interval.
                _ = try? await self.world.view.wait(after: seen, until: self.nextLook(after: begunAt), clock: self.world.clock)
                await self.world.clock.sleep(until: begunAt + EngineLimits.probeScanInterval)
            }
            group.cancelAll()
        }
    }

    private func nextLook(after now: Timestamp) -> Timestamp {
        self.standings.withLock { standings in
            if standings.values.contains(where: \.isRunning) { return now + EngineLimits.probeScanInterval }
            return standings.values.map(\.dueAt).reduce(now + EngineLimits.probeIdleInterval, min)
        }
    }

    /// Those whose time has come, as many as may run at once; what is no longer there is forgotten.
    private func dueTargets(at now: Timestamp) -> [(Key, InstanceID, ProbeTarget)] {
        guard self.world.view.control.observation == nil else { return [] }
        let targets = self.world.view.workableInstances.flatMap { instance in
            instance.probeTargets.map { (Key(instance: instance.id, port: $0.endpoint.port), instance.id, $0) }
        }
        return self.standings.withLock { standings in
            let present = Set(targets.map(\.0))
            standings = standings.filter { $0.value.isRunning || present.contains($0.key) }
            var free = EngineLimits.probesAtOnceMax - standings.values.count { $0.isRunning }
            // Who has waited longest comes first: a few dead ports must not keep all places.
            let waiting = targets.sorted { (standings[$0.0]?.dueAt ?? now) < (standings[$1.0]?.dueAt ?? now) }
            return waiting.filter { key, _, target in
                var standing = standings[key] ?? Standing(address: target.endpoint.address, dueAt: now)
                if standing.address != target.endpoint.address, !standing.isRunning {
                    standing = Standing(address: target.endpoint.address, dueAt: now)
                }
                defer { standings[key] = standing }
                guard free > 0, !standing.isRunning, standing.dueAt <= now else { return false }
                free -= 1
                standing.isRunning = true
                return true
            }
        }
    }

    private func ask(_ key: Key, _ id: InstanceID, _ target: ProbeTarget) async {
        let (outcome, latency) = await self.round(target)
        let now = self.world.clock.now
        let needed = (self.world.view.instance(id)?.spec.readiness ?? .standard).consecutiveSuccesses
        let isHealthy = self.standings.withLock { standings in
            guard var standing = standings[key] else { return false }
            standing.successes = outcome.isHealthy ? standing.successes + 1 : 0
            standing.isRunning = false
            let isHealthy = standing.successes >= needed
            standing.dueAt = now + (isHealthy ? EngineLimits.healthyProbeInterval : self.world.settings.probing.delay)
            standings[key] = standing
            return isHealthy
        }
        guard !Task.isCancelled else { return }
        let detail = outcome.isHealthy && !isHealthy ? "\(outcome.detail), not yet often enough" : outcome.detail
        await self.write(
            ProbeResult(
                port: target.endpoint.port, address: target.endpoint.address, isHealthy: isHealthy, latency: latency, detail: detail,
                checkedAt: now), of: id)
    }

    /// One good try is enough; the last bad one says why.
    private func round(_ target: ProbeTarget) async -> (ProbeOutcome, Duration) {
        let settings = self.world.settings.probing
        var latest = (ProbeOutcome(isHealthy: false, detail: "not asked"), Duration.zero)
        for attempt in 1...max(1, settings.attempts) where !Task.isCancelled {
            let begin = self.world.clock.now
            latest = (await self.prober.probe(target, timeout: settings.timeout), self.world.clock.now - begin)
            if latest.0.isHealthy || attempt == settings.attempts { break }
            await self.world.clock.sleep(until: self.world.clock.now + settings.delay)
        }
        return latest
    }

    /// What does not get through now is found again in the next round.
    private func write(_ result: ProbeResult, of id: InstanceID) async {
        guard let before = self.world.view.instance(id) else { return }
        let known = before.probes?.first { $0.port == result.port && $0.address == result.address }
        guard known == nil || known?.isHealthy != result.isHealthy else { return }
        var instance = before
        instance.note(result)
        guard instance != before else { return }
        instance.updatedAt = self.world.clock.now
        do throws(StoreError) {
            _ = try await self.world.store.commit(
                Commit(guards: [.permitted(.obey), .instance(id, before.revision)], instances: [instance]))
            self.world.storeAnswered(nil)
        } catch {
            self.world.storeAnswered(error)
            self.standings.withLock { standings in
                // Asked again soon, so that it is written then.
                standings[Key(instance: id, port: result.port)]?.dueAt = self.world.clock.now + self.world.settings.probing.delay
            }
        }
    }
}
