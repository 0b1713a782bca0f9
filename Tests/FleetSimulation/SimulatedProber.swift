import Fleet
import Synchronization

/// The programs inside the machines: each comes up a while after it is first asked, and may fail a question now and then.
final class SimulatedProber: Prober {
    private struct State {
        var upAt: [String: Timestamp] = [:]
        var healthy: Set<String> = []
        /// What a test says of all programs; nil: as they come.
        var forced: ProbeOutcome?
        var asked = 0
        var timeouts: Set<Duration> = []
    }

    private let state = Mutex(State())
    private let clock: VirtualClock
    private let dice: Dice
    private let scenario: Scenario

    init(clock: VirtualClock, dice: Dice, scenario: Scenario) {
        self.clock = clock
        self.dice = dice
        self.scenario = scenario
    }

    var healthyAddresses: Set<String> { self.state.withLock { $0.healthy } }
    var asked: Int { self.state.withLock { $0.asked } }
    /// What was given for one try.
    var timeouts: Set<Duration> { self.state.withLock { $0.timeouts } }

    func force(_ outcome: ProbeOutcome?) { self.state.withLock { $0.forced = outcome } }

    func probe(_ target: ProbeTarget, timeout: Duration) async -> ProbeOutcome {
        await self.clock.sleep(until: self.clock.now + self.dice.milliseconds(5...400))
        let (now, comesUp, fails) = (
            self.clock.now, self.dice.seconds(0...60), self.dice.chance(self.scenario.probeFailures)
        )
        return self.state.withLock { state in
            state.asked += 1
            state.timeouts.insert(timeout)
            let address = target.endpoint.address
            let upAt = state.upAt[address] ?? now + comesUp
            state.upAt[address] = upAt
            let detail = now >= upAt ? "status 200" : "no connection"
            let outcome = state.forced ?? ProbeOutcome(isHealthy: now >= upAt && !fails, detail: detail)
            if outcome.isHealthy { state.healthy.insert(address) }
            return outcome
        }
    }
}
