import Fleet
import NovitaiProto
import Testing

@testable import Services

@Suite("Specifications in requests") struct ValidationTests {
    private typealias Change = (inout NovitaiV1.InstanceSpec) -> Void

    private static var good: NovitaiV1.InstanceSpec {
        var spec = NovitaiV1.InstanceSpec()
        spec.products = ["RTX 4090 24GB"]
        spec.gpuCount = 1
        spec.image = "team/trainer:1.4"
        return spec
    }

    /// Everything that is wrong with a spec, whatever is on offer.
    private static func violations(_ spec: NovitaiV1.InstanceSpec?) -> [FieldViolation] {
        let wanted = RequestedSpec(spec)
        return wanted.violations + SpecRules.violations(of: wanted.spec) + SpecRules.violations(of: wanted.environment)
    }

    private static func spec(_ change: Change) -> NovitaiV1.InstanceSpec {
        var spec = self.good
        change(&spec)
        return spec
    }

    private static func port(_ number: UInt32, _ portProtocol: NovitaiV1.PortProtocol = .unspecified) -> NovitaiV1.PortSpec {
        var port = NovitaiV1.PortSpec()
        port.port = number
        port.protocol = portProtocol
        return port
    }

    private static func money(_ micros: Int64, _ currency: String = "USD") -> NovitaiV1.Money {
        var money = NovitaiV1.Money()
        money.micros = micros
        money.currencyCode = currency
        return money
    }

    private static func text(_ count: Int) -> String { String(repeating: "a", count: count) }

