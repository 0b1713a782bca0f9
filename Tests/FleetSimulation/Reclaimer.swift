import Fleet
import NovitaSimulator

/// The provider's wish for its spot machines: it announces that it takes one back, or takes it at once, and now and then fails to move one.
struct Reclaimer: Sendable {
    let universe: Universe

    func run() async {
        let dice = self.universe.dice
        for _ in 0..<self.universe.scenario.reclaims {
            await self.universe.clock.sleep(until: self.universe.clock.now + dice.seconds(30...900))
            if dice.chance(0.4) { self.universe.provider.withSimulator { simulator, _ in simulator.arm(Mishap(.failedMigration)) } }
            self.takeOne(notice: dice.chance(0.5) ? dice.seconds(60...600) : nil)
        }
    }

    private func takeOne(notice: Duration?) {
        let dice = self.universe.dice
        let taken = self.universe.provider.withSimulator { simulator, now -> String? in
            let standing = simulator.ledger(at: now).filter { $0.released == nil && $0.billingMode == .spot }
            guard !standing.isEmpty else { return nil }
            let id = standing[dice.number(0...standing.count - 1)].id
            if let notice {
                _ = try? simulator.notifySpot(id, notice: notice, at: now)
            } else {
                try? simulator.reclaimSpot(id, at: now)
            }
            return id
        }
        if let taken { self.universe.trace.add("provider \(notice == nil ? "takes" : "announces to take") \(taken) back") }
    }
}
