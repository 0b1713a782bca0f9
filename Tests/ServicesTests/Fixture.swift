import Access
import Fleet
import Foundation
import Logging
import NovitaiProto
import ProtobufWire
import RPCCore
import SQLiteStore
import Synchronization
import Telemetry
import Testing

@testable import Services

/// A small deterministic generator, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The services on the real read model and the real database, with a provider that only offers a catalogue.
final class Fixture: Sendable {
    let clock = TestClock()
    let cloud: TestCloud
    let store: InlineSQLiteStore
    let view = View()
    let backend: Backend
    let catalog: CatalogHandlers
    let lines = LogLines()
    private let folder: String

    init(maxInstances: Int = 100, maxHourlySpend: MicroUSD = .dollars(100), monitor: FleetMonitor = FleetMonitor()) async throws {
        self.folder = NSTemporaryDirectory() + "novitai-services-\(UUID().uuidString)"
        self.cloud = TestCloud(now: self.clock.now)
        var random = SplitMix(state: 7)
        self.store = try InlineSQLiteStore(
            opening: SQLiteOptions(path: self.folder + "/test.db", isDurable: false), now: self.clock.now, using: &random)
        try await self.view.attach(to: self.store)
        var settings = FleetSettings()
        settings.ceilings = Ceilings(maxInstances: maxInstances, maxHourlySpend: maxHourlySpend)
        let lines = self.lines
        self.backend = Backend(
            store: self.store, view: self.view, cloud: self.cloud, clock: self.clock, settings: settings, cooldowns: Cooldowns(),
            random: RandomSource(SplitMix(state: 11)), monitor: monitor, drain: DrainSignal(),
            log: Logger(label: "test") { _ in lines.handler }
        ) { isDryRun, _ in
            let listing = MachineListing(
                machines: [Machine(id: UpstreamID(rawValue: "theirs"), name: "theirs", status: "running")], begunAt: Timestamp(seconds: 7))
            return ReconciliationReport(
                listing, questions: [], foreign: listing.machines, wasSuspicious: false, wasApplied: !isDryRun)
        }
        self.catalog = CatalogHandlers(self.backend)
    }

    deinit {
        self.store.close()
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    var instances: InstanceHandlers { InstanceHandlers(self.backend) }
    var jobs: JobHandlers { JobHandlers(self.backend) }

    var admin: AdminHandlers {
        let facts = ServerFacts(
            startedAt: self.clock.now, upstream: "http://127.0.0.1:1", messageBytesMax: 1, metadataBytesMax: 1, concurrentStreamsMax: 1,
            pingIntervalMin: .seconds(1))
        return AdminHandlers(self.backend, facts: facts, board: HealthBoard(), metrics: MetricsRegistry())
    }

    static func context(tenant: String = "default", metadata: [String: String] = [:], deadline: ContinuousClock.Instant? = nil)
        -> ServerContext
    {
        var fields = Metadata()
        for (name, value) in metadata { try? fields.append(value, for: name) }
        let context = ServerContext(
            method: NovitaiV1.InstanceService.getInstance, requestMetadata: fields, deadline: deadline, connection: 3, stream: 5)
        context.principal = Principal(id: "p", tenant: tenant, role: .operator)
        return context
    }

    static var spec: NovitaiV1.InstanceSpec {
        var spec = NovitaiV1.InstanceSpec()
        spec.products = ["RTX 4090 24GB"]
        spec.gpuCount = 1
        spec.image = "docker.io/library/alpine:3"
        return spec
    }

    func create(_ name: String = "", tenant: String = "default", requestID: String = "", labels: [String: String] = [:]) async throws
        -> NovitaiV1.CreateInstanceResponse
    {
        var request = NovitaiV1.CreateInstanceRequest()
        request.name = name
        request.requestId = requestID
        request.labels = labels
        request.spec = Self.spec
        self.clock.advance(by: .milliseconds(1))
        return try await self.instances.createInstance(request, context: Self.context(tenant: tenant))
    }

    /// What the engine would write.
    func update(_ id: String, _ change: (inout Instance) -> Void) async throws {
        var instance = try #require(self.view.instance(InstanceID(rawValue: id)))
        change(&instance)
        self.clock.advance(by: .milliseconds(1))
        instance.updatedAt = self.clock.now
        _ = try await self.store.commit(Commit(instances: [instance]))
    }

    func end(_ jobID: String, _ state: JobState = .succeeded) async throws {
        var job = try #require(self.view.job(JobID(rawValue: jobID)))
        job.state = state
        job.dueAt = nil
        job.endedAt = self.clock.now
        _ = try await self.store.commit(Commit(jobs: [Commit.JobWrite(job)]))
    }
}

/// What was logged, for tests that look for what must not be there.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { self.lines.withLock { $0.joined(separator: "\n") } }
    var handler: any LogHandler { Handler(lines: self) }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            self.lines.lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
        }
    }
}

/// An error with its details taken apart.
struct Refusal {
    let code: RPCError.Code
    let message: String
    let reason: String
    let effect: NovitaiV1.Effect
    let metadata: [String: String]
    private let status: GoogleRpc.Status

    init(_ error: RPCError) throws {
        self.code = error.code
        self.message = error.message
        self.status = try GoogleRpc.Status(decoding: error.details)
        var found: (GoogleRpc.ErrorInfo?, NovitaiV1.ErrorEffect?)
        for detail in self.status.details {
            if detail.typeUrl == "type.googleapis.com/google.rpc.ErrorInfo" { found.0 = try .init(decoding: detail.value) }
            if detail.typeUrl == "type.googleapis.com/novitai.v1.ErrorEffect" { found.1 = try .init(decoding: detail.value) }
        }
        let info = try #require(found.0)
        #expect(info.domain == "novitai")
        #expect(status.code == Int32(error.code.rawValue) && status.message == error.message)
        self.reason = info.reason
        self.metadata = info.metadata
        self.effect = try #require(found.1).effect
    }

    func detail<Message: ProtobufMessage>(_ type: Message.Type) throws -> Message? {
        guard let any = self.status.details.first(where: { $0.typeUrl == "type.googleapis.com/\(Message.protobufName)" }) else {
            return nil
        }
        return try Message(decoding: any.value)
    }

    var fields: [String] { ((try? self.detail(GoogleRpc.BadRequest.self)) ?? nil)?.fieldViolations.map(\.field) ?? [] }
}

/// The refusal that `body` ends with.
func refusal<Reply>(_ body: () async throws -> Reply, sourceLocation: SourceLocation = #_sourceLocation) async throws -> Refusal {
    do {
        _ = try await body()
    } catch let error as RPCError {
        return try Refusal(error)
    }
    Issue.record("the call was accepted", sourceLocation: sourceLocation)
    throw CancellationError()
}
