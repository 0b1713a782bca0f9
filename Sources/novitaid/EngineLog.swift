import Fleet
import FleetEngine
import Logging
import NovitaCloud
import Services
import Telemetry

/// What the engine and the provider's client report, as log records and counters.
struct EngineLog {
    /// From this alarm level on, more than half an hour, an unconfirmed delete is an error.
    private static let loudDebtLevel = 3

    private let log: Logger
    private let upstreamCalls = LabelledCounter(
        "novitai_upstream_requests_total", "Requests to the provider, by method, path and outcome.", labels: ["method", "path", "outcome"])
    private let upstreamRetries = Counter("novitai_upstream_retries_total", "Requests to the provider that repeat a failed one.")
    private let upstreamDuration = Histogram()
    private let jobs: JobMetrics
    private let clock: SystemClock

    init(_ log: Logger, _ metrics: MetricsRegistry, _ clock: SystemClock) {
        self.log = log
        self.clock = clock
        self.jobs = metrics.register(JobMetrics())
        metrics.register(self.upstreamCalls)
        metrics.register(self.upstreamRetries)
        let duration = self.upstreamDuration
        metrics.register(
            MetricReader {
                [
                    MetricFamily(
                        .histogram, "novitai_upstream_duration_seconds", "Requests to the provider, without their wait for the budget.",
                        duration.samples())
                ]
            })
    }

    @Sendable func note(_ report: CallReport) {
        let outcome = report.status.map(String.init) ?? report.error?.code.rawValue ?? "none"
        if report.attempt > 1 { self.upstreamRetries.increment() }
        self.upstreamCalls.increment([report.method, report.path, outcome])
        self.upstreamDuration.observe(report.duration / .seconds(1))
        var metadata: Logger.Metadata = [
            "upstream_request_id": "\(report.requestID)", "method": "\(report.method)", "path": "\(report.path)", "outcome": "\(outcome)",
            "attempt": "\(report.attempt)", "duration_ms": "\(report.duration / .milliseconds(1))",
        ]
        // Not its message: the provider may repeat in it what it was sent, and an order has secrets in it.
        if let error = report.error { metadata["error"] = "\(error.code)" }
        self.log.log(level: report.error == nil ? .debug : .info, "provider called", metadata: metadata)
    }

    @Sendable func note(_ event: EngineEvent) {
        switch event {
        case .stepBegan(let job):
            self.jobs.stepBegan(job, at: self.clock.now)
            self.log.debug("step began", metadata: Self.metadata(job))
        case .stepEnded(let job):
            if job.state.isFinal { self.jobs.ended(job) }
            self.log.log(
                level: job.state.isFinal ? .info : .debug, job.state.isFinal ? "job ended" : "step ended", metadata: Self.metadata(job))
        case .stepAbandoned(let job, let reason):
            self.log.warning("step abandoned", metadata: Self.metadata(job).merging(["reason": "\(reason)"]) { $1 })
        case .createCalled(let job, let token): self.log.info("create called", metadata: ["job_id": "\(job)", "token": "\(token.text)"])
        case .storeFailed(let reason): self.log.error("store failed", metadata: ["reason": "\(reason)"])
        case .swept(let sweep): self.log.debug("account swept", metadata: Self.metadata(sweep))
        case .sweepFailed(let reason): self.log.warning("sweep failed", metadata: ["reason": "\(reason)"])
        case .suspectFound(let instance, let machine):
            self.log.warning(
                "machine names an instance in its environment only and is left alone",
                metadata: ["instance_id": "\(instance)", "machine_id": "\(machine)"])
        case .webhooksSkipped(let from, let to):
            self.log.error(
                "webhooks were not delivered: the log was trimmed before", metadata: ["from": "\(from.number)", "to": "\(to.number)"])
        case .releasing(let instance, let machine):
            self.log.warning("machine too many is being deleted", metadata: ["instance_id": "\(instance)", "machine_id": "\(machine)"])
        case .wouldRecover(let instance, let way):
            self.log.warning("machine would be recovered", metadata: ["instance_id": "\(instance)", "way": "\(way.rawValue)"])
        case .recoveryRefused(let instance, let ceiling):
            self.log.error("machine is not recovered", metadata: ["instance_id": "\(instance)", "reason": "\(ceiling)"])
        case .usageUnknown(let instance, let reason):
            self.log.warning(
                "machine is not stopped for being idle: its use is not known",
                metadata: ["instance_id": "\(instance)", "reason": "\(reason)"])
        case .held(let instance, let hold):
            self.log.warning("change held", metadata: ["instance_id": "\(instance)", "reason": "\(hold)"])
        case .debtOverdue(let machine, let level):
            self.log.log(
                level: level < Self.loudDebtLevel ? .warning : .error, "machine not proven gone",
                metadata: [
                    "instance_id": "\(machine.instanceID)", "machine_id": "\(machine.upstreamID?.rawValue ?? "unknown")",
                    "kind": "\(machine.kind.rawValue)", "hourly_price": "\(machine.hourlyPrice)", "since": "\(machine.since.seconds)",
                    "alarm_level": "\(level)",
                ])
        case .orphans(let count, let hourly):
            self.log.error("machines without a record", metadata: ["count": "\(count)", "hourly_price": "\(hourly)"])
        }
    }

    private static func metadata(_ job: Job) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "job_id": "\(job.id)", "type": "\(job.type)", "instance_id": "\(job.instanceID)", "state": "\(job.state)",
            "step": "\(job.step.name)",
            "request_id": "\(job.requestID)",
        ]
        if !job.errorReason.isEmpty { metadata["error"] = "\(job.errorReason): \(job.errorMessage)" }
        return metadata
    }

    private static func metadata(_ sweep: FleetMonitor.Sweep) -> Logger.Metadata {
        [
            "machines": "\(sweep.machines)", "foreign": "\(sweep.foreignMachines)", "suspects": "\(sweep.suspectMachines)",
            "questions": "\(sweep.questions)",
            "suspicious": "\(sweep.wasSuspicious)",
        ]
    }
}
