import CurlClient
import Fleet
import Logging
import NovitaSimulator
import NovitaSimulatorHTTP
import ServiceLifecycle

@testable import NovitaCloud

/// The cloud and the client together, over HTTP, with the simulated provider. Its clock stands still but for `advance`.
struct World: Sendable {
    let cloud: NovitaCloud
    let clock: JumpingClock
    let reports: ReportLog
    let simulator: SimulatorHost

    static func run(
        _ configure: (inout SimulatorConfiguration) -> Void = { _ in }, style: WireStyle = WireStyle(), key: String = "sk_test",
        _ change: (inout NovitaCloudConfiguration) -> Void = { _ in }, _ body: (World) async throws -> Void
    ) async throws {
        var configuration = SimulatorConfiguration()
        configure(&configuration)
        let host = SimulatorHost(configuration: configuration, seed: 1, speed: 0, startingAt: SimulatorTime(unixSeconds: 1_767_225_600))
        let (addresses, announce) = AsyncStream.makeStream(of: SimulatorAddress.self)
        var logger = Logger(label: "test", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .error
        let server = SimulatorServer(
            host: host, address: .tcp(host: "127.0.0.1", port: 0), style: style, key: "sk_test", logger: logger
        ) { announce.yield($0) }
        let group = ServiceGroup(services: [server], logger: logger)
        var clientConfiguration = HTTPClientConfiguration()
        clientConfiguration.schemes = .httpsOrLoopbackHTTP
        let client = try HTTPClient(clientConfiguration)
        defer { client.shutdown() }
        try await withThrowingTaskGroup { tasks in
            tasks.addTask {
                defer { announce.finish() }
                try await group.run()
            }
            if let address = await addresses.first(where: { _ in true }) {
                try await body(Self.make(client: client, address: address, simulator: host, key: key, change))
            }
            client.shutdown()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private static func make(
        client: HTTPClient, address: SimulatorAddress, simulator: SimulatorHost, key: String,
        _ change: (inout NovitaCloudConfiguration) -> Void
    ) -> World {
        var configuration = NovitaCloudConfiguration(origin: "http://\(address)", apiKey: APIKey(key))
        configuration.requestsPerMinute = 10_000
        change(&configuration)
        let clock = JumpingClock()
        let reports = ReportLog()
        let cloud = NovitaCloud(
            configuration, client: client, clock: clock, random: RandomSource(SeededGenerator(seed: 1)), report: { reports.append($0) })
        return World(cloud: cloud, clock: clock, reports: reports, simulator: simulator)
    }

    var call: CloudCall { .test(.mutation, within: .seconds(600), of: self.clock) }

    func advance(_ seconds: Int) { _ = self.simulator.adjustClock(advance: .seconds(seconds)) }

    func arm(_ fault: Fault) { self.simulator.withSimulator { simulator, _ in _ = simulator.arm(fault) } }

    /// Machines that there are or were, billed or not.
    var machineCount: Int {
        self.simulator.withSimulator { simulator, now in simulator.ledger(at: now, includingUnbilled: true).count }
    }

    var requests: [(path: String, requestID: String)] {
        self.simulator.withSimulator { simulator, _ in simulator.requests.records.map { ($0.path, $0.requestID) } }
    }
}

extension MachineOrder {
    static var simulated: MachineOrder {
        var order = MachineOrder.test()
        order.spec.registryCredentialID = ""
        return order
    }
}
