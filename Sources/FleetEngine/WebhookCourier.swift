internal import Fleet

/// Sends what is on its way to one target, until the receiver has taken it.
struct WebhookCourier: Sendable {
    let world: World
    let webhooks: Webhooks
    let target: WebhookTarget

    func run() async {
        while !Task.isCancelled {
            let seen = self.webhooks.asked.count
            var nextAt: Timestamp? = self.world.clock.now + EngineLimits.storeRetryDelay
            if self.world.view.control.observation == nil {
                do throws(StoreError) {
                    let due = try await self.webhooks.store.dueWebhooks(
                        for: self.target.id, at: self.world.clock.now, limit: EngineLimits.webhooksAtOnceMax)
                    await self.send(due.deliveries)
                    nextAt = due.deliveries.isEmpty ? due.nextAt : self.world.clock.now
                } catch {
                    self.world.storeAnswered(error)
                }
            }
            await self.webhooks.asked.wait(after: seen, until: nextAt, clock: self.world.clock)
        }
    }

    private func send(_ due: [WebhookDelivery]) async {
        await withTaskGroup(of: Void.self) { group in
            for delivery in due { group.addTask { await self.send(delivery) } }
        }
    }

    /// Nil: cut off. Targets are known by their place in the settings: one that serves another tenant now is not told what was for the one
    /// before.
    private func outcome(of delivery: WebhookDelivery) async -> WebhookDelivery? {
        guard self.target.serves(delivery.tenant) else {
            return delivery.abandoned("the target serves another tenant", at: self.world.clock.now)
        }
        let answer = await self.webhooks.sender.send(delivery, to: self.target, at: self.world.clock.now)
        return Task.isCancelled ? nil : delivery.answered(answer, at: self.world.clock.now)
    }

    private func send(_ delivery: WebhookDelivery) async {
        guard let outcome = await self.outcome(of: delivery) else { return }
        do throws(StoreError) {
            try await self.webhooks.store.settle(outcome)
            self.webhooks.count(outcome)
        } catch {
            self.world.storeAnswered(error)
            await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.storeRetryDelay)
        }
    }
}
