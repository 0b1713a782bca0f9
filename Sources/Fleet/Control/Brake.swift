/// How many machines may be stopped or deleted without a call that asks for it: a mistake of a policy, or of ours, must not take the
/// fleet down before anybody has seen it.
package struct Brake: Hashable, Sendable {
    /// Over which the share of the fleet is counted.
    package static let fleetWindow: Duration = .seconds(600)
    package static let minute: Duration = .seconds(60)

    /// A share of a few machines is none or one, and one ending in ten minutes would keep a handful of idle machines billed for an hour.
    /// So many may always end: few enough that somebody who is told of the first sees the fleet before the rest.
    package static let fleetAllowedMin = 3

    /// `BRAKE_MAX_PER_MINUTE`.
    package var maxPerMinute: Int
    /// `BRAKE_MAX_FLEET_PERCENT` of the machines not proven gone, within `fleetWindow`; always at least `fleetAllowedMin`.
    package var maxFleetPercent: Int

    package init(maxPerMinute: Int = 20, maxFleetPercent: Int = 20) {
        self.maxPerMinute = maxPerMinute
        self.maxFleetPercent = maxFleetPercent
    }

    /// What keeps one more from being ended; nil when nothing does.
    ///
    /// - Parameters:
    ///   - inMinute: machines that were ended automatically in the last minute.
    ///   - inWindow: the same in the last `fleetWindow`.
    ///   - fleet: machines not proven gone, without creates that still stand in line for capacity.
    package func reached(inMinute: Int, inWindow: Int, fleet: Int) -> BrakeReached? {
        if inMinute >= self.maxPerMinute { return BrakeReached(limit: .perMinute, allowed: self.maxPerMinute, used: inMinute) }
        let allowed = max(Self.fleetAllowedMin, fleet * self.maxFleetPercent / 100)
        return inWindow >= allowed ? BrakeReached(limit: .fleetPercent, allowed: allowed, used: inWindow) : nil
    }
}

package struct BrakeReached: Hashable, Sendable {
    package enum Limit: String, Hashable, Sendable {
        case perMinute = "BRAKE_MAX_PER_MINUTE"
        case fleetPercent = "BRAKE_MAX_FLEET_PERCENT"
    }

    package var limit: Limit
    package var allowed: Int
    package var used: Int

    package init(limit: Limit, allowed: Int, used: Int) {
        self.limit = limit
        self.allowed = allowed
        self.used = used
    }
}

extension BrakeReached: CustomStringConvertible {
    package var description: String {
        let span = self.limit == .perMinute ? "minute" : "\(Brake.fleetWindow.components.seconds / 60) minutes"
        return "the brake holds (\(self.limit.rawValue)): \(self.used) automatic stops and deletes in a \(span), \(self.allowed) allowed"
    }
}
