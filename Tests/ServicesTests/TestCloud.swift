import Fleet
import Synchronization

/// A provider that offers a catalogue and has no machines: what callers of the services reach by themselves.
final class TestCloud: Cloud, Sendable {
    struct State {
        var catalogue: Result<Catalogue, CloudError>
        var balance: Result<MicroUSD, CloudError> = .success(.dollars(1000))
        var calls: [CloudCall] = []
        var account = Account()
        var clockSkew: Duration?
        /// The provider's jobs that were to be broken off, and what comes of the next such call.
        var brokenOff: [UpstreamJobID] = []
        var breakFailure: CloudError?
    }

    let state: Mutex<State>
    var clockSkew: Duration? { self.state.withLock(\.clockSkew) }

    init(now: Timestamp) {
        self.state = Mutex(State(catalogue: .success(Self.catalogue(at: now))))
    }

    static func catalogue(at now: Timestamp) -> Catalogue {
        let cheap = Product(
            id: "p-4090", name: "RTX 4090 24GB", cpuCount: 16, memoryGB: 62, minDiskGB: 10, maxDiskGB: 1800,
            onDemandPrice: MicroUSD(micros: 350_000), spotPrice: MicroUSD(micros: 180_000), clusterIDs: ["us-1", "eu-1"], stock: "high",
            isAvailable: true)
        let dear = Product(
            id: "p-h100", name: "H100 SXM 80GB", cpuCount: 26, memoryGB: 230, minDiskGB: 10, maxDiskGB: 3000,
            onDemandPrice: MicroUSD(micros: 2_500_000), spotPrice: nil, clusterIDs: ["us-1"], stock: "low", isAvailable: true)
        let gone = Product(
            id: "p-3090", name: "RTX 3090 24GB", cpuCount: 8, memoryGB: 30, minDiskGB: 10, maxDiskGB: 800,
            onDemandPrice: MicroUSD(micros: 200_000), spotPrice: nil, clusterIDs: ["eu-1"], stock: "none", isAvailable: false)
        return Catalogue(
            products: [cheap, dear, gone],
            clusters: [
                Cluster(id: "us-1", name: "US-CA-06 (California)", productNames: []),
                Cluster(id: "eu-1", name: "EU-1 (Oslo)", productNames: []),
            ], fetchedAt: now)
    }

    func catalogue(since time: Timestamp?, call: CloudCall) async throws(CloudError) -> Catalogue {
        let result = self.state.withLock { state in
            state.calls.append(call)
            return state.catalogue
        }
        return try result.get()
    }

    func balance(call: CloudCall) async throws(CloudError) -> MicroUSD { try self.state.withLock { $0.balance }.get() }

    private static let nothing = CloudError(.notFound, "there is nothing here")
    func create(_ order: MachineOrder, call: CloudCall) async -> CreateOutcome { .refused(Self.nothing) }
    func machine(_ id: UpstreamID, call: CloudCall) async throws(CloudError) -> Machine? { nil }
    func machines(
        status: String?, call: CloudCall, onPage: @escaping @Sendable (MachineListing) -> Void
    ) async throws(CloudError) -> MachineListing {
        MachineListing(machines: [], begunAt: call.deadline)
    }
    func machines(named text: String, call: CloudCall) async throws(CloudError) -> MachineListing {
        MachineListing(machines: [], begunAt: call.deadline)
    }
    func start(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { throw Self.nothing }
    func stop(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { throw Self.nothing }
    func restart(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { throw Self.nothing }
    func edit(_ id: UpstreamID, _ edit: MachineEdit, call: CloudCall) async throws(CloudError) { throw Self.nothing }
    func upgrade(_ id: UpstreamID, _ upgrade: MachineUpgrade, call: CloudCall) async throws(CloudError) { throw Self.nothing }
    func migrate(_ id: UpstreamID, call: CloudCall) async throws(CloudError) { throw Self.nothing }
    func change(_ terms: MachineTerms, of id: UpstreamID, call: CloudCall) async throws(CloudError) { throw Self.nothing }
    func saveImage(of id: UpstreamID, to image: String, registryCredentialID: String, call: CloudCall) async throws(CloudError)
        -> UpstreamJobID
    {
        throw Self.nothing
    }
    func jobs(_ query: UpstreamJobQuery, call: CloudCall) async throws(CloudError) -> [UpstreamJob] { [] }
    func cancelJob(_ id: UpstreamJobID, call: CloudCall) async throws(CloudError) {
        let failure = self.state.withLock { state in
            state.brokenOff.append(id)
            return state.breakFailure
        }
        if let failure { throw failure }
    }
    func metrics(of id: UpstreamID, in window: MetricWindow, call: CloudCall) async throws(CloudError) -> MachineMetrics {
        MachineMetrics()
    }
    func access(to id: UpstreamID, call: CloudCall) async throws(CloudError) -> MachineAccess? { nil }
    func bill(from start: Timestamp, to end: Timestamp, of id: UpstreamID?, call: CloudCall) async throws(CloudError) -> [BillLine] { [] }
    func delete(_ id: UpstreamID, call: CloudCall) async throws(CloudError) {}
}
