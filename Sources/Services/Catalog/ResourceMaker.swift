internal import Fleet
internal import Synchronization

/// Makes things at the provider, each once, however often it is asked for.
///
/// The provider knows no request id and no unique names. So names are made unique here: what is there under the name, just as asked
/// for, is the answer; something else under the name is an error; only then one is made. Two calls for one name wait for each other,
/// and after a call whose outcome is unclear the list is asked what came of it. What does not show yet is not made a second time before
/// the settle window is over; see `MakingJournal`.
final class ResourceMaker: Sendable {
    /// Looks for what was made and does not show yet, and the time between them: a new network takes up to ten seconds.
    static let looksMax = 6
    static let lookInterval: Duration = .seconds(2)
    /// Calls that wait for another call for the same name.
    private static let waitingMax = 256

    /// What is asked for. `Item` is the provider's thing.
    struct Wish<Item: Sendable>: Sendable {
        /// Kind and name: what must be unique.
        var key: String
        /// For people, as in "the template worker".
        var subject: String
        /// As a deletion names it, kind and id.
        var identify: @Sendable (Item) -> String
        /// Of everything that is there now, those under the name.
        var find: @Sendable () async throws(CloudError) -> [Item]
        var isAsWished: @Sendable (Item) -> Bool
        /// Makes it; answers it where the provider tells enough.
        var make: @Sendable () async throws(CloudError) -> Item?
    }

    struct Made<Item: Sendable>: Sendable {
        var item: Item
        var existed: Bool
    }

    private let clock: any Clock
    private let journal: MakingJournal
    private let busy = Mutex<Set<String>>([])
    private let waiters = Waiters<String>(limit: waitingMax)

    init(clock: any Clock, journal: MakingJournal) {
        self.clock = clock
        self.journal = journal
    }

    /// - Parameters:
    ///   - audit: stands in the audit log once the provider is asked.
    ///   - isValidateOnly: everything but the making; nil when it would be made.
    func make<Item>(
        _ wish: Wish<Item>, audit: AuditEntry, deadline: Timestamp, isValidateOnly: Bool
    ) async throws -> Made<Item>? {
        try await self.enter(wish.key)
        defer { self.leave(wish.key) }
        if let item = try self.same(as: wish, in: try await wish.find()) {
            try await self.journal.seen(wish.identify(item), named: wish.key)
            return Made(item: item, existed: true)
        }
        if isValidateOnly { return nil }
        let entry = try await self.journal.open(wish.key, subject: wish.subject, audit: audit)
        let item = try await self.ask(for: wish, entry, until: deadline)
        self.journal.note(wish.identify(item), madeBy: entry)
        return Made(item: item, existed: false)
    }

    /// The one call, and a look for what came of it where its answer does not say.
    private func ask<Item>(for wish: Wish<Item>, _ entry: MakingJournal.Entry, until deadline: Timestamp) async throws -> Item {
        var failure = CloudError(.malformedReply, "\(wish.subject) was asked for and does not show yet", mayHaveTakenEffect: true)
        do throws(CloudError) {
            if let item = try await wish.make() { return item }
        } catch {
            guard error.mayHaveTakenEffect else {
                // An entry that stays open holds the name back for a while, no more.
                try? await self.journal.close(entry)
                throw error
            }
            failure = error
        }
        if let item = await self.look(for: wish, until: deadline) { return item }
        throw failure
    }

    /// Changes something while nobody makes or changes anything else under the key.
    func holding<Result>(_ key: String, _ body: () async throws -> Result) async throws -> Result {
        try await self.enter(key)
        defer { self.leave(key) }
        return try await body()
    }

    /// A thing that is deleted, or gets another name, gives its name away.
    func deleted(_ thing: String) async throws(StoreError) {
        try await self.journal.deleted(thing)
    }

    private func same<Item>(as wish: Wish<Item>, in items: [Item]) throws(FleetError) -> Item? {
        if let item = items.first(where: wish.isAsWished) { return item }
        guard items.isEmpty else { throw FleetError(.nameTaken, "there is another \(wish.subject)") }
        return nil
    }

    /// Failed looks are like those that show nothing: the caller hears how the making ended.
    private func look<Item>(for wish: Wish<Item>, until deadline: Timestamp) async -> Item? {
        for number in 1...Self.looksMax {
            if let item = try? await wish.find().first(where: wish.isAsWished) { return item }
            let next = self.clock.now + Self.lookInterval
            guard number < Self.looksMax, next < deadline, !Task.isCancelled else { return nil }
            await self.clock.sleep(until: next)
        }
        return nil
    }

    // MARK: One call for a name at a time

    private func enter(_ key: String) async throws {
        while !self.busy.withLock({ $0.insert(key).inserted }) {
            let hasRoom = await self.waiters.wait(for: key) { self.busy.withLock { !$0.contains(key) } }
            guard hasRoom else { throw FleetError(.tooManyWaiters, "too many calls wait for others with the same name") }
            try Task.checkCancellation()
        }
    }

    private func leave(_ key: String) {
        self.busy.withLock { _ = $0.remove(key) }
        self.waiters.wake(key)
    }
}
