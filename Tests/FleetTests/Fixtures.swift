import Fleet
import Testing

/// The time at which most of these tests happen.
let noon = Timestamp(seconds: 1_800_000_000)
let ours = DeploymentID(rawValue: "ourdeployment000")
let testLease = LeaseToken(rawValue: "lease")

/// A test cannot go on from here.
func unexpected(_ what: Any, sourceLocation: SourceLocation = #_sourceLocation) {
    Issue.record("\(what)", sourceLocation: sourceLocation)
}

extension InstanceSpec {
    static let small = InstanceSpec(products: ["RTX 4090 24GB"], image: "registry.example/worker:1")
    static let web = InstanceSpec(
        products: ["RTX 4090 24GB"], image: "registry.example/worker:1", ports: [PortSpec(port: 80, protocol: .http)])
}

extension Placement {
    static let standard = Placement(
        productID: "4090", productName: "RTX 4090 24GB", clusterID: "us-ca-6", clusterName: "US-CA-06 (California)",
        billingMode: .onDemand, hourlyPrice: MicroUSD(micros: 350_000))
}

extension Product {
    static func sample(
        _ id: String, _ name: String, price: Int64? = 350_000, spotPrice: Int64? = nil, clusters: [String] = [], stock: String = "high",
        isAvailable: Bool = true, maxDiskGB: Int = 1000
    ) -> Product {
        Product(
            id: id, name: name, cpuCount: 8, memoryGB: 60, minDiskGB: 10, maxDiskGB: maxDiskGB,
            onDemandPrice: price.map(MicroUSD.init(micros:)), spotPrice: spotPrice.map(MicroUSD.init(micros:)), clusterIDs: clusters,
            stock: stock, isAvailable: isAvailable)
    }
}

extension Instance {
    static func sample(
        _ state: InstanceState = .running, upstream: String? = "m1", status: String = "running", spec: InstanceSpec = .small,
        owner: Owner? = nil
    ) -> Instance {
        var instance = Instance(
            id: InstanceID(rawValue: "i-1"), name: "one", tenant: .default, owner: owner, spec: spec, placement: .standard,
            jobID: JobID(rawValue: "j-1"), createdAt: noon - .seconds(600))
        instance.state = state
        instance.revision = Revision(7)
        instance.upstream = upstream.map {
            UpstreamFacts(id: UpstreamID(rawValue: $0), status: status, error: "", observedAt: noon - .seconds(300))
        }
        if state == .running || state == .stopped { instance.runningSince = noon - .seconds(400) }
        return instance
    }
}

extension Machine {
    static func sample(
        _ id: String = "m1", _ status: String = "running", attempt: Int = 1, error: String = "", ports: [Int] = [],
        createdAt: Timestamp = noon - .seconds(600), deployment: DeploymentID = ours, instance: String = "i-1", name: String? = nil
    ) -> Machine {
        let token = OwnershipToken(deployment: deployment, instance: InstanceID(rawValue: instance), attempt: attempt)
        return Machine(
            id: UpstreamID(rawValue: id), name: name ?? token.text, status: status, statusError: error, token: token, clusterID: "us-ca-6",
            productID: "4090", endpoints: ports.map { Endpoint(port: $0, protocol: .http, address: "https://\($0)") }, createdAt: createdAt)
    }
}

extension Job {
    static func sample(_ type: JobType, _ step: JobStep, id: String = "j-1", createdAt: Timestamp = noon) -> Job {
        var job = Job(
            id: JobID(rawValue: id), type: type, tenant: .default, instanceID: InstanceID(rawValue: "i-1"), step: step, requestID: "r",
            createdAt: createdAt)
        job.revision = Revision(8)
        return job
    }
}

extension Admission.Occasion {
    static func sample(_ method: String = "m", funds: Funds? = nil, hourlySpend: MicroUSD = .zero) -> Self {
        Self(
            now: noon, instanceID: InstanceID(rawValue: "i-new"), jobID: JobID(rawValue: "j-new"),
            request: RequestKey(tenant: .default, method: method, requestID: "r"), payloadDigest: [1], actor: "op", funds: funds,
            hourlySpend: hourlySpend)
    }
}

extension JobStepper {
    static func sample(_ job: Job, _ instance: Instance, at now: Timestamp = noon) -> JobStepper {
        JobStepper(
            job: job, instance: instance, lease: testLease, now: now, settings: FleetSettings(), deployment: ours,
            lookInterval: .seconds(5),
            spareJobID: JobID(rawValue: "j-spare"))
    }
}

extension JobStepper {
    /// The create call that is being settled.
    var attempt: CreateAttempt? {
        if case .settle(let attempt, _) = self.job.step { attempt } else { nil }
    }
}

extension StepResult {
    var job: Job? { self.commit.jobs.first?.job }
    var instance: Instance? { self.commit.instances.first }
}
