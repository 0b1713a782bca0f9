import Glibc
import RPCCore
import Synchronization
import TestProto

/// The load that clients told this server to report.
final class LoadReports: Sendable {
    private let report = Mutex(XdsDataOrcaV3.OrcaLoadReport())

    var current: XdsDataOrcaV3.OrcaLoadReport { self.report.withLock { $0 } }

    func publish(_ report: GrpcTesting.TestOrcaReport) { self.report.withLock { $0 = report.loadReport } }
}

extension GrpcTesting.TestOrcaReport {
    var loadReport: XdsDataOrcaV3.OrcaLoadReport {
        var report = XdsDataOrcaV3.OrcaLoadReport()
        report.cpuUtilization = self.cpuUtilization
        report.memUtilization = self.memoryUtilization
        report.requestCost = self.requestCost
        report.utilization = self.utilization
        return report
    }
}

/// Reports the load apart from calls (gRFC A51).
struct LoadService: XdsServiceOrcaV3.OpenRcaServiceProtocol {
    let load: LoadReports

    /// A real server has seconds here; a test has no time.
    private static let intervalMin: Duration = .milliseconds(50)

    func streamCoreMetrics(
        _ request: XdsServiceOrcaV3.OrcaLoadReportRequest, responses: ResponseWriter<XdsDataOrcaV3.OrcaLoadReport>, context: ServerContext
    ) async throws {
        let asked = request.reportInterval.map { Duration.seconds($0.seconds) + .nanoseconds($0.nanos) } ?? .zero
        while true {
            try await responses.write(self.load.current)
            try await Task.sleep(for: max(asked, Self.intervalMin))
        }
    }
}

/// Standard output is buffered when it is a pipe, and whoever waits for a line waits for ever.
func flushStandardOutput() { fflush(nil) }
