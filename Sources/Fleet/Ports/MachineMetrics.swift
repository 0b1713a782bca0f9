/// One value of a series. Percent of what the machine has, 0 to 100.
package struct MetricPoint: Sendable, Hashable {
    package var at: Timestamp
    package var percent: Double

    package init(at: Timestamp, percent: Double) {
        self.at = at
        self.percent = percent
    }
}

/// A measure of all GPUs together and of each.
package struct GPUMetrics: Sendable, Hashable {
    package var average: [MetricPoint]
    /// By the provider's number of the GPU.
    package var byGPU: [String: [MetricPoint]]

    package var pointCount: Int { self.average.count + self.byGPU.values.reduce(0) { $0 + $1.count } }

    package init(average: [MetricPoint] = [], byGPU: [String: [MetricPoint]] = [:]) {
        self.average = average
        self.byGPU = byGPU
    }
}

/// What the provider measures of a machine. It lags about a minute behind; empty for one that is stopped.
package struct MachineMetrics: Sendable, Hashable {
    package var cpu: [MetricPoint]
    package var memory: [MetricPoint]
    package var rootDisk: [MetricPoint]
    package var gpu: GPUMetrics
    package var gpuMemory: GPUMetrics

    package var pointCount: Int {
        self.cpu.count + self.memory.count + self.rootDisk.count + self.gpu.pointCount + self.gpuMemory.pointCount
    }

    package init(
        cpu: [MetricPoint] = [], memory: [MetricPoint] = [], rootDisk: [MetricPoint] = [], gpu: GPUMetrics = GPUMetrics(),
        gpuMemory: GPUMetrics = GPUMetrics()
    ) {
        self.cpu = cpu
        self.memory = memory
        self.rootDisk = rootDisk
        self.gpu = gpu
        self.gpuMemory = gpuMemory
    }
}

/// Of which time metrics are asked for. The provider takes a span of at least a minute and points at least 15 seconds apart, and
/// silently uses its own where it is asked for less.
package struct MetricWindow: Sendable, Hashable {
    package static let spanMin: Duration = .seconds(60)
    package static let intervalMin: Duration = .seconds(15)

    package let start: Timestamp
    package let end: Timestamp
    package let interval: Duration

    /// Widened to what the provider takes.
    package init(start: Timestamp, end: Timestamp, interval: Duration = intervalMin) {
        self.start = min(start, end - Self.spanMin)
        self.end = end
        self.interval = max(interval, Self.intervalMin)
    }
}
