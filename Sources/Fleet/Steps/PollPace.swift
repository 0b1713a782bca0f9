/// How machines in transition are looked at within half of the call budget: by one listing that serves all of them, or one by
/// one when they are fewer than the listing has pages.
package struct PollPace: Sendable, Hashable {
    /// Machines that a page of a listing holds, as the provider's documentation has it.
    package static let pageSize = 100

    /// Calls for one look at all of them.
    package var callsPerLook: Int
    /// True: by one listing.
    package var isByListing: Bool
    /// Between two looks at the same machine.
    package var interval: Duration

    /// - Parameters:
    ///   - inTransition: machines that jobs wait for.
    ///   - accountMachines: machines on the account, as the last listing showed.
    package init(inTransition: Int, accountMachines: Int, requestsPerMinute: Int) {
        let pages = max(1, (accountMachines + Self.pageSize - 1) / Self.pageSize)
        self.isByListing = inTransition > pages
        self.callsPerLook = max(1, min(inTransition, pages))
        let perMinute = max(1, requestsPerMinute / 2)
        let seconds = (self.callsPerLook * 60 + perMinute - 1) / perMinute
        self.interval = max(StepLimits.transitionInterval, .seconds(seconds))
    }

    /// Between two sweeps: as configured, or slower when the pages of a sweep would take more than half of the budget.
    package static func sweepInterval(configured: Duration, accountMachines: Int, requestsPerMinute: Int) -> Duration {
        let pages = max(1, (accountMachines + Self.pageSize - 1) / Self.pageSize)
        let perMinute = max(1, requestsPerMinute / 2)
        return max(configured, .seconds((pages * 60 + perMinute - 1) / perMinute))
    }
}
