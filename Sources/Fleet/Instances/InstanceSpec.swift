/// How the provider bills a machine.
package enum BillingMode: String, Hashable, Sendable, Codable, CaseIterable {
    case onDemand
    case spot
}

package enum PortProtocol: String, Hashable, Sendable, Codable {
    case http
    case tcp
}

package struct PortSpec: Hashable, Sendable, Codable {
    package var port: Int
    package var `protocol`: PortProtocol
    /// Nil: that the provider gives it an address is enough.
    package var probe: PortProbe?

    package init(port: Int, protocol: PortProtocol, probe: PortProbe? = nil) {
        self.port = port
        self.protocol = `protocol`
        self.probe = probe
    }
}

/// What a caller wants of a machine. The values of its environment are kept apart (`InstanceEnvironment`): a spec can be
/// shown to anybody who may see the instance.
package struct InstanceSpec: Hashable, Sendable, Codable {
    /// Acceptable products, ids or names, in order of preference.
    package var products: [String]
    /// 0: a machine without GPUs.
    package var gpuCount: Int
    /// Acceptable regions, ids or names, in order of preference; empty means any.
    package var regions: [String]
    package var image: String
    package var registryCredentialID: String
    package var command: String
    package var entrypoint: String
    package var environmentNames: [String]
    package var ports: [PortSpec]
    /// Of a CPU machine, whose product decides, what it needs at least; 0: whatever there is.
    package var diskGB: Int
    package var billingMode: BillingMode
    /// Per hour of the whole machine.
    package var maxHourlyPrice: MicroUSD?
    package var minCUDAVersion: String
    /// Nil: `ReadinessRule.standard`.
    package var readiness: ReadinessRule?
    /// Nil: none.
    package var volumes: [VolumeMount]?
    /// Nil: none.
    package var networkID: String?
    /// Until when a create may wait for capacity; nil: it does not wait.
    package var waitForCapacityUntil: Timestamp?

    package init(
        products: [String], gpuCount: Int = 1, regions: [String] = [], image: String, registryCredentialID: String = "",
        command: String = "", entrypoint: String = "", environmentNames: [String] = [], ports: [PortSpec] = [], diskGB: Int = 60,
        billingMode: BillingMode = .onDemand, maxHourlyPrice: MicroUSD? = nil, minCUDAVersion: String = "",
        readiness: ReadinessRule? = nil, volumes: [VolumeMount]? = nil, networkID: String? = nil,
        waitForCapacityUntil: Timestamp? = nil
    ) {
        self.products = products
        self.gpuCount = gpuCount
        self.regions = regions
        self.image = image
        self.registryCredentialID = registryCredentialID
        self.command = command
        self.entrypoint = entrypoint
        self.environmentNames = environmentNames
        self.ports = ports
        self.diskGB = diskGB
        self.billingMode = billingMode
        self.maxHourlyPrice = maxHourlyPrice
        self.minCUDAVersion = minCUDAVersion
        self.readiness = readiness
        self.volumes = volumes
        self.networkID = networkID
        self.waitForCapacityUntil = waitForCapacityUntil
    }

    package var isCPU: Bool { self.gpuCount == 0 }

    /// By which a product's price is multiplied.
    package var units: Int { max(1, self.gpuCount) }
}

/// The environment of a machine's container: secrets. Cannot print itself.
package struct InstanceEnvironment: Hashable, Sendable, Codable, CustomStringConvertible, CustomReflectable {
    package var values: [String: String]

    package init(_ values: [String: String] = [:]) {
        self.values = values
    }

    package var description: String { "InstanceEnvironment(\(self.values.count) redacted)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
