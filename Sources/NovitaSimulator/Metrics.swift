/// How busy a machine is, in percent.
package struct MachineLoad: Hashable, Sendable {
    package var gpu: Double
    package var cpu: Double
    package var memory: Double

    package init(gpu: Double = 60, cpu: Double = 30, memory: Double = 40) {
        self.gpu = gpu
        self.cpu = cpu
        self.memory = memory
    }
}

/// The parameters of the metrics call, as they came; what is out of range is silently replaced.
package struct MetricQuery: Hashable, Sendable {
    package var id: String
    /// Unix seconds.
    package var startTime: Int64?
    package var endTime: Int64?
    /// Seconds.
    package var interval: Int64?

    package init(id: String, startTime: Int64? = nil, endTime: Int64? = nil, interval: Int64? = nil) {
        self.id = id
        self.startTime = startTime
        self.endTime = endTime
        self.interval = interval
    }
}

/// What was measured, oldest first.
package struct MachineSeries: Sendable {
    package struct Sample: Hashable, Sendable {
        /// Unix seconds.
        package var time: Int64
        package var load: MachineLoad
    }

    package var gpuCount: Int
    package var samples: [Sample]
}

extension NovitaSimulator {
    /// Behind the present.
    private static let metricLag: Int64 = 60
    private static let spanMin: Int64 = 60
    private static let intervalMin: Int64 = 15
    /// Points of one answer; a longer span is cut at its beginning.
    private static let samplesMax = 2000

    /// Makes a machine as busy as that from now on.
    package mutating func setLoad(_ load: MachineLoad, of id: String, at now: SimulatorTime) throws(APIError) {
        self.advance(to: now)
        self.machines[try self.visibleIndex(of: id)].set(load, at: self.now)
    }

    /// Empty for a machine that does not run.
    func series(for query: MetricQuery) throws(APIError) -> MachineSeries {
        let machine = self.machines[try self.visibleIndex(of: query.id)]
        let now = self.now.unixSeconds
        let end = query.endTime.flatMap { (1...now).contains($0) ? $0 : nil } ?? now
        let start = query.startTime.flatMap { $0 > 0 && $0 <= end - Self.spanMin ? $0 : nil } ?? end - Self.spanMin
        let interval = query.interval.flatMap { $0 > Self.intervalMin ? $0 : nil } ?? Self.intervalMin
        var series = MachineSeries(gpuCount: machine.request.gpuCount, samples: [])
        guard machine.status == .running, let runningSince = machine.lastStartedAt?.unixSeconds else { return series }
        var time = min(end, now - Self.metricLag)
        while time >= max(start, runningSince), series.samples.count < Self.samplesMax {
            series.samples.append(.init(time: time, load: machine.load(at: SimulatorTime(unixSeconds: time))))
            time -= interval
        }
        series.samples.reverse()
        return series
    }
}
