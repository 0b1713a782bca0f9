import RPCCore
import RPCTransport
import Synchronization
import TestProto

/// The metadata of the last response.
final class Seen: Sendable {
    private let metadata = Mutex((Metadata(), Metadata()))
    func note(_ initial: Metadata, _ trailing: Metadata) { self.metadata.withLock { $0 = (initial, trailing) } }
    func take() -> (initial: Metadata, trailing: Metadata) { self.metadata.withLock { $0 } }
}

// What servers say of their load, and many calls.
extension InteropCases {
    private static func report(cpu: Double, memory: Double, utilization: Double) -> GrpcTesting.TestOrcaReport {
        var report = GrpcTesting.TestOrcaReport()
        report.cpuUtilization = cpu
        report.memoryUtilization = memory
        report.utilization = ["util": utilization]
        return report
    }

    func orcaPerCall() async throws {
        let seen = Seen()
        var request = GrpcTesting.SimpleRequest()
        var report = Self.report(cpu: 0.8210, memory: 0.5847, utilization: 0.30499)
        report.requestCost = ["cost": 3456.32]
        request.orcaPerQueryReport = report
        _ = try await self.client.unaryCall(request, options: CallOptions(onResponseMetadata: { seen.note($0, $1) }))
        guard let bytes = seen.take().trailing[binary: "endpoint-load-metrics-bin"] else { throw Unexpected(what: "no load report") }
        let load = try XdsDataOrcaV3.OrcaLoadReport(decoding: bytes)
        try self.expect(load.cpuUtilization == 0.8210 && load.memUtilization == 0.5847, "\(load)")
        try self.expect(load.requestCost == ["cost": 3456.32] && load.utilization == ["util": 0.30499], "\(load)")
    }

    func orcaOutOfBand() async throws {
        let reports = [
            Self.report(cpu: 0.8210, memory: 0.5847, utilization: 0.30499), Self.report(cpu: 0.29309, memory: 0.2, utilization: 0.2039),
        ]
        let loads = XdsServiceOrcaV3.OpenRcaServiceClient(self.channel)
        try await loads.streamCoreMetrics(XdsServiceOrcaV3.OrcaLoadReportRequest(), options: CallOptions(timeout: .seconds(20))) { stream in
            var load = stream.makeAsyncIterator()
            try await self.client.fullDuplexCall { requests, responses in
                var replies = responses.makeAsyncIterator()
                for report in reports {
                    var request = Self.request(0, responses: [(1, nil)])
                    request.orcaOobReport = report
                    try await requests.write(request)
                    try self.expect(try await replies.next()?.payload, size: 1)
                    // The report that was on its way before may come first.
                    while let current = try await load.next(),
                        current.utilization != report.utilization || current.cpuUtilization != report.cpuUtilization
                    {}
                }
            }
        }
    }

    func soak(onOneChannel: Bool) async throws {
        for _ in 0..<self.soakIterations {
            let begun = ContinuousClock.now
            if onOneChannel {
                try await self.largeUnary()
            } else {
                let channel = HTTP2Channel(configuration: self.configuration)
                var other = self
                other.channel = channel
                let result: Result<Void, any Error>
                do { result = .success(try await other.largeUnary()) } catch { result = .failure(error) }
                await channel.shutDown()
                try result.get()
            }
            let elapsed = ContinuousClock.now - begun
            try self.expect(elapsed <= self.soakLatency, "a call took \(elapsed)")
        }
    }

    /// One channel through pauses: nothing that watches over a connection may take a silent one for dead.
    func longLivedChannel() async throws {
        for _ in 0..<3 {
            try await self.largeUnary()
            try await Task.sleep(for: .milliseconds(1500))
        }
        try await self.largeUnary()
    }

    // MARK: Servers that misbehave

    func goAway() async throws {
        try await self.largeUnary()
        // The server has sent GOAWAY with the first response.
        try await self.largeUnary()
    }

    func brokenResponse() async throws {
        do { try await self.largeUnary() } catch is RPCError { return }
        throw Unexpected(what: "OK from a response that was cut off")
    }

    func maxStreams() async throws {
        try await self.largeUnary()
        try await withThrowingTaskGroup { group in
            for _ in 0..<10 { group.addTask { try await self.largeUnary() } }
            try await group.waitForAll()
        }
    }
}
