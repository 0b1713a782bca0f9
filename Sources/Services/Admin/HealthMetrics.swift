package import Fleet
package import Telemetry

/// The findings that `/health` shows, as series: alerts need no second source.
package struct HealthMetrics: MetricSource {
    private let board: HealthBoard
    private let clock: any Clock

    package init(board: HealthBoard, clock: any Clock) {
        self.board = board
        self.clock = clock
    }

    package var families: [MetricFamily] {
        let report = self.board.report(at: self.clock.now)
        return [
            .gauge("novitai_health", "The whole server: 0 healthy, 1 degraded, 2 unhealthy.", Double(report.status.rawValue)),
            MetricFamily(
                .gauge, "novitai_health_check", "By check: 0 healthy, 1 degraded (or not checked yet), 2 unhealthy.",
                report.findings.map { check, finding in
                    MetricFamily.Sample(
                        Double((finding?.status ?? .degraded).rawValue), labels: [MetricFamily.Label("check", check.rawValue)])
                }),
        ]
    }
}
