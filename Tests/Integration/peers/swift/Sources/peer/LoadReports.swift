import GRPCCore
import Synchronization

/// The load that clients told this server to report.
final class LoadReports: Sendable {
    /// Where a call's own report stands.
    static let trailer = "endpoint-load-metrics-bin"

    private let report = Mutex(Xds_Data_Orca_V3_OrcaLoadReport())

    var current: Xds_Data_Orca_V3_OrcaLoadReport { self.report.withLock { $0 } }

    func publish(_ report: Grpc_Testing_TestOrcaReport) { self.report.withLock { $0 = report.loadReport } }
}

extension Grpc_Testing_TestOrcaReport {
    var loadReport: Xds_Data_Orca_V3_OrcaLoadReport {
        .with {
            $0.cpuUtilization = self.cpuUtilization
            $0.memUtilization = self.memoryUtilization
            $0.requestCost = self.requestCost
            $0.utilization = self.utilization
        }
    }
}

/// Reports the load apart from calls (gRFC A51).
struct LoadService: RegistrableRPCService {
    let loads: LoadReports

    static let name = "xds.service.orca.v3.OpenRcaService"
    /// A real server has seconds here; a test has no time.
    private static let interval: Duration = .milliseconds(20)

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.register(.serverStreaming, "StreamCoreMetrics", in: Self.name) {
            (_: StreamingServerRequest<Xds_Service_Orca_V3_OrcaLoadReportRequest>, context) in
            StreamingServerResponse { writer in
                while !context.cancellation.isCancelled {
                    try await writer.write(self.loads.current)
                    try await Task.sleep(for: Self.interval)
                }
                return [:]
            }
        }
    }
}
