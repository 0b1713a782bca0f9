internal import Fleet
internal import Synchronization

/// Reads the provider's metrics of machines that are to be stopped for being idle soon: none is stopped while they say that it is busy.
final class UsageRunner: Sendable {
    /// Between two readings of one machine. The provider is a minute behind.
    private static let interval: Duration = .seconds(60)
    /// Readings under way at a time: they are no hurry, and share the call budget with everything else.
    private static let atOnceMax = 4

    private let world: World
    /// Of machines that are near their stop alone.
    private let readings = Mutex<[InstanceID: UsageReading]>([:])

    init(world: World) {
        self.world = world
    }

    func reading(of id: InstanceID) -> UsageReading? { self.readings.withLock { $0[id] } }

    /// Returns when cancelled.
    func run() async {
        while !Task.isCancelled {
            await self.look()
            await self.world.clock.sleep(until: self.world.clock.now + EngineLimits.policyInterval)
        }
    }

    private func look() async {
        guard self.world.view.control.observation == nil else { return }
        let now = self.world.clock.now
        let near = self.world.view.workableInstances.compactMap { instance in instance.usageWindow(at: now).map { (instance, $0) } }
        let ids = Set(near.map(\.0.id))
        let known = self.readings.withLock { readings in
            readings = readings.filter { ids.contains($0.key) }
            return readings
        }
        let due = near.filter { instance, _ in known[instance.id].map { now >= $0.readAt + Self.interval } ?? true }
            .sorted { ($0.0.nextAction?.at ?? now, $0.0.id) < ($1.0.nextAction?.at ?? now, $1.0.id) }
        await withTaskGroup(of: Void.self) { group in
            for (position, (instance, window)) in due.enumerated() where !Task.isCancelled {
                if position >= Self.atOnceMax { await group.next() }
                group.addTask { await self.read(instance, in: window) }
            }
        }
    }

    private func read(_ instance: Instance, in window: MetricWindow) async {
        guard let id = instance.upstream?.id, let percent = instance.policies?.idlePercent else { return }
        var reading = UsageReading(readAt: window.end, busyAt: nil, isWhole: false)
        var reason = "the provider's metrics have gaps"
        do throws(CloudError) {
            let metrics = try await self.world.cloud.metrics(
                of: id, in: window, call: self.world.call(.sweep, requestID: instance.id.rawValue))
            reading = metrics.usage(busyFrom: percent, isCPU: instance.spec.isCPU, in: window)
            self.world.upstreamAnswered(nil)
        } catch {
            reason = error.description
            self.world.upstreamAnswered(error)
        }
        if !reading.isWhole, reading.busyAt == nil { self.world.report(.usageUnknown(instance.id, reason)) }
        let read = reading
        self.readings.withLock { $0[instance.id] = read }
    }
}
