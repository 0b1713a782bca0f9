internal import Fleet
internal import Synchronization

/// Remembers durably that a call which makes something may have left, until it is seen what came of it or it can bring nothing more.
///
/// The provider's lists lag: what was made a moment ago, or by a call whose answer was lost, may not show yet. Whoever looked only at the
/// list would make it twice. So the call is written down before it leaves, under the name of what it makes, and while such a call is
/// open the name is not made again. A later server finds the same entries: they are request records, which a restart does not forget.
final class MakingJournal: Sendable {
    /// Calls for one name within a span; refused ones do not stay open, so that this many are mistakes.
    private static let callsPerSpanMax = 32
    /// Of what was made, so that its deletion frees the name at once; without it the name is free after the span.
    private static let madeMax = 1000
    private static let method = "novitai.make"
    private static let closedMethod = "novitai.made"

    /// One call, as it is written down.
    struct Entry: Sendable, Hashable {
        fileprivate var id: String
        fileprivate var sentAt: Timestamp
    }

    private let store: any Store
    private let clock: any Clock
    /// So long after it was written down a call may still show: `REQUEST_TIMEOUT` and `SETTLE_WINDOW`.
    private let span: Duration
    private let clockDoubt: @Sendable () -> String?
    private let made = Mutex<[(thing: String, entry: Entry)]>([])

    /// - Parameter clockDoubt: why this machine's clock is not believed; nil while it is. When a call can bring nothing more is reckoned by it.
    init(store: any Store, clock: any Clock, settings: FleetSettings, clockDoubt: @escaping @Sendable () -> String?) {
        self.clockDoubt = clockDoubt
        self.store = store
        self.clock = clock
        self.span = settings.requestTimeout + settings.settleWindow
    }

    /// Writes down that a call for the name is about to leave.
    ///
    /// - Throws: a `CloudError` that may have taken effect while an earlier call for the name may still show; one that has not while the
    ///   clock is in doubt.
    func open(_ name: String, subject: String, audit: AuditEntry) async throws -> Entry {
        if let doubt = self.clockDoubt() { throw CloudError(.unavailable, doubt, mayHaveTakenEffect: false) }
        while true {
            let now = self.clock.now
            if let earlier = try await self.unsettled(name, at: now) { throw self.refusal(subject, earlier, at: now) }
            let entry = Entry(id: try await self.freeID(of: name, at: now), sentAt: now)
            // When another server was faster, its call counts.
            if try await self.write(Self.method, entry, guards: [.permitted(.begin)], audit: [audit]) { return entry }
        }
    }

    /// False when it stands there already.
    private func write(_ method: String, _ entry: Entry, guards: [Guard] = [], audit: [AuditEntry] = []) async throws(StoreError) -> Bool {
        let key = Self.key(method, entry.id)
        do throws(StoreError) {
            _ = try await self.store.commit(
                Commit(guards: guards + [.requestIsNew(key)], request: Self.record(key, at: self.clock.now), audit: audit))
            return true
        } catch {
            guard case .requestExists = error else { throw error }
            return false
        }
    }

    /// What came of the call is certain: it made nothing, or what it made has been seen or deleted.
    func close(_ entry: Entry) async throws(StoreError) {
        _ = try await self.write(Self.closedMethod, entry)
    }

    /// It shows: what an earlier call for the name made. The call stays open, since another list may lag behind this one.
    func seen(_ thing: String, named name: String) async throws(StoreError) {
        guard !self.made.withLock({ $0.contains { $0.thing == thing } }) else { return }
        if let entry = try await self.unsettled(name, at: self.clock.now) { self.note(thing, madeBy: entry) }
    }

    /// The call made this, which may not show yet.
    func note(_ thing: String, madeBy entry: Entry) {
        self.made.withLock { made in
            if made.count == Self.madeMax { made.removeFirst() }
            made.append((thing, entry))
        }
    }

    /// It is deleted: its name may be made again.
    func deleted(_ thing: String) async throws(StoreError) {
        let entries = self.made.withLock { made in
            let entries = made.filter { $0.thing == thing }.map(\.entry)
            made.removeAll { $0.thing == thing }
            return entries
        }
        for entry in entries { try await self.close(entry) }
    }

    private func refusal(_ subject: String, _ earlier: Entry, at now: Timestamp) -> CloudError {
        let (age, rest) = (now - earlier.sentAt, earlier.sentAt + self.span - now)
        return CloudError(
            .unavailable, "\(subject) was asked for \(age.components.seconds) s ago and does not show yet; it is not asked for twice",
            retryAfter: min(rest, .seconds(30)), mayHaveTakenEffect: true)
    }

    // MARK: Entries

    /// The newest call for the name that may still show something; nil when there is none.
    private func unsettled(_ name: String, at now: Timestamp) async throws(StoreError) -> Entry? {
        for span: Int64 in [0, -1] {
            for number in 0..<Self.callsPerSpanMax {
                let id = self.id(of: name, number, spansFromNow: span, at: now)
                guard let record = try await self.store.request(Self.key(Self.method, id)) else { break }
                guard record.createdAt + self.span > now else { continue }
                if try await self.store.request(Self.key(Self.closedMethod, id)) == nil {
                    return Entry(id: id, sentAt: record.createdAt)
                }
            }
        }
        return nil
    }

    private func freeID(of name: String, at now: Timestamp) async throws -> String {
        for number in 0..<Self.callsPerSpanMax {
            let id = self.id(of: name, number, spansFromNow: 0, at: now)
            if try await self.store.request(Self.key(Self.method, id)) == nil { return id }
        }
        throw FleetError(.contention, "the same name was made and deleted too often; try again later", retryAfter: .seconds(60))
    }

    /// Numbered within spans of time, so that the open ones are found without a list.
    private func id(of name: String, _ number: Int, spansFromNow: Int64, at now: Timestamp) -> String {
        let width = max(1, self.span.components.seconds * 1_000_000)
        return "\(now.microseconds / width + spansFromNow).\(number).\(name)"
    }

    /// The account is one for all tenants.
    private static func key(_ method: String, _ id: String) -> RequestKey {
        RequestKey(tenant: .default, method: method, requestID: id)
    }

    private static func record(_ key: RequestKey, at now: Timestamp) -> RequestRecord {
        RequestRecord(
            key: key, payloadDigest: [], instanceID: InstanceID(rawValue: ""), jobID: JobID(rawValue: ""), createdAt: now)
    }
}
