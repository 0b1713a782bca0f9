/// How machines in transition are looked at within half of the call budget: by one listing that serves all of them, or one by
/// one when they are fewer than the listing takes calls.
package struct PollPace: Sendable, Hashable {
    /// Calls for one look at all of them.
    package var callsPerLook: Int
    /// True: by one listing.
    package var isByListing: Bool
    /// Between two looks at the same machine.
    package var interval: Duration

    /// - Parameters:
    ///   - inTransition: machines that jobs wait for.
    ///   - listingCalls: calls that a listing of the account takes, as the last one did.
    package init(inTransition: Int, listingCalls: Int, requestsPerMinute: Int) {
        self.isByListing = inTransition > listingCalls
        self.callsPerLook = max(1, min(inTransition, listingCalls))
        self.interval = max(StepLimits.transitionInterval, CallShare.time(for: self.callsPerLook, requestsPerMinute: requestsPerMinute))
    }
}

/// The half of the call budget that looks at machines in transition have, and the half that sweeps have.
enum CallShare {
    /// In which so many calls stay within one half, in whole seconds.
    static func time(for calls: Int, requestsPerMinute: Int) -> Duration {
        let perMinute = max(1, requestsPerMinute / 2)
        return .seconds((calls * 60 + perMinute - 1) / perMinute)
    }
}
