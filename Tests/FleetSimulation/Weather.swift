import Fleet
import NovitaSimulator

/// Droughts: for a while the provider has no room, and when it has again, at times for one machine alone.
struct Weather: Sendable {
    let universe: Universe

    func run() async {
        let dice = self.universe.dice
        for number in 0..<self.universe.scenario.droughts {
            // The first may be there before anybody comes.
            if number > 0 || dice.chance(0.5) { await self.pause(dice.seconds(0...60)) }
            self.setStock(0)
            await self.pause(dice.seconds(1...900))
            if dice.chance(0.5) {
                self.setStock(1)
                await self.pause(dice.seconds(1...300))
            }
            self.setStock(100)
        }
    }

    private func pause(_ duration: Duration) async {
        await self.universe.clock.sleep(until: self.universe.clock.now + duration)
    }

    private func setStock(_ free: Int) {
        self.universe.provider.withSimulator { simulator, now in _ = simulator.setStock(free, productID: "4090.16c62g", at: now) }
        self.universe.trace.add("provider has \(free) free in each place")
    }
}
