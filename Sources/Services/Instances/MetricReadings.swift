internal import Fleet
internal import Synchronization

/// What was lately measured of machines: a dashboard on many screens asks the provider once.
///
/// The first who needs a reading makes it in its own task, and the others wait for that. Should that task be cancelled, one of those who
/// wait makes it anew; should it fail, the failure stands for a moment too, so that nobody asks a provider that is away in a row.
final class MetricReadings: Sendable {
    /// The provider's points are at least so far apart: asking sooner brings nothing new.
    static let timeToLive: Duration = MetricWindow.intervalMin
    static let failureTimeToLive: Duration = .seconds(2)
    /// Readings that are kept, a few KiB each; the oldest goes.
    static let keptMax = 256
    /// Bytes of points that are kept. A long window of a machine with many GPUs takes half a megabyte, and nobody looks at hundreds of those.
    static let bytesMax = 16 << 20
    private static let waitingMax = 1024

    struct Key: Hashable, Sendable {
        var machine: UpstreamID
        var start: Timestamp
        var end: Timestamp
        var interval: Duration
    }

    private enum Entry: Sendable {
        case asked
        case known(Result<Fetched<MachineMetrics>, CloudError>, until: Timestamp)
    }

    private enum Role {
        case use(Result<Fetched<MachineMetrics>, CloudError>)
        case ask
        case wait
    }

    private let entries = Mutex<[Key: Entry]>([:])
    private let waiters = Waiters<Key>(limit: waitingMax)

    func reading(
        _ key: Key, clock: any Clock, ask: () async throws(CloudError) -> MachineMetrics
    ) async throws -> Fetched<MachineMetrics> {
        while true {
            switch self.role(for: key, at: clock.now) {
            case .use(let result): return try result.get()
            case .ask: return try await self.lead(key, clock, ask)
            case .wait:
                guard await self.waiters.wait(for: key, unless: { !self.isAsked(key) }) else {
                    throw FleetError(.tooManyWaiters, "too many calls wait for metrics")
                }
                try Task.checkCancellation()
            }
        }
    }

    private func isAsked(_ key: Key) -> Bool {
        self.entries.withLock { if case .asked = $0[key] { true } else { false } }
    }

    private func role(for key: Key, at now: Timestamp) -> Role {
        self.entries.withLock { entries in
            switch entries[key] {
            case .asked: return .wait
            case .known(let result, let until) where now < until: return .use(result)
            case .known, nil:
                Self.makeRoom(in: &entries, at: now)
                entries[key] = .asked
                return .ask
            }
        }
    }

    private static func makeRoom(in entries: inout [Key: Entry], at now: Timestamp) {
        guard entries.count >= self.keptMax else { return }
        let known = entries.compactMap { key, entry -> (key: Key, until: Timestamp)? in
            if case .known(_, let until) = entry { (key, until) } else { nil }
        }
        for old in known where old.until <= now { entries[old.key] = nil }
        guard entries.count >= self.keptMax, let oldest = known.min(by: { $0.until < $1.until }) else { return }
        entries[oldest.key] = nil
    }

    /// The newest reading stays, whatever its size: those who wait for it have it from here.
    private static func limitBytes(of entries: inout [Key: Entry]) {
        let known = entries.compactMap { key, entry -> (key: Key, until: Timestamp, bytes: Int)? in
            guard case .known(.success(let reading), let until) = entry else { return nil }
            return (key, until, reading.value.pointCount * MemoryLayout<MetricPoint>.stride)
        }
        var bytes = known.reduce(0) { $0 + $1.bytes }
        for old in known.sorted(by: { $0.until < $1.until }).dropLast() where bytes > Self.bytesMax {
            entries[old.key] = nil
            bytes -= old.bytes
        }
    }

    private func lead(
        _ key: Key, _ clock: any Clock, _ ask: () async throws(CloudError) -> MachineMetrics
    ) async throws -> Fetched<MachineMetrics> {
        let begunAt = clock.now
        let result: Result<Fetched<MachineMetrics>, CloudError>
        do throws(CloudError) {
            result = .success(Fetched(try await ask(), fetchedAt: begunAt))
        } catch {
            result = .failure(error)
        }
        var entry: Entry?
        switch result {
        case .success: entry = .known(result, until: begunAt + Self.timeToLive)
        case .failure where Task.isCancelled: entry = nil
        case .failure: entry = .known(result, until: clock.now + Self.failureTimeToLive)
        }
        self.entries.withLock { entries in
            entries[key] = entry
            Self.limitBytes(of: &entries)
        }
        self.waiters.wake(key)
        return try result.get()
    }
}
