import Fleet
import FleetEngine
import Foundation
import NovitaSimulator
import SQLiteStore

extension Universe {
    struct ScriptFailed: Error {
        var reason: String
    }

    /// Runs one server without crashes of its own while `script` runs, then shuts it down.
    static func play(
        settings: FleetSettings = FleetSettings(), provider: SimulatorConfiguration = SimulatorConfiguration(),
        listPageSize: Int = 100, receiver: SimulatedReceiver? = nil, _ script: @escaping @Sendable (Universe) async throws -> Void
    ) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("novitai-play-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let universe = Universe(
            Scenario(settings: settings, provider: provider, listPageSize: listPageSize), directory: directory, receiver: receiver)
        try universe.boot()
        let failure = try universe.result { () async -> String in
            do { try await script(universe) } catch { return "\(error)" }
            return ""
        }
        universe.server?.beginGracefulShutdown()
        try universe.drain { universe.server?.hasEnded == true }
        universe.server?.crash()
        if !failure.isEmpty { throw ScriptFailed(reason: failure) }
    }

    /// The server, once it serves.
    func running() async -> SimulatedServer {
        while true {
            if let server = self.server, server.isServing { return server }
            await self.clock.sleep(until: self.clock.now + .milliseconds(100))
        }
    }

    /// The server ends as it was asked to; it still has to be replaced.
    func endServer() async {
        let server = await self.running()
        server.beginGracefulShutdown()
        while !server.hasEnded { await self.sleep(.milliseconds(100)) }
    }

    func sleep(_ duration: Duration) async {
        await self.clock.sleep(until: self.clock.now + duration)
    }

    func create(
        _ number: Int, _ spec: InstanceSpec = .small, policies: InstancePolicies = InstancePolicies()
    ) async throws -> Mutations.Reply {
        let planner = Planner(catalogue: self.provider.catalogue(at: self.clock.now), cooldowns: Cooldowns(), defaultRegion: nil)
        return try await self.running().mutations.create(
            Admission.NewInstance(tenant: .default, name: "machine-\(number)", spec: spec, policies: policies), planner: planner,
            request: RequestKey(tenant: .default, method: "create", requestID: "\(number)"), payloadDigest: [1])
    }

    func change(_ change: Admission.Change, _ id: InstanceID, requestID: String = "only") async throws -> Mutations.Reply {
        try await self.running().mutations.change(
            change, of: id, request: RequestKey(tenant: .default, method: "\(change) \(id)", requestID: requestID), payloadDigest: [1])
    }

    /// The job once it has ended; fails after four hours.
    func end(of job: Job) async throws -> Job {
        let deadline = self.clock.now + .seconds(4 * 3600)
        while self.clock.now < deadline {
            let server = await self.running()
            if let job = try? await server.view.job(job.id, endedBefore: self.clock.now + .seconds(60), clock: self.clock),
                job.state.isFinal
            {
                return job
            }
            if let job = try? await server.store.job(job.id), job.state.isFinal { return job }
        }
        throw ScriptFailed(reason: "job \(job.id) does not end")
    }

    func instance(_ id: InstanceID) async throws -> Instance? {
        try await self.running().store.inner.instance(id)
    }

    /// Creates one and waits until it is ready.
    func ready(
        _ number: Int = 1, _ spec: InstanceSpec = .small, policies: InstancePolicies = InstancePolicies()
    ) async throws -> Instance {
        let reply = try await self.create(number, spec, policies: policies)
        let job = try await self.end(of: reply.job)
        guard job.state == .succeeded, let instance = try await self.instance(reply.instance.id) else {
            throw ScriptFailed(reason: "create ended \(job.state): \(job.errorMessage)")
        }
        return instance
    }

    func arm(_ fault: ProviderFault) {
        self.provider.withSimulator { simulator, _ in _ = simulator.arm(fault) }
    }

    var ledger: [LedgerEntry] { self.provider.withSimulator { $0.ledger(at: $1, includingUnbilled: true) } }

    func count(of endpoint: ProviderOperation) -> Int {
        self.provider.withSimulator { simulator, _ in endpoint.endpoint.map { simulator.requests.count(of: $0) } ?? 0 }
    }
}

extension InstanceSpec {
    static let small = InstanceSpec(products: ["RTX 4090 24GB"], image: "registry.example/worker:1")
}
