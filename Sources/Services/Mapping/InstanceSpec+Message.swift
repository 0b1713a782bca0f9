internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.InstanceSpec {
    /// Without the environment, whose values are never returned.
    init(_ spec: InstanceSpec) {
        self.init()
        self.products = spec.products
        self.gpuCount = UInt32(clamping: spec.gpuCount)
        if spec.isCPU { self.kind = .cpu }
        self.regions = spec.regions
        self.image = spec.image
        self.registryCredentialId = spec.registryCredentialID
        self.command = spec.command
        self.entrypoint = spec.entrypoint
        self.ports = spec.ports.map { NovitaiV1.PortSpec($0) }
        self.diskGb = UInt32(clamping: spec.diskGB)
        self.billingMode = NovitaiV1.BillingMode(spec.billingMode)
        self.maxHourlyPrice = spec.maxHourlyPrice.map { NovitaiV1.Money($0) }
        self.minCudaVersion = spec.minCUDAVersion
        self.readinessRule = spec.readiness.map { NovitaiV1.ReadinessRule($0) }
        self.volumes = (spec.volumes ?? []).map { volume in
            var message = NovitaiV1.VolumeMount()
            (message.volumeId, message.mountPath) = (volume.volumeID, volume.mountPath)
            return message
        }
        self.networkId = spec.networkID ?? ""
        self.waitForCapacityUntil = spec.waitForCapacityUntil.map { GoogleProtobuf.Timestamp($0) }
    }
}

extension NovitaiV1.ReadinessRule {
    init(_ rule: ReadinessRule) {
        self.init()
        self.consecutiveSuccesses = UInt32(clamping: rule.consecutiveSuccesses)
        self.thresholdPercent = UInt32(clamping: rule.thresholdPercent)
    }
}

extension NovitaiV1.PortProbe {
    init(_ probe: PortProbe) {
        self.init()
        self.path = probe.path
        self.expectedStatuses = probe.expectedStatuses.map { UInt32(clamping: $0) }
        self.optional = probe.isOptional
    }
}

extension NovitaiV1.PortSpec {
    init(_ port: PortSpec) {
        self.init()
        self.port = UInt32(clamping: port.port)
        self.protocol = NovitaiV1.PortProtocol(port.protocol)
        self.probe = port.probe.map { NovitaiV1.PortProbe($0) }
    }
}

/// A spec as it came in a request, with everything that could not be taken over as it stands. What the values must be is the domain's to say.
struct RequestedSpec {
    /// What a machine gets that asks for no disk.
    static let defaultDiskGB = 60

    private(set) var spec: InstanceSpec
    private(set) var environment: InstanceEnvironment
    private(set) var violations: [FieldViolation] = []

    init(_ message: NovitaiV1.InstanceSpec?) {
        guard let message else {
            self.spec = InstanceSpec(products: [], image: "")
            self.environment = InstanceEnvironment()
            self.violations = [FieldViolation("spec", "is required")]
            return
        }
        self.environment = InstanceEnvironment(message.environment)
        self.spec = InstanceSpec(
            products: message.products, gpuCount: Int(message.gpuCount), regions: message.regions, image: message.image,
            registryCredentialID: message.registryCredentialId, command: message.command, entrypoint: message.entrypoint,
            environmentNames: message.environment.keys.sorted(), diskGB: Int(message.diskGb), minCUDAVersion: message.minCudaVersion)
        if self.spec.diskGB == 0, !self.spec.isCPU { self.spec.diskGB = Self.defaultDiskGB }
        self.takeKind(of: message)
        self.takePorts(message.ports)
        self.takeBillingMode(message.billingMode)
        self.takePrice(message.maxHourlyPrice)
        self.spec.readiness = message.readinessRule.map { rule in
            ReadinessRule(
                consecutiveSuccesses: rule.consecutiveSuccesses == 0 ? 1 : Int(rule.consecutiveSuccesses),
                thresholdPercent: rule.thresholdPercent == 0 ? 100 : Int(rule.thresholdPercent))
        }
        if !message.volumes.isEmpty {
            self.spec.volumes = message.volumes.map { VolumeMount(volumeID: $0.volumeId, mountPath: $0.mountPath) }
        }
        if !message.networkId.isEmpty { self.spec.networkID = message.networkId }
        self.spec.waitForCapacityUntil = message.waitForCapacityUntil.map { Timestamp($0) }
        self.violations += Self.controlCharacters(in: message)
    }

