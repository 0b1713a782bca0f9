package import NovitaSimulator
internal import Synchronization

/// One simulator under a lock, with the clock that drives it. Time passes whenever somebody asks; there is no timer.
package final class SimulatorHost: Sendable {
    private struct State: Sendable {
        var simulator: NovitaSimulator
        var clock: VirtualClock
        var seed: UInt64
    }

    private let configuration: SimulatorConfiguration
    private let initialSpeed: Double
    private let state: Mutex<State>

    package init(configuration: SimulatorConfiguration, seed: UInt64, speed: Double, startingAt start: SimulatorTime) {
        self.configuration = configuration
        self.initialSpeed = speed
        let state = State(
            simulator: NovitaSimulator(configuration: configuration, seed: seed, startingAt: start),
            clock: VirtualClock(startingAt: start, speed: speed, at: .now), seed: seed)
        self.state = Mutex(state)
    }

    /// The simulator and the present moment. Nobody else can look in the meantime, so `body` must be short.
    package func withSimulator<Result: Sendable, Failure: Error>(
        _ body: (inout NovitaSimulator, SimulatorTime) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.state.withLock { state throws(Failure) in
            let now = state.clock.now(at: .now)
            state.simulator.advance(to: now)
            return try body(&state.simulator, now)
        }
    }

    /// Skips time, changes the speed, or just tells: what the clock shows and how fast it runs.
    package func adjustClock(advance: Duration = .zero, speed: Double? = nil) -> (now: SimulatorTime, speed: Double) {
        self.state.withLock { state in
            state.clock.advance(by: advance)
            if let speed { state.clock.setSpeed(speed, at: .now) }
            let now = state.clock.now(at: .now)
            state.simulator.advance(to: now)
            return (now, state.clock.speed)
        }
    }

    /// Begins anew, as after a start of the program: no machines but the initial ones, no bill, no faults, the first speed.
    /// The clock goes on from what it shows.
    package func reset(seed: UInt64?) {
        self.state.withLock { state in
            let now = state.clock.now(at: .now)
            state.seed = seed ?? state.seed
            state.clock.setSpeed(self.initialSpeed, at: .now)
            state.simulator = NovitaSimulator(configuration: self.configuration, seed: state.seed, startingAt: now)
        }
    }
}
