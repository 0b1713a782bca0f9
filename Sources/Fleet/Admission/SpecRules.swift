/// What the provider takes, checked before anything is written down. Limits are the provider's unless said otherwise.
package enum SpecRules {
    /// Ours: more than that is a list, not a preference.
    package static let productsMax = 16
    /// Ours, like `productsMax`.
    package static let regionsMax = 16
    package static let gpuCounts = 1...8
    /// Characters.
    package static let imageLengths = 1...500
    /// Characters of what the provider calls something by. Ours: its own have less than forty.
    package static let identifierLengthMax = 255
    /// Characters of the command and of the entry point.
    package static let commandLengthMax = 2047
    /// Variables. The provider takes 100; ten are ours.
    package static let environmentMax = 90
    /// Characters.
    package static let environmentNameLengths = 1...511
    /// Characters.
    package static let environmentValueLengthMax = 4095
    package static let portsMax = 15
    /// The provider keeps them for itself.
    package static let reservedPorts = 2222...2224
    /// Ours: more would take minutes.
    package static let consecutiveSuccesses = 1...10
    /// Characters.
    package static let probePathLengthMax = 1024
    /// Ours, like `productsMax`.
    package static let expectedStatusesMax = 16
    package static let volumesMax = 30
    /// Characters.
    package static let mountPathLengthMax = 4095
    /// GB.
    package static let diskSizes = 10...6144
    /// Ours, as in the public protocol.
    package static let nameLengthMax = 63
    package static let labelsMax = 64
    package static let labelKeyLengths = 1...63
    package static let labelValueLengthMax = 255
    /// Ours: whoever has waited for a week asks again, and sees the prices of then.
    package static let capacityWaitMax: Duration = .seconds(7 * 86_400)
    /// Printable characters.
    package static let requestIDLengths = 1...64

    /// Everything that is wrong with a spec whatever is on offer; fields are named as in the public protocol.
    package static func violations(of spec: InstanceSpec) -> [FieldViolation] {
        var found: [FieldViolation] = []
        func require(_ condition: Bool, _ field: String, _ rule: String) {
            if !condition { found.append(FieldViolation("spec.\(field)", rule)) }
        }
        require((1...self.productsMax).contains(spec.products.count), "products", "name 1 to \(self.productsMax) products")
        require(spec.products.allSatisfy { !$0.isEmpty }, "products", "must not hold an empty text")
        require(spec.isCPU || self.gpuCounts.contains(spec.gpuCount), "gpu_count", "must be \(self.gpuCounts.words)")
        require(spec.regions.count <= self.regionsMax, "regions", "name at most \(self.regionsMax) regions")
        require(self.imageLengths.contains(spec.image.unicodeScalars.count), "image", "must have \(self.imageLengths.words) characters")
        let names = [("registry_credential_id", spec.registryCredentialID), ("network_id", spec.networkID ?? "")]
        for (field, text) in names {
            let rule = "must have at most \(self.identifierLengthMax) characters"
            require(text.unicodeScalars.count <= self.identifierLengthMax, field, rule)
        }
        require(
            spec.command.unicodeScalars.count <= self.commandLengthMax, "command", "must have at most \(self.commandLengthMax) characters")
        require(
            spec.entrypoint.unicodeScalars.count <= self.commandLengthMax, "entrypoint",
            "must have at most \(self.commandLengthMax) characters")
        require(self.diskSizes.contains(spec.diskGB) || (spec.isCPU && spec.diskGB == 0), "disk_gb", "must be \(self.diskSizes.words)")
        if let limit = spec.maxHourlyPrice { require(limit > .zero, "max_hourly_price", "must be more than zero") }
        require(self.isVersion(spec.minCUDAVersion), "min_cuda_version", "must look like 12.4")
        if let rule = spec.readiness {
            require(
                self.consecutiveSuccesses.contains(rule.consecutiveSuccesses), "readiness_rule.consecutive_successes",
                "must be \(self.consecutiveSuccesses.words)")
            require((1...100).contains(rule.thresholdPercent), "readiness_rule.threshold_percent", "must be 1 to 100")
        }
        if spec.isCPU {
            require(spec.billingMode == .onDemand, "billing_mode", "must be on demand for a CPU machine")
            require(spec.minCUDAVersion.isEmpty, "min_cuda_version", "must be empty for a CPU machine, which has no GPU")
        }
        return found + self.violations(ofPorts: spec.ports) + self.violations(ofVolumes: spec.volumes ?? [])
    }

    /// What is wrong with a spec now, and need not be when the request is repeated.
    package static func violations(ofCapacityWait spec: InstanceSpec, at now: Timestamp) -> [FieldViolation] {
        guard let until = spec.waitForCapacityUntil, !(until > now && until <= now + self.capacityWaitMax) else { return [] }
        let days = self.capacityWaitMax.components.seconds / 86_400
        return [FieldViolation("spec.wait_for_capacity_until", "must lie ahead, by at most \(days) days")]
    }

    package static func violations(of environment: InstanceEnvironment) -> [FieldViolation] {
        var found: [FieldViolation] = []
        if environment.values.count > self.environmentMax {
            found.append(FieldViolation("spec.environment", "must have at most \(self.environmentMax) variables"))
        }
        for (name, value) in environment.values.sorted(by: { $0.key < $1.key }) {
            if !self.environmentNameLengths.contains(name.unicodeScalars.count) {
                found.append(FieldViolation("spec.environment", "names must have \(self.environmentNameLengths.words) characters"))
            }
            if name == OwnershipToken.environmentName || name == OwnershipToken.updateEnvironmentName {
                found.append(FieldViolation("spec.environment", "\(name) is kept for the server's own marks"))
            }
            if value.unicodeScalars.count > self.environmentValueLengthMax {
                found.append(
                    FieldViolation("spec.environment[\(name)]", "must have at most \(self.environmentValueLengthMax) characters"))
            }
        }
        return found
    }

    /// Empty is allowed: the name is then made from the id.
    package static func violations(ofName name: String) -> [FieldViolation] {
        guard !name.isEmpty else { return [] }
        let bytes = Array(name.utf8)
        let isValid =
            bytes.count <= self.nameLengthMax && (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(bytes[0])
            && bytes.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
        guard !isValid else { return [] }
        return [
            FieldViolation("name", "must have 1 to \(self.nameLengthMax) lower-case letters, digits or '-', and begin with a letter")
        ]
    }

    package static func violations(ofLabels labels: [String: String]) -> [FieldViolation] {
        var found: [FieldViolation] = []
        if labels.count > self.labelsMax { found.append(FieldViolation("labels", "must have at most \(self.labelsMax) labels")) }
        for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
            if !self.labelKeyLengths.contains(key.unicodeScalars.count) {
                found.append(FieldViolation("labels", "keys must have \(self.labelKeyLengths.words) characters"))
            }
            if value.unicodeScalars.count > self.labelValueLengthMax {
                found.append(FieldViolation("labels[\(key)]", "must have at most \(self.labelValueLengthMax) characters"))
            }
        }
        return found
    }

    /// Not empty: who has none makes one first.
    package static func violations(ofRequestID requestID: String) -> [FieldViolation] {
        let isValid =
            self.requestIDLengths.contains(requestID.unicodeScalars.count)
            && requestID.unicodeScalars.allSatisfy { (0x20...0x7e).contains($0.value) }
        return isValid ? [] : [FieldViolation("request_id", "must have \(self.requestIDLengths.words) printable ASCII characters")]
    }

    private static func violations(ofVolumes volumes: [VolumeMount]) -> [FieldViolation] {
        var found: [FieldViolation] = []
        if volumes.count > self.volumesMax { found.append(FieldViolation("spec.volumes", "must be at most \(self.volumesMax)")) }
        var paths: Set<String> = []
        for (position, volume) in volumes.prefix(self.volumesMax).enumerated() {
            let field = "spec.volumes[\(position)].mount_path"
            let isPath =
                volume.mountPath.hasPrefix("/") && volume.mountPath.utf8.count > 1
                && volume.mountPath.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
            if !isPath || volume.mountPath.unicodeScalars.count > self.mountPathLengthMax {
                found.append(FieldViolation(field, "must be an absolute path of at most \(self.mountPathLengthMax) characters"))
            }
            if !paths.insert(volume.mountPath).inserted { found.append(FieldViolation(field, "\(volume.mountPath) is named twice")) }
        }
        return found
    }

    private static func violations(ofPorts ports: [PortSpec]) -> [FieldViolation] {
        var found: [FieldViolation] = []
        if ports.count > self.portsMax { found.append(FieldViolation("spec.ports", "must have at most \(self.portsMax) ports")) }
        var seen: Set<Int> = []
        for (position, port) in ports.prefix(self.portsMax).enumerated() {
            let field = "spec.ports[\(position)].port"
            if !(1...65535).contains(port.port) { found.append(FieldViolation(field, "must be 1 to 65535")) }
            if self.reservedPorts.contains(port.port) {
                found.append(FieldViolation(field, "\(self.reservedPorts.words) are kept by the provider"))
            }
            if let probe = port.probe { found += self.violations(of: probe, port, at: "spec.ports[\(position)].probe") }
            if !seen.insert(port.port).inserted { found.append(FieldViolation(field, "port \(port.port) is named twice")) }
        }
        return found
    }

    private static func violations(of probe: PortProbe, _ port: PortSpec, at field: String) -> [FieldViolation] {
        var found: [FieldViolation] = []
        func require(_ condition: Bool, _ name: String, _ rule: String) {
            if !condition { found.append(FieldViolation("\(field).\(name)", rule)) }
        }
        let isPath =
            probe.path.isEmpty || (probe.path.hasPrefix("/") && probe.path.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x23 })
        require(
            isPath && probe.path.utf8.count <= self.probePathLengthMax, "path",
            "must begin with / and hold at most \(self.probePathLengthMax) visible ASCII characters without #")
        require(
            probe.expectedStatuses.count <= self.expectedStatusesMax, "expected_statuses", "must be at most \(self.expectedStatusesMax)")
        require(probe.expectedStatuses.allSatisfy { (100...599).contains($0) }, "expected_statuses", "must be 100 to 599")
        if port.protocol == .tcp {
            require(
                probe.path.isEmpty && probe.expectedStatuses.isEmpty, "path",
                "a TCP port is only connected to: it has no path and no status")
        }
        return found
    }

    /// Empty, or numbers with points between.
    private static func isVersion(_ text: String) -> Bool {
        guard !text.isEmpty else { return true }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return (1...3).contains(parts.count)
            && parts.allSatisfy { (1...4).contains($0.utf8.count) && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }
}

extension ClosedRange<Int> {
    fileprivate var words: String { "\(self.lowerBound) to \(self.upperBound)" }
}
