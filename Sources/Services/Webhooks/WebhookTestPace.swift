internal import Fleet

/// How often tests are sent. A pure value.
///
/// Each test is a row of the delivery log and a request to a receiver, who has not asked for it.
struct WebhookTestPace {
    /// Of one tenant: enough to try a receiver out by hand, or in a script that goes through all targets.
    static let perMinuteMax = 20
    private static let minute: Duration = .seconds(60)

    /// Of the last minute, the oldest first.
    private var times: [TenantID: [Timestamp]] = [:]

    /// Counts one. - Returns: nil, or, when it is one too many and not counted, how long until there is room.
    mutating func admit(_ tenant: TenantID, at now: Timestamp) -> Duration? {
        self.times = self.times.compactMapValues { times in
            let recent = times.filter { $0 + Self.minute > now }
            return recent.isEmpty ? nil : recent
        }
        let recent = self.times[tenant, default: []]
        if let oldest = recent.first, recent.count >= Self.perMinuteMax { return oldest + Self.minute - now }
        self.times[tenant] = recent + [now]
        return nil
    }
}