    @Test("what the rules allow is taken, up to their edges")
    func allowed() {
        let changes: [Change] = [
            { _ in }, { $0.gpuCount = 8 }, { $0.image = Self.text(500) }, { $0.diskGb = 10 }, { $0.diskGb = 6144 },
            { $0.command = Self.text(2047) },
            { $0.entrypoint = Self.text(2047) }, { $0.products = (0..<16).map { "p\($0)" } }, { $0.ports = (1...15).map { Self.port($0) } },
            { $0.ports = [Self.port(65535), Self.port(2221), Self.port(2225)] }, { $0.maxHourlyPrice = Self.money(1) },
            { $0.minCudaVersion = "12.4" }, { $0.environment = [Self.text(511): Self.text(4095)] },
            { spec in for number in 0..<90 { spec.environment["E\(number)"] = "" } }, { $0.command = "line\nline\t" },
            { $0.billingMode = .spot },
        ]
        for change in changes { #expect(Self.violations(Self.spec(change)) == []) }
    }

    @Test("what the rules refuse is refused, and the field named")
    func refused() {
        let changes: [(String, Change)] = [
            ("spec.products", { $0.products = [] }), ("spec.products", { $0.products = (0..<17).map { "p\($0)" } }),
            ("spec.products", { $0.products = [""] }), ("spec.products[1]", { $0.products = ["a", "a\0b"] }),
            ("spec.gpu_count", { ($0.kind, $0.gpuCount) = (.gpu, 0) }), ("spec.gpu_count", { ($0.kind, $0.gpuCount) = (.cpu, 1) }),
            ("spec.kind", { $0.kind = NovitaiV1.MachineKind(rawValue: 9) }),
            ("spec.billing_mode", { ($0.kind, $0.gpuCount, $0.billingMode) = (.cpu, 0, .spot) }),
            ("spec.gpu_count", { $0.gpuCount = 9 }), ("spec.gpu_count", { $0.gpuCount = .max }),
            ("spec.regions[0]", { $0.regions = ["\0"] }),
            ("spec.image", { $0.image = "" }), ("spec.image", { $0.image = Self.text(501) }), ("spec.image", { $0.image = "a\0b" }),
            ("spec.image", { $0.image = "a\nb" }), ("spec.image", { $0.image = "a\u{7F}" }),
            ("spec.command", { $0.command = Self.text(2048) }),
            // One character to a reader, many to everybody else.
            ("spec.command", { $0.command = "e" + String(repeating: "\u{301}", count: 2047) }), ("spec.command", { $0.command = "\0" }),
            ("spec.entrypoint", { $0.entrypoint = Self.text(2048) }), ("spec.entrypoint", { $0.entrypoint = "\0" }),
            ("spec.registry_credential_id", { $0.registryCredentialId = "a\0" }), ("spec.disk_gb", { $0.diskGb = 9 }),
            ("spec.disk_gb", { $0.diskGb = 6145 }), ("spec.ports", { $0.ports = (1...16).map { Self.port($0) } }),
            ("spec.ports[0].port", { $0.ports = [Self.port(0)] }), ("spec.ports[0].port", { $0.ports = [Self.port(65536)] }),
            ("spec.ports[1].port", { $0.ports = [Self.port(80), Self.port(2222)] }),
            ("spec.ports[0].port", { $0.ports = [Self.port(2223)] }),
            ("spec.ports[0].port", { $0.ports = [Self.port(2224)] }),
            ("spec.ports[1].port", { $0.ports = [Self.port(80), Self.port(80, .tcp)] }),
            ("spec.ports[1].port", { $0.ports = [Self.port(80, .init(rawValue: 9)), Self.port(2222)] }),
            ("spec.ports[0].protocol", { $0.ports = [Self.port(80, .init(rawValue: 9))] }),
            ("spec.billing_mode", { $0.billingMode = .init(rawValue: 9) }),
            ("spec.max_hourly_price", { $0.maxHourlyPrice = Self.money(0) }),
            ("spec.max_hourly_price", { $0.maxHourlyPrice = Self.money(-1) }),
            ("spec.max_hourly_price.currency_code", { $0.maxHourlyPrice = Self.money(1, "EUR") }),
            ("spec.min_cuda_version", { $0.minCudaVersion = "new" }), ("spec.min_cuda_version", { $0.minCudaVersion = "12." }),
            ("spec.environment", { $0.environment = ["": "a"] }), ("spec.environment", { $0.environment = [Self.text(512): "a"] }),
            ("spec.environment", { $0.environment = ["NOVITAI_OWNER": "a"] }), ("spec.environment", { $0.environment = ["A\0": "a"] }),
            ("spec.environment[A]", { $0.environment = ["A": Self.text(4096)] }),
            ("spec.environment", { spec in for number in 0..<91 { spec.environment["E\(number)"] = "" } }),
        ]
        for (field, change) in changes {
            let fields = Self.violations(Self.spec(change)).map(\.field)
            #expect(fields.contains(field), "\(field) is not among \(fields)")
        }
    }

    @Test("a request without a spec says so")
    func missing() {
        #expect(RequestedSpec(nil).violations.map(\.field) == ["spec"])
    }

    @Test("a spec with many faults is answered with few words")
    func manyFaults() {
        let spec = Self.spec { spec in spec.ports = (0..<30_000).map { _ in Self.port(0, .init(rawValue: 9)) } }
        #expect(Self.violations(spec).count < 100)
    }

    @Test("a value of the environment is in no text about it")
    func secrets() {
        let spec = Self.spec { $0.environment = ["TOKEN": "secret\0" + Self.text(5000), "": "secret"] }
        for violation in Self.violations(spec) { #expect(!"\(violation)".contains("secret")) }
        #expect(!"\(RequestedSpec(spec).environment)".contains("secret"))
    }

    @Test("what is not said has its default, and what is said arrives")
    func conversion() {
        let plain = RequestedSpec(Self.good).spec
        #expect(plain.diskGB == 60 && plain.billingMode == .onDemand && plain.maxHourlyPrice == nil && plain.ports == [])
        let full = RequestedSpec(
            Self.spec {
                $0.regions = ["us-ca-6"]
                $0.registryCredentialId = "cred-1"
                $0.command = "run"
                $0.entrypoint = "/bin/sh"
                $0.environment = ["B": "2", "A": "1"]
                $0.ports = [Self.port(80), Self.port(22, .tcp)]
                $0.diskGb = 100
                $0.billingMode = .spot
                $0.maxHourlyPrice = Self.money(350_000)
                $0.minCudaVersion = "12.4"
            })
        #expect(
            full.spec
                == InstanceSpec(
                    products: ["RTX 4090 24GB"], gpuCount: 1, regions: ["us-ca-6"], image: "team/trainer:1.4",
                    registryCredentialID: "cred-1",
                    command: "run", entrypoint: "/bin/sh", environmentNames: ["A", "B"],
                    ports: [PortSpec(port: 80, protocol: .http), PortSpec(port: 22, protocol: .tcp)], diskGB: 100, billingMode: .spot,
                    maxHourlyPrice: MicroUSD(micros: 350_000), minCUDAVersion: "12.4"))
        #expect(full.environment.values == ["A": "1", "B": "2"])
    }

    @Test(
        "a request id has 1 to 64 printable ASCII characters",
        arguments: [
            ("a", true), (Self.text(64), true), ("a b~!", true), ("", false), (Self.text(65), false), ("ü", false), ("a\n", false),
            ("a\0", false),
        ])
    func requestID(_ text: String, _ isValid: Bool) {
        #expect(SpecRules.violations(ofRequestID: text).map(\.field) == (isValid ? [] : ["request_id"]))
    }

    @Test(
        "a name has 1 to 63 lower-case letters, digits or '-' and begins with a letter; empty has one made",
        arguments: [
            ("", true), ("a", true), ("a-1", true), (Self.text(63), true), (Self.text(64), false), ("1a", false), ("-a", false),
            ("A", false),
            ("a_b", false), ("a b", false), ("ä", false), ("a\0", false),
        ])
    func name(_ text: String, _ isValid: Bool) {
        #expect(SpecRules.violations(ofName: text).map(\.field) == (isValid ? [] : ["name"]))
    }
}
