internal import Fleet

/// Reads the account's balance now and then, and soon when something was refused for it. What it last was stands in the monitor; a reading
/// that fails changes nothing but that.
struct AccountWatcher: Sendable {
    let world: World

    /// Returns when cancelled.
    func run() async {
        while !Task.isCancelled {
            let isRead = await self.read()
            let readAt = self.world.clock.now
            let seen = self.world.monitor.balanceDoubted.count
            await self.world.clock.sleep(until: readAt + EngineLimits.balanceRetryInterval)
            guard isRead else { continue }
            await self.world.monitor.balanceDoubted.wait(after: seen, until: readAt + EngineLimits.balanceInterval, clock: self.world.clock)
        }
    }

    private func read() async -> Bool {
        do throws(CloudError) {
            let balance = try await self.world.cloud.balance(call: self.world.call(.sweep, requestID: "balance"))
            self.world.upstreamAnswered(nil)
            let funds = Funds(balance: balance, readAt: self.world.clock.now)
            self.world.monitor.update {
                $0.funds = funds
                $0.lastBalanceError = nil
            }
            return true
        } catch {
            self.world.upstreamAnswered(error)
            let failure = FleetMonitor.Failure(text: "\(error)", at: self.world.clock.now)
            self.world.monitor.update { $0.lastBalanceError = failure }
            return false
        }
    }
}
