/// What the provider's metrics say of whether a machine is used. It is idle only by what is known of the whole time: what cannot be read, or has
/// gaps, proves nothing, and nothing is stopped for it.
package struct UsageReading: Hashable, Sendable {
    /// The provider answers a minute behind, and its points may be as far apart as that.
    static let gapMax: Duration = .seconds(300)
    /// Nothing is stopped by what was read longer ago: a reading and a half.
    static let ageMax: Duration = .seconds(90)
    /// Nor planned by what was read longer ago: two readings may fail in between.
    static let planAgeMax: Duration = .seconds(240)

    package var readAt: Timestamp
    /// When it was last busy; nil: at no time that was looked at.
    package var busyAt: Timestamp?
    /// Of no time in the window is nothing known.
    package var isWhole: Bool

    package init(readAt: Timestamp, busyAt: Timestamp?, isWhole: Bool) {
        self.readAt = readAt
        self.busyAt = busyAt
        self.isWhole = isWhole
    }

    /// Whether by it the machine is to be stopped for being idle soon, and is warned of that.
    package func allowsPlan(at now: Timestamp) -> Bool { self.isWhole && now < self.readAt + Self.planAgeMax }

    /// Whether by it the machine may be stopped for being idle. When it was busy stands in the instance, whose time is another then.
    package func allowsStop(at now: Timestamp) -> Bool { self.isWhole && now < self.readAt + Self.ageMax }
}

extension MachineMetrics {
    /// - Parameters:
    ///   - percent: busy from there. The busiest GPU counts, and on a machine without one its processors.
    ///   - window: what was asked for.
    package func usage(busyFrom percent: Int, isCPU: Bool, in window: MetricWindow) -> UsageReading {
        let gpus = self.gpu.byGPU.isEmpty ? self.gpu.average : self.gpu.byGPU.values.flatMap(\.self)
        let points = (isCPU ? self.cpu : gpus).filter { $0.at >= window.start && $0.at <= window.end }
        let busyAt = points.filter { $0.percent >= Double(percent) }.map(\.at).max()
        let times = [window.start] + points.map(\.at).sorted() + [window.end]
        let gapMax = max(UsageReading.gapMax, window.interval * 3)
        let hasGap = zip(times, times.dropFirst()).contains { $1 - $0 > gapMax }
        return UsageReading(readAt: window.end, busyAt: busyAt, isWhole: !points.isEmpty && !hasGap && self.isInPercent)
    }

    /// A machine that runs has more than a percent of something in use. Where nothing is above one these may be parts of one, and a machine that
    /// is busy would look idle.
    private var isInPercent: Bool {
        let series = [self.cpu, self.memory, self.rootDisk, self.gpu.average, self.gpuMemory.average] + Array(self.gpu.byGPU.values)
        return series.contains { $0.contains { $0.percent > 1 } }
    }
}

extension Instance {
    /// Metrics are read so long before a stop for being idle is warned of: what is busy is not warned of.
    private static let usageLead: Duration = .seconds(60)
    /// Points of one reading: a day, one in a minute.
    private static let usagePointsMax = 1440

    /// It is stopped for being idle only when the provider's metrics say so too.
    package var asksForUsage: Bool { self.policies?.idleStop != nil && self.policies?.idlePercent != nil }

    /// - Parameter due: see `idleStopDue`.
    package static func readsUsage(before due: Timestamp, at now: Timestamp) -> Bool { now >= due - self.warningLead - self.usageLead }

    /// From here on the stop counts only with a reading that says so.
    package static func needsUsage(before due: Timestamp, at now: Timestamp) -> Bool { now >= due - self.warningLead }

    /// Of which time its metrics say whether it is idle; nil when they are not asked.
    package func usageWindow(at now: Timestamp) -> MetricWindow? {
        guard self.asksForUsage, let idleStop = self.policies?.idleStop else { return nil }
        let start = max(self.runningSince ?? self.createdAt, now - idleStop - UsageReading.gapMax)
        return MetricWindow(start: start, end: now, interval: (now - start) / Self.usagePointsMax)
    }
}
