import Logging
import NovitaSimulator
import NovitaSimulatorHTTP
import ServiceLifecycle
import Testing

/// A simulator on a real socket whose clock stands still but for `advance`.
struct RunningSimulator: Sendable {
    static let v1 = "/gpu-instance/openapi/v1"
    static let createBody = """
        {"name": "job-1", "productId": "4090.16c62g", "gpuNum": 1, "rootfsSize": 60, "imageUrl": "myteam/trainer:1.4", "kind": "gpu", \
        "billingMode": "spot", "clusterId": "us-ca-6", "ports": "8080/http,22/tcp", "envs": [{"key": "RUN_ID", "value": "7f3a"}]}
        """

    var client: RawClient

    /// Serves while `body` runs, then shuts down in order.
    static func serve(
        _ configure: (inout SimulatorConfiguration) -> Void = { _ in }, style: WireStyle = WireStyle(), key: String? = nil,
        address: SimulatorAddress = .tcp(host: "127.0.0.1", port: 0), _ body: (RunningSimulator) async throws -> Void
    ) async throws {
        var configuration = SimulatorConfiguration()
        configuration.timings.pulling = .seconds(30) ... .seconds(30)
        configuration.timings.stopping = .seconds(9) ... .seconds(9)
        configure(&configuration)
        let host = SimulatorHost(
            configuration: configuration, seed: 1, speed: 0, startingAt: SimulatorTime(unixSeconds: 1_767_225_600))
        let (addresses, announce) = AsyncStream.makeStream(of: SimulatorAddress.self, bufferingPolicy: .bufferingNewest(1))
        var logger = Logger(label: "test", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .error
        let server = SimulatorServer(host: host, address: address, style: style, key: key, logger: logger) { announce.yield($0) }
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup { tasks in
            tasks.addTask {
                defer { announce.finish() }
                try await group.run()
            }
            if let address = await addresses.first(where: { _ in true }) {
                try await body(RunningSimulator(client: RawClient(address: address)))
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    func get(_ path: String) async throws -> RawResponse {
        try #require(try await self.client.send("GET", path))
    }

    func post(_ path: String, _ body: String = "") async throws -> RawResponse {
        try #require(try await self.client.send("POST", path, body: body, headers: ["Content-Type: application/json"]))
    }

    func create(_ body: String = Self.createBody) async throws -> RawResponse? {
        try await self.client.send("POST", Self.v1 + "/gpu/instance/create", body: body)
    }

    func createdID(_ body: String = Self.createBody) async throws -> String {
        let response = try #require(try await self.create(body))
        return try #require(response.json?["id"]?.text).filter { $0 != "\"" }
    }

    func instance(_ id: String) async throws -> RawResponse {
        try await self.get(Self.v1 + "/gpu/instance?instanceId=\(id)")
    }

    func status(_ id: String) async throws -> JSONValue? {
        try await self.instance(id).json?["status"]
    }

    func act(_ verb: String, _ id: String) async throws -> RawResponse {
        try await self.post(Self.v1 + "/gpu/instance/\(verb)", "{\"instanceId\": \"\(id)\"}")
    }

    func advance(_ seconds: Double) async throws {
        let response = try await self.post("/_sim/clock", "{\"advance_seconds\": \(seconds)}")
        #expect(response.status == 200)
    }

    func arm(_ fault: String) async throws {
        let response = try await self.post("/_sim/faults", fault)
        #expect(response.status == 200, "\(response.body)")
    }

    /// The machines on the bill, also those never billed.
    func machines() async throws -> [JSONValue] {
        guard case .array(let machines)? = try await self.get("/_sim/ledger?all=true").json?["machines"] else { return [] }
        return machines
    }
}
