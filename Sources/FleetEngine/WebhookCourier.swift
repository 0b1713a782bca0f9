internal import Fleet
internal import Synchronization

/// Sends what is on its way to one target, until the receiver has taken it: a few at a time, so that a receiver that hangs over one delivery
/// holds up none of the others.
struct WebhookCourier: Sendable {
    private let world: World
    private let webhooks: Webhooks
    private let target: WebhookTarget
    private let flight = Flight()

    init(world: World, webhooks: Webhooks, target: WebhookTarget) {
        self.world = world
        self.webhooks = webhooks
        self.target = target
    }

    /// The deliveries that are being sent, or whose outcome is not written yet.
    private final class Flight: Sendable {
        let ids = Mutex<Set<String>>([])
        /// Raised when one of them has ended, and when there may be something new to send.
        let changed = Signal()
    }

    func run() async {
        // Before the store is asked for the first time: what is raised from now on is news, however late `hear` comes to its turn.
        let asked = self.webhooks.asked.count
        await withDiscardingTaskGroup { group in
            group.addTask { await self.hear(after: asked) }
            while !Task.isCancelled {
                let seen = self.flight.changed.count
                let nextAt = await self.dispatch(in: &group)
                await self.flight.changed.wait(after: seen, until: nextAt, clock: self.world.clock)
            }
        }
    }

    /// What is raised for all couriers is passed on to this one.
    private func hear(after asked: UInt64) async {
        var seen = asked
        while !Task.isCancelled {
            await self.webhooks.asked.wait(after: seen, until: nil, clock: self.world.clock)
            seen = self.webhooks.asked.count
            self.flight.changed.raise()
        }
    }

    /// Begins to send what is due, as far as there is room. - Returns: when to look again, if nothing happens before.
    private func dispatch(in group: inout DiscardingTaskGroup) async -> Timestamp? {
        let retryAt = self.world.clock.now + EngineLimits.storeRetryDelay
        guard self.world.view.control.observation == nil else { return retryAt }
        // Read before the store is asked: what ends in the meantime may stand in the answer as it was before.
        let busy = self.flight.ids.withLock { $0 }
        guard busy.count < EngineLimits.webhooksAtOnceMax else { return nil }
        do throws(StoreError) {
            let due = try await self.webhooks.store.dueWebhooks(
                for: self.target.id, at: self.world.clock.now, limit: EngineLimits.webhooksAtOnceMax)
            for delivery in due.deliveries where !busy.contains(delivery.id) {
                self.flight.ids.withLock { _ = $0.insert(delivery.id) }
                group.addTask { await self.carry(delivery) }
            }
            return due.nextAt
        } catch {
            self.world.storeAnswered(error)
            return retryAt
        }
    }

    private func carry(_ delivery: WebhookDelivery) async {
        if let outcome = await self.outcome(of: delivery) { await self.write(outcome) }
        self.flight.ids.withLock { _ = $0.remove(delivery.id) }
        self.flight.changed.raise()
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

    /// Until it is written: the receiver is not asked again for what only the store does not know. The delivery keeps its place meanwhile,
    /// so that no more than those few wait for a store that is away.
    private func write(_ outcome: WebhookDelivery) async {
        while !Task.isCancelled {
            do throws(StoreError) {
                try await self.webhooks.store.settle(outcome)
                self.world.storeAnswered(nil)
                return self.webhooks.count(outcome)
            } catch {
                self.world.storeAnswered(error)
                await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.storeRetryDelay)
            }
        }
    }
}
