internal import Fleet
internal import Synchronization

/// Reads the provider's metrics of machines that are to be stopped for being idle soon: none is stopped while they say that it is busy.
final class UsageRunner: Sendable {
    /// Between two readings of one machine. The provider is a minute behind.
    private static let interval: Duration = .seconds(60)
    /// Readings under way at a time: they are no hurry, and share the call budget with everything else.
    private static let atOnceMax = 4

    /// A machine that is near its stop.
    private struct Watch {
        var triedAt: Timestamp?
        /// The last that there was: one that fails takes nothing away from it but time.
        var reading: UsageReading?
        /// Somebody has been told that it cannot be read.
        var isUnknown = false
    }

    private let world: World
    private let watches = Mutex<[InstanceID: Watch]>([:])

    init(world: World) {
        self.world = world
    }

    func reading(of id: InstanceID) -> UsageReading? { self.watches.withLock { $0[id]?.reading } }

    /// These are near their stop, and no others.
    func watch(only ids: Set<InstanceID>) {
        self.watches.withLock { watches in
            watches = watches.filter { ids.contains($0.key) }
            for id in ids where watches[id] == nil { watches[id] = Watch() }
        }
    }

    /// Returns when cancelled.
    func run() async {
        while !Task.isCancelled {
            await self.look()
            await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.policyInterval)
        }
    }

    /// Who has waited longest is read first, so that machines whose readings fail keep no other from being read.
    private func look() async {
        let now = self.world.clock.now
        let due = self.watches.withLock { $0 }.filter { $0.value.triedAt.map { now >= $0 + Self.interval } ?? true }
            .sorted { ($0.value.triedAt ?? Timestamp(seconds: 0), $0.key) < ($1.value.triedAt ?? Timestamp(seconds: 0), $1.key) }
        await withTaskGroup(of: Void.self) { group in
            for (position, (id, _)) in due.enumerated() where !Task.isCancelled {
                if position >= Self.atOnceMax { await group.next() }
                group.addTask { await self.read(id) }
            }
        }
    }

    private func read(_ id: InstanceID) async {
        let now = self.world.clock.now
        self.watches.withLock { $0[id]?.triedAt = now }
        guard let instance = self.world.view.instance(id), let window = instance.usageWindow(at: now), let upstream = instance.upstream?.id,
            let percent = instance.policies?.idlePercent
        else { return }
        do throws(CloudError) {
            let metrics = try await self.world.cloud.metrics(
                of: upstream, in: window, call: self.world.call(.sweep, requestID: id.rawValue))
            self.world.upstreamAnswered(nil)
            let reading = metrics.usage(busyFrom: percent, isCPU: instance.spec.isCPU, in: window)
            self.watches.withLock { $0[id]?.reading = reading }
            self.tell(id, reading.isWhole || reading.busyAt != nil ? nil : "the provider's metrics have gaps")
        } catch {
            self.world.upstreamAnswered(error)
            self.tell(id, error.description)
        }
    }

    /// Once for each time that it begins.
    private func tell(_ id: InstanceID, _ failure: String?) {
        let wasKnown = self.watches.withLock { watches in
            defer { watches[id]?.isUnknown = failure != nil }
            return watches[id]?.isUnknown == false
        }
        if let failure, wasKnown { self.world.report(.usageUnknown(id, failure)) }
    }
}
