import Fleet
import SQLiteStore
import Synchronization

/// Somebody who is told of events over HTTP: slow, and away now and then. A second target takes connections and never answers.
final class SimulatedReceiver: Sendable {
    struct Taken: Hashable, Sendable {
        var instance: InstanceID
        var sequence: Int64
        var type: String
    }

    static let target = WebhookTarget(id: "default", url: "https://receiver")
    static let silent = WebhookTarget(id: "silent", url: "https://silent")
    /// Of one event, whether the answer was lost or the receiver away.
    private static let failuresMax = 2

    private struct State {
        var taken: [String: Taken] = [:]
        var takenAgain = 0
        var failures: [String: Int] = [:]
        var begunAt: Revision?
        var begunWith: [InstanceID: WebhookMark] = [:]
        var sent: [String: Int] = [:]
        var isUnwritable = false
        var hangsOver: String?
    }

    private let state = Mutex(State())

    /// By event id.
    var taken: [String: Taken] { self.state.withLock { $0.taken } }
    var takenAgain: Int { self.state.withLock { $0.takenAgain } }
    /// From where the log was read.
    var begunAt: Revision? { self.state.withLock { $0.begunAt } }

    /// Attempts by delivery.
    var sent: [String: Int] { self.state.withLock { $0.sent } }
    /// The store takes no outcome of an attempt.
    var isUnwritable: Bool {
        get { self.state.withLock { $0.isUnwritable } }
        set { self.state.withLock { $0.isUnwritable = newValue } }
    }
    /// Events of this type are not answered for a long time; nil: all are.
    var hangsOver: String? {
        get { self.state.withLock { $0.hangsOver } }
        set { self.state.withLock { $0.hangsOver = newValue } }
    }

    fileprivate func arrived(_ delivery: WebhookDelivery) { self.state.withLock { $0.sent[delivery.id, default: 0] += 1 } }

    /// What was known then, and is told only as it changes.
    var begunWith: [InstanceID: WebhookMark] { self.state.withLock { $0.begunWith } }

    func reads(from advance: WebhookAdvance) {
        self.state.withLock { state in
            guard state.begunAt == nil else { return }
            (state.begunAt, state.begunWith) = (advance.position, advance.marks)
        }
    }

    fileprivate func answer(_ delivery: WebhookDelivery, fails: Bool, takesBefore: Bool) -> WebhookAnswer {
        self.state.withLock { state in
            let isDown = fails && state.failures[delivery.id, default: 0] < Self.failuresMax
            if isDown { state.failures[delivery.id, default: 0] += 1 }
            if !isDown || takesBefore, let instance = delivery.instanceID {
                let taken = Taken(instance: instance, sequence: delivery.sequence, type: delivery.type)
                if state.taken.updateValue(taken, forKey: delivery.eventID) != nil { state.takenAgain += 1 }
            }
            return isDown ? WebhookAnswer(status: takesBefore ? nil : 503, error: "away") : WebhookAnswer(status: 204)
        }
    }
}

/// One server's way to the receiver: what a dead server sends arrives nowhere.
struct ReceiverLine: WebhookSender {
    let receiver: SimulatedReceiver
    let clock: VirtualClock
    let dice: Dice
    let life: Life

    func send(_ delivery: WebhookDelivery, to target: WebhookTarget, at now: Timestamp) async -> WebhookAnswer {
        if target == SimulatedReceiver.silent {
            await self.clock.sleep(until: self.clock.now + .seconds(10))
            return WebhookAnswer(status: nil, error: "no answer in time")
        }
        self.receiver.arrived(delivery)
        if delivery.type == self.receiver.hangsOver { await self.clock.sleep(until: self.clock.now + .seconds(600)) }
        await self.clock.sleep(until: self.clock.now + self.dice.milliseconds(1...800))
        let (fails, takesBefore) = (self.dice.chance(0.3), self.dice.chance(0.5))
        guard self.life.isAlive else { return WebhookAnswer(status: nil, error: "crashed") }
        return self.receiver.answer(delivery, fails: fails, takesBefore: takesBefore)
    }
}

/// What the store keeps of webhooks, cut off by the same crashes.
struct CrashableWebhooks: WebhookStore {
    let store: CrashableStore
    let receiver: SimulatedReceiver

    func webhookPosition() async throws(StoreError) -> Revision? {
        try await self.store.perform { () async throws(StoreError) in try await self.store.inner.webhookPosition() }
    }

    func webhookMarks(of ids: [InstanceID]) async throws(StoreError) -> [InstanceID: WebhookMark] {
        try await self.store.perform { () async throws(StoreError) in try await self.store.inner.webhookMarks(of: ids) }
    }

    func advanceWebhooks(_ advance: WebhookAdvance) async throws(StoreError) {
        try await self.store.perform { () async throws(StoreError) in
            try await self.store.inner.advanceWebhooks(advance)
            self.receiver.reads(from: advance)
        }
    }

    func dueWebhooks(for target: String, at now: Timestamp, limit: Int) async throws(StoreError) -> DueWebhooks {
        try await self.store.perform { () async throws(StoreError) in
            try await self.store.inner.dueWebhooks(for: target, at: now, limit: limit)
        }
    }

    func pendingWebhooks() async throws(StoreError) -> [String: PendingWebhooks] {
        try await self.store.perform { () async throws(StoreError) in try await self.store.inner.pendingWebhooks() }
    }

    func webhook(_ id: String) async throws(StoreError) -> WebhookDelivery? {
        try await self.store.perform { () async throws(StoreError) in try await self.store.inner.webhook(id) }
    }

    func write(_ delivery: WebhookDelivery, request: RequestRecord, audit: AuditEntry) async throws(StoreError) {
        try await self.store.perform { () async throws(StoreError) in
            try await self.store.inner.write(delivery, request: request, audit: audit)
        }
    }

    func settle(_ delivery: WebhookDelivery) async throws(StoreError) {
        if self.receiver.isUnwritable { throw .unavailable("read-only file system") }
        try await self.store.perform { () async throws(StoreError) in try await self.store.inner.settle(delivery) }
    }

    func webhooks(of tenant: TenantID, before: Int64?, limit: Int) async throws(StoreError) -> [WebhookRecord] {
        try await self.store.perform { () async throws(StoreError) in
            try await self.store.inner.webhooks(of: tenant, before: before, limit: limit)
        }
    }

    func trimWebhooks(before time: Timestamp, keeping: Int) async throws(StoreError) {
        try await self.store.perform { () async throws(StoreError) in
            try await self.store.inner.trimWebhooks(before: time, keeping: keeping)
        }
    }
}
