/// How machines in transition are looked at within their share of the call budget: by one listing that serves all of them, or one by
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
        self.interval = max(
            StepLimits.transitionInterval, CallShare.transitions.time(for: self.callsPerLook, requestsPerMinute: requestsPerMinute))
    }
}

/// What of the call budget regular looks may take, so that a fourth is always there for what changes something: with less, sweeps, which give
/// way to all others, came late while machines were made and deleted. What they leave is anybody's.
enum CallShare {
    /// Looks at machines in transition.
    case transitions
    /// As `CallBudget` grants it in the long run: half, less the tenth that may come at once.
    case sweeps

    /// In which so many calls stay within the share, in whole seconds.
    func time(for calls: Int, requestsPerMinute: Int) -> Duration {
        let percent = self == .transitions ? 30 : 45
        let perHundredMinutes = max(100, requestsPerMinute * percent)
        return .seconds((calls * 6000 + perHundredMinutes - 1) / perHundredMinutes)
    }
}