    private mutating func takePorts(_ ports: [NovitaiV1.PortSpec]) {
        // One with an unknown protocol is kept too, so that the others have their places in what is said about them.
        self.spec.ports = ports.map { PortSpec($0) }
        self.violations += PortSpec.unknownProtocols(in: ports, "spec.")
    }

    /// Whether the products that are named are of that kind the planner judges.
    private mutating func takeKind(of message: NovitaiV1.InstanceSpec) {
        switch message.kind {
        case .unspecified: break
        case .gpu where message.gpuCount == 0: self.violations.append(FieldViolation("spec.gpu_count", "must be 1 to 8"))
        case .cpu where message.gpuCount != 0:
            self.violations.append(FieldViolation("spec.gpu_count", "must be 0 for a CPU machine"))
        case .gpu, .cpu: break
        default: self.violations.append(FieldViolation("spec.kind", "is not a known kind"))
        }
    }

    private mutating func takeBillingMode(_ mode: NovitaiV1.BillingMode) {
        switch mode {
        case .unspecified, .onDemand: self.spec.billingMode = .onDemand
        case .spot: self.spec.billingMode = .spot
        default: self.violations.append(FieldViolation("spec.billing_mode", "is not a known billing mode"))
        }
    }

    private mutating func takePrice(_ price: NovitaiV1.Money?) {
        guard let price else { return }
        self.spec.maxHourlyPrice = MicroUSD(micros: price.micros)
        if !price.currencyCode.isEmpty, price.currencyCode != NovitaiV1.Money.usDollars {
            self.violations.append(FieldViolation("spec.max_hourly_price.currency_code", "must be \(NovitaiV1.Money.usDollars)"))
        }
    }

    /// A NUL ends a string for the provider and for everything written in C behind it; other control characters have no place in names.
    /// Lists that are too long are refused for that and not looked through.
    private static func controlCharacters(in message: NovitaiV1.InstanceSpec) -> [FieldViolation] {
        var names = [
            ("image", message.image), ("registry_credential_id", message.registryCredentialId),
            ("min_cuda_version", message.minCudaVersion), ("network_id", message.networkId),
        ]
        names += message.products.prefix(SpecRules.productsMax).enumerated().map { ("products[\($0)]", $1) }
        names += message.regions.prefix(SpecRules.regionsMax).enumerated().map { ("regions[\($0)]", $1) }
        var texts = [("command", message.command), ("entrypoint", message.entrypoint)]
        if message.environment.count <= SpecRules.environmentMax {
            texts += message.environment.sorted { $0.key < $1.key }.map { ("environment", $0.key + $0.value) }
        }
        return names.filter { $0.1.utf8.contains { $0 < 0x20 || $0 == 0x7f } }
            .map { FieldViolation("spec.\($0.0)", "must not hold control characters") }
            + texts.filter { $0.1.utf8.contains(0) }.map { FieldViolation("spec.\($0.0)", "must not hold a NUL") }
    }
}

extension PortSpec {
    init(_ port: NovitaiV1.PortSpec) {
        self.init(
            port: Int(port.port), protocol: port.protocol == .tcp ? .tcp : .http,
            probe: port.probe.map { probe in
                PortProbe(path: probe.path, expectedStatuses: probe.expectedStatuses.map { Int($0) }, isOptional: probe.optional)
            })
    }

    static func unknownProtocols(in ports: [NovitaiV1.PortSpec], _ prefix: String) -> [FieldViolation] {
        let known: [NovitaiV1.PortProtocol] = [.unspecified, .http, .tcp]
        return ports.prefix(SpecRules.portsMax).enumerated().filter { !known.contains($1.protocol) }
            .map { FieldViolation("\(prefix)ports[\($0.offset)].protocol", "is not a known protocol") }
    }
}
