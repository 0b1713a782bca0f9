import Fleet
import NovitaiProto
import ProtobufWire
import Testing

@testable import Services

@Suite("Messages and the domain")
struct MappingTests {
    /// `partlyCloudy` → `PARTLY_CLOUDY`.
    private static func upperSnake(_ name: String) -> String {
        name.reduce(into: "") { text, character in text += character.isUppercase ? "_\(character)" : character.uppercased() }
    }

    @Test("every state has the value of its own name", arguments: InstanceState.allCases)
    func instanceState(_ state: InstanceState) {
        #expect(NovitaiV1.InstanceState(state).description == "INSTANCE_STATE_" + Self.upperSnake(state.rawValue))
    }

    @Test("every job state and type has the value of its own name")
    func jobWords() {
        for state in JobState.allCases { #expect(NovitaiV1.JobState(state).description == "JOB_STATE_" + Self.upperSnake(state.rawValue)) }
        for type in JobType.known { #expect(NovitaiV1.JobType(type).description == "JOB_TYPE_" + Self.upperSnake(type.rawValue)) }
    }

    @Test("every verdict, billing mode and reason has the value of its own name")
    func otherWords() {
        for verdict in CandidateVerdict.allCases {
            #expect(NovitaiV1.CandidateVerdict(verdict).description == "CANDIDATE_VERDICT_" + Self.upperSnake(verdict.rawValue))
        }
        for mode in BillingMode.allCases {
            #expect(NovitaiV1.BillingMode(mode).description == "BILLING_MODE_" + Self.upperSnake(mode.rawValue))
        }
        let reasons: [StateReason] = [
            .requested, .noCapacity, .refused, .startupTimeout, .providerError, .reclaimed, .vanished, .orphaned, .superseded, .external,
        ]
        for reason in reasons { #expect(NovitaiV1.StateReason(reason).description == "STATE_REASON_" + Self.upperSnake(reason.rawValue)) }
        #expect(NovitaiV1.StateReason(.none) == .unspecified)
    }

    @Test(
        "times before and after 1970 have nanoseconds that count forward",
        arguments: [(0, 0, 0), (1_500_000, 1, 500_000_000), (-1, -1, 999_999_000), (-1_000_000, -1, 0)] as [(Int64, Int64, Int32)])
    func time(_ micros: Int64, _ seconds: Int64, _ nanos: Int32) {
        let time = GoogleProtobuf.Timestamp(Timestamp(microseconds: micros))
        #expect(time.seconds == seconds && time.nanos == nanos)
    }

    @Test("a spec comes back as it was asked for, but for its environment")
    func specRoundTrip() {
        var asked = NovitaiV1.InstanceSpec()
        asked.products = ["a", "b"]
        asked.gpuCount = 4
        asked.regions = ["r"]
        asked.image = "image"
        asked.registryCredentialId = "credential"
        asked.command = "run\n"
        asked.entrypoint = "/bin/sh"
        asked.environment = ["SECRET": "canary"]
        asked.ports = [.init(8080, .http), .init(22, .tcp)]
        asked.diskGb = 200
        asked.billingMode = .spot
        asked.maxHourlyPrice = NovitaiV1.Money(MicroUSD(micros: 5))
        asked.minCudaVersion = "12.4"
        let requested = RequestedSpec(asked)
        #expect(requested.violations.isEmpty)
        #expect(requested.environment.values == ["SECRET": "canary"] && requested.spec.environmentNames == ["SECRET"])
        var wanted = asked
        wanted.environment = [:]
        #expect(NovitaiV1.InstanceSpec(requested.spec) == wanted)
    }

    @Test("an instance shows everything that is known of it, and nothing of its environment's values")
    func instance() {
        var instance = Instance(
            id: InstanceID(rawValue: "i-1"), name: "n", tenant: .default,
            spec: InstanceSpec(products: ["p"], image: "i", environmentNames: ["E"]),
            labels: ["k": "v"], deletionProtection: true,
            placement: Placement(
                productID: "p", productName: "P", clusterID: "c", clusterName: "C", billingMode: .spot, hourlyPrice: MicroUSD(micros: 7)),
            jobID: JobID(rawValue: "j-1"), createdAt: Timestamp(seconds: 1))
        instance.state = .running
        instance.stateReason = .external
        instance.stateMessage = "m"
        instance.readiness = .ready
        instance.endpoints = [Endpoint(port: 80, protocol: .http, address: "http://x")]
        instance.upstream = UpstreamFacts(id: UpstreamID(rawValue: "u"), status: "running", error: "e", observedAt: Timestamp(seconds: 2))
        instance.runningSince = Timestamp(seconds: 3)
        instance.deletedAt = Timestamp(seconds: 4)
        instance.revision = Revision(9)
        let message = NovitaiV1.Instance(instance)
        #expect(message.id == "i-1" && message.name == "n" && message.tenant == "default" && message.labels == ["k": "v"])
        #expect(message.environmentNames == ["E"] && message.spec?.environment == [:])
        #expect(message.state == .running && message.stateReason == .external && message.stateMessage == "m" && message.readiness == .ready)
        #expect(message.placement?.productId == "p" && message.placement?.regionId == "c" && message.placement?.hourlyPrice?.micros == 7)
        #expect(message.endpoints.first?.address == "http://x" && message.upstream?.status == "running" && message.upstream?.id == "u")
        #expect(message.jobId == "j-1" && message.deletionProtection && message.revision == 9 && message.desiredState == .running)
        #expect(message.createTime?.seconds == 1 && message.runningSince?.seconds == 3 && message.deleteTime?.seconds == 4)
    }
}

extension NovitaiV1.PortSpec {
    init(_ port: UInt32, _ portProtocol: NovitaiV1.PortProtocol) {
        self.init()
        self.port = port
        self.protocol = portProtocol
    }
}
