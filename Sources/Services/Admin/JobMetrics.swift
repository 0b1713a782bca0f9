package import Fleet
internal import NovitaiProto
internal import ProtobufWire
internal import Synchronization
package import Telemetry

/// The labels of a series of jobs.
struct JobKind: Hashable {
    var type: JobType
    var state: JobState

    var labels: [MetricFamily.Label] {
        [.init("type", NovitaiV1.JobType(self.type).description), .init("state", NovitaiV1.JobState(self.state).description)]
    }
}

/// What has become of jobs since the start. `novitai_jobs_ended_total{state="FAILED"}` counts those that nothing repeats.
package final class JobMetrics: MetricSource {
    /// Seconds: from a step that a free worker takes at once to a machine that is long in coming.
    private static let durationBounds: [Double] = [0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1200, 3600]

    private let ended = Mutex<[JobKind: Int]>([:])
    private let queueDelay = Telemetry.Histogram()
    private let attempts = Telemetry.Histogram(bounds: [0, 1, 2, 3, 5, 10, 20])
    private let durations: [JobType: Telemetry.Histogram] = Dictionary(
        uniqueKeysWithValues: JobType.known.map { ($0, Telemetry.Histogram(bounds: JobMetrics.durationBounds)) })

    package init() {}

    /// A step is taken up that was due at `job.dueAt`.
    package func stepBegan(_ job: Job, at now: Timestamp) {
        guard let dueAt = job.dueAt else { return }
        self.queueDelay.observe(max(.zero, now - dueAt) / .seconds(1))
    }

    /// A job has reached a final state.
    package func ended(_ job: Job) {
        self.ended.withLock { $0[JobKind(type: job.type, state: job.state), default: 0] += 1 }
        self.attempts.observe(Double(job.attemptCount))
        guard let endedAt = job.endedAt else { return }
        self.durations[job.type]?.observe((endedAt - job.createdAt) / .seconds(1))
    }

    package var families: [MetricFamily] {
        let ended = self.ended.withLock { $0 }
        let kinds = JobType.known.flatMap { type in JobState.allCases.filter(\.isFinal).map { JobKind(type: type, state: $0) } }
        return [
            MetricFamily(
                .counter, "novitai_jobs_ended_total", "Jobs that ended, by type and final state.",
                kinds.map { MetricFamily.Sample(Double(ended[$0] ?? 0), labels: $0.labels) }),
            MetricFamily(
                .histogram, "novitai_job_queue_delay_seconds", "From when a step was due to when a worker took it.",
                self.queueDelay.samples()),
            MetricFamily(
                .histogram, "novitai_job_attempts", "Failed or unclear provider calls of the jobs that ended.", self.attempts.samples()),
            MetricFamily(
                .histogram, "novitai_job_duration_seconds", "From accepted to ended, by type.",
                JobType.known.flatMap { type in
                    self.durations[type]?.samples(labels: [.init("type", NovitaiV1.JobType(type).description)]) ?? []
                }),
        ]
    }
}
