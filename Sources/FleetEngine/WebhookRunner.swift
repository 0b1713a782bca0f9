internal import Fleet

/// Reads the log and makes the deliveries that its changes call for; a courier for each target sends them.
///
/// What is on its way stands in the store; a crash repeats at most what was being sent, under the same event id.
final class WebhookRunner: Sendable {
    private let world: World
    private let webhooks: Webhooks
    /// Before anybody can have asked this server for anything.
    private let madeAt: Timestamp

    init(world: World, webhooks: Webhooks) {
        self.madeAt = world.clock.now
        self.world = world
        self.webhooks = webhooks
    }

    /// Returns when cancelled. A delivery under way is cut off and repeated by the next server.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.readLog() }
            for target in self.webhooks.targets {
                let courier = WebhookCourier(world: self.world, webhooks: self.webhooks, target: target)
                group.addTask { await courier.run() }
            }
        }
    }

    private func readLog() async {
        var trimAt = self.world.clock.now
        var place = Place()
        while !Task.isCancelled {
            let seen = self.world.view.revision
            do throws(StoreError) {
                // An observed deployment tells nobody anything.
                if self.world.view.control.observation == nil {
                    while try await self.readPage(&place) {}
                    if self.world.clock.now >= trimAt {
                        try await self.tidy()
                        if let position = place.read { try await self.write(WebhookAdvance(position: position), &place) }
                        trimAt = self.world.clock.now + EngineLimits.trimInterval
                    }
                }
                self.world.storeAnswered(nil)
            } catch {
                self.world.storeAnswered(error)
                // Whether it was written is not known: what the store says counts, or changes that were told would be told again.
                place = Place()
                // It may have been written, deliveries and all.
                self.webhooks.asked.raise()
                await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.storeRetryDelay)
            }
            _ = try? await self.world.view.wait(
                after: seen, until: self.world.clock.now + EngineLimits.webhookIdleInterval, clock: self.world.clock)
        }
    }

    /// How far the log has been read, and how far that is written down. What tells nobody anything is not worth a transaction: it is
    /// read again after a crash, and tells nothing again.
    private struct Place {
        var read: Revision?
        /// Nil: not known, or nothing yet. An empty log is a place too: what is changed first is told.
        var written: Revision?

        func isFarAhead(at position: Revision) -> Bool {
            position.number - (self.written ?? .zero).number >= EngineLimits.webhookRevisionsReadAgainMax
        }
    }

    /// False when the log has been read to its end.
    private func readPage(_ place: inout Place) async throws(StoreError) -> Bool {
        guard let history = self.world.view.deployment?.history, !Task.isCancelled else { return false }
        guard let position = try await self.position(&place) else {
            // What was before the first target is nobody's business; what has been asked for since is told from its next change on.
            let (instances, revision) = self.world.view.livingInstances()
            let found = instances.filter { $0.createdAt < self.madeAt }
            try await self.write(WebhookAdvance(position: revision, marks: Self.marks(of: found)), &place)
            return false
        }
        let events: [Event]
        do throws(StoreError) {
            events = try await self.world.store.events(after: position, limit: EngineLimits.webhookEventsAtOnceMax)
        } catch {
            guard case .revisionTrimmed(let oldest) = error else { throw error }
            self.world.report(.webhooksSkipped(from: position, to: oldest))
            try await self.skip(to: Revision(oldest.number - 1), &place)
            return true
        }
        guard let last = events.last else { return false }
        let advance = try await self.advance(over: events, to: last.revision, history)
        if !advance.marks.isEmpty || place.isFarAhead(at: last.revision) { try await self.write(advance, &place) }
        place.read = last.revision
        if !advance.deliveries.isEmpty { self.webhooks.asked.raise() }
        return true
    }

    /// Changes that are no longer in the log are told nobody; what has not changed since is known to have been as it is.
    private func skip(to position: Revision, _ place: inout Place) async throws(StoreError) {
        let unchanged = self.world.view.livingInstances().instances.filter { $0.revision <= position }
        let known = try await self.webhooks.store.webhookMarks(of: unchanged.map(\.id))
        let untold = unchanged.filter { known[$0.id] == nil }
        try await self.write(WebhookAdvance(position: position, marks: Self.marks(of: untold)), &place)
    }

    private static func marks(of instances: [Instance]) -> [InstanceID: WebhookMark] {
        Dictionary(instances.map { ($0.id, WebhookMark(asFound: $0)) }) { first, _ in first }
    }

    private func position(_ place: inout Place) async throws(StoreError) -> Revision? {
        if let read = place.read { return read }
        guard let written = try await self.webhooks.store.webhookPosition() else { return nil }
        (place.read, place.written) = (written, written)
        return written
    }

    private func write(_ advance: WebhookAdvance, _ place: inout Place) async throws(StoreError) {
        if let written = place.written, advance.position <= written, advance.marks.isEmpty { return }
        try await self.webhooks.store.advanceWebhooks(advance)
        (place.read, place.written) = (advance.position, advance.position)
    }

    private func advance(over events: [Event], to position: Revision, _ history: HistoryID) async throws(StoreError) -> WebhookAdvance {
        let instances = events.compactMap { event -> Instance? in if case .instance(let instance) = event.object { instance } else { nil } }
        guard !instances.isEmpty else { return WebhookAdvance(position: position) }
        let known = try await self.webhooks.store.webhookMarks(of: Set(instances.map(\.id)).sorted())
        var marks = known
        var told: [WebhookEvent] = []
        for instance in instances { told += marks[instance.id, default: WebhookMark()].events(of: instance, history: history) }
        return WebhookAdvance(
            position: position, marks: marks.filter { known[$0.key] != $0.value }, deliveries: try await self.deliveries(of: told))
    }

    private func deliveries(of told: [WebhookEvent]) async throws(StoreError) -> [WebhookDelivery] {
        guard !told.isEmpty else { return [] }
        let pending = try await self.webhooks.store.pendingWebhooks()
        var counts = pending.mapValues(\.count)
        var deliveries: [WebhookDelivery] = []
        for event in told {
            for target in self.webhooks.targets where target.wants(event) {
                counts[target.id, default: 0] += 1
                deliveries.append(self.delivery(of: event, to: target, onTheirWay: counts[target.id] ?? 0))
            }
        }
        return deliveries
    }

    private func delivery(of event: WebhookEvent, to target: WebhookTarget, onTheirWay count: Int) -> WebhookDelivery {
        let delivery = WebhookDelivery(event, target: target, at: self.world.clock.now)
        guard count > EngineLimits.webhooksPendingMax else { return delivery }
        let abandoned = delivery.abandoned("too many are on their way to \(target.id)", at: self.world.clock.now)
        self.webhooks.count(abandoned)
        return abandoned
    }

    /// Drops what is old, and leaves alone what nobody sends any more.
    private func tidy() async throws(StoreError) {
        let store = self.webhooks.store
        let pending = try await store.pendingWebhooks()
        self.webhooks.note(pending)
        let known = Set(self.webhooks.targets.map(\.id))
        for target in pending.keys.sorted() where !known.contains(target) {
            try await self.abandon(target)
        }
        try await store.trimWebhooks(
            before: self.world.clock.now - EngineLimits.webhookRetention, keeping: EngineLimits.webhooksKeptMax)
    }

    private func abandon(_ target: String) async throws(StoreError) {
        let far = Timestamp(microseconds: .max)
        while true {
            let due = try await self.webhooks.store.dueWebhooks(for: target, at: far, limit: EngineLimits.webhookEventsAtOnceMax)
            guard !due.deliveries.isEmpty, !Task.isCancelled else { return }
            for delivery in due.deliveries {
                try await self.webhooks.store.settle(
                    delivery.abandoned("there is no target \(target) any more", at: self.world.clock.now))
            }
        }
    }
}
