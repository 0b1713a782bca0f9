package import NovitaSimulator

/// Virtual time as a function of real time: real × speed + what was skipped.
package struct VirtualClock: Sendable {
    private var virtualBase: SimulatorTime
    private var realBase: ContinuousClock.Instant
    /// Virtual seconds in a real one; 0 stands still, so that time moves only by `advance`.
    package private(set) var speed: Double

    package static let speedMax = 1_000_000.0

    package init(startingAt virtual: SimulatorTime, speed: Double, at real: ContinuousClock.Instant) {
        self.virtualBase = virtual
        self.realBase = real
        self.speed = speed
    }

    package func now(at real: ContinuousClock.Instant) -> SimulatorTime {
        let elapsed = Double((real - self.realBase).wholeMicroseconds) * self.speed
        return SimulatorTime(microseconds: self.virtualBase.microseconds + Int64(elapsed))
    }

    package mutating func advance(by duration: Duration) {
        self.virtualBase = self.virtualBase + duration
    }

    /// From now on the clock runs at another speed; what it shows does not jump.
    package mutating func setSpeed(_ speed: Double, at real: ContinuousClock.Instant) {
        self.virtualBase = self.now(at: real)
        self.realBase = real
        self.speed = speed
    }
}
