import Fleet

/// Somebody who freezes the fleet now and then, looks, and lets it go on.
struct Overseer: Sendable {
    let universe: Universe

    func run() async {
        for number in 0..<self.universe.scenario.freezes {
            await self.pause(self.universe.dice.seconds(0...120))
            await self.say(true, "freeze \(number)")
            await self.pause(self.universe.dice.seconds(1...600))
            await self.say(false, "unfreeze \(number)")
        }
    }

    private func pause(_ duration: Duration) async {
        await self.universe.clock.sleep(until: self.universe.clock.now + duration)
    }

    /// Repeats until there is an answer.
    private func say(_ isFrozen: Bool, _ word: String) async {
        let caller = FleetGovernor.Caller(
            actor: "overseer", request: RequestKey(tenant: .default, method: "SetFreeze", requestID: word), payloadDigest: [1])
        while !Task.isCancelled {
            if let server = self.universe.server, server.isServing,
                (try? await server.governor.setFreeze(isFrozen, reason: "looking", by: caller)) != nil
            {
                return self.universe.trace.add("overseer \(word)")
            }
            await self.pause(.seconds(1))
        }
    }
}
