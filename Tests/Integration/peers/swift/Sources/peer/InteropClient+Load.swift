import GRPCCore

private func loadReport(_ cpu: Double, _ memory: Double, _ utilization: Double) -> Grpc_Testing_TestOrcaReport {
    .with {
        $0.cpuUtilization = cpu
        $0.memoryUtilization = memory
        $0.utilization = ["util": utilization]
    }
}

private func isSame(_ load: Xds_Data_Orca_V3_OrcaLoadReport, _ wanted: Grpc_Testing_TestOrcaReport) -> Bool {
    load.cpuUtilization == wanted.cpuUtilization && load.memUtilization == wanted.memoryUtilization
        && load.requestCost == wanted.requestCost && load.utilization == wanted.utilization
}

extension InteropClient {
    func loadOfCall() async throws {
        var report = loadReport(0.8210, 0.5847, 0.30499)
        report.requestCost = ["cost": 3456.32]
        let response = try await self.unaryCall(.with { $0.orcaPerQueryReport = report })
        _ = try response.message
        let encoded = Array(response.trailingMetadata[binaryValues: LoadReports.trailer])
        guard encoded.count == 1, isSame(try Xds_Data_Orca_V3_OrcaLoadReport(serializedBytes: encoded[0]), report) else {
            throw Mismatch("trailers \(response.trailingMetadata)")
        }
    }

    func loadApartFromCalls() async throws {
        try await self.serverStreaming(
            "StreamCoreMetrics", Xds_Service_Orca_V3_OrcaLoadReportRequest(), in: LoadService.name
        ) { (loads: RPCAsyncSequence<Xds_Data_Orca_V3_OrcaLoadReport, any Error>) in
            var received = loads.makeAsyncIterator()
            for report in [loadReport(0.8210, 0.5847, 0.30499), loadReport(0.29309, 0.2, 0.2039)] {
                try await self.fullDuplexCall { sending in
                    var request = sized(0, 1)
                    request.orcaOobReport = report
                    sending.yield(request)
                    sending.finish()
                } converse: { _, response in
                    try await expect([1], in: response.messages)
                }
                // The report that was on its way before may come first.
                while true {
                    guard let load = try await received.next() else { throw Mismatch("no load report") }
                    if isSame(load, report) { break }
                }
            }
        }
    }
}
