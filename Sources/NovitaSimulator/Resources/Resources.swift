/// What an account keeps besides machines. Lists are in order of creation.
struct Resources: Sendable {
    var templates: [Template] = Template.official
    var credentials: [RegistryCredential] = []
    var storages: [NetworkStorage] = []
    var networks: [VPCNetwork] = []
    var prewarms: [ImagePrewarm] = []
    /// Of the next template.
    var nextTemplate = 107_673

    /// Volumes that a machine in this cluster wants to mount.
    func check(_ mounts: [NetworkStorageMount], in clusterID: String) throws(APIError) {
        guard mounts.count <= 30 else { throw .invalid("networkStorages", "must have no more than 30 items") }
        for mount in mounts {
            try FieldRules.check(mount.id, "networkStorages.Id", length: 1...255)
            try FieldRules.check(mount.mountPoint, "networkStorages.mountPoint", length: 1...4095)
            guard let storage = self.storages.first(where: { $0.id == mount.id }) else { throw .storageNotFound }
            guard storage.clusterID == clusterID else { throw .storageElsewhere }
        }
    }

    func checkNetwork(_ id: String, in clusterID: String) throws(APIError) {
        guard !id.isEmpty else { return }
        guard let network = self.networks.first(where: { $0.id == id }) else { throw .networkNotFound }
        guard network.clusterID == clusterID else { throw .invalid("networkId", "the network is in another cluster") }
    }

    func checkCredential(_ id: String) throws(APIError) {
        guard id.isEmpty || self.credentials.contains(where: { $0.id == id }) else { throw .credentialNotFound }
    }

    /// The image is on every node of the cluster already.
    func isPrewarmed(_ image: String, in clusterID: String) -> Bool {
        self.prewarms.contains { $0.imageURL == image && $0.clusterID == clusterID && $0.state == .succeeded }
    }
}

/// A stored way to run an image.
package struct Template: Hashable, Sendable {
    /// Digits.
    package internal(set) var id = ""
    package var name = ""
    package var readme = ""
    /// `instance` or `serverless`.
    package var type = "instance"
    /// `private`, `official` or `community`.
    package var channel = "private"
    package var image = ""
    /// A credential's id.
    package var imageAuth = ""
    package var startCommand = ""
    /// GB.
    package var rootfsSize = 60
    package var ports: [ExposedPort] = []
    package var environment: [EnvironmentVariable] = []
    package var minCudaVersion = ""
    package internal(set) var createdAt = SimulatorTime(microseconds: 0)

    package init() {}

    static let official: [Template] = [
        Template(id: "107671", name: "Ubuntu 24.04", image: "novitalabs/ubuntu:24.04", ports: [ExposedPort(number: 22, kind: .tcp)]),
        Template(
            id: "107672", name: "PyTorch 2.6", image: "novitalabs/pytorch:2.6-cuda12.4",
            ports: [ExposedPort(number: 8888, kind: .http), ExposedPort(number: 22, kind: .tcp)]),
    ]

    private init(id: String, name: String, image: String, ports: [ExposedPort]) {
        self.id = id
        self.name = name
        self.channel = "official"
        self.image = image
        self.ports = ports
        self.createdAt = SimulatorTime(unixSeconds: 1_735_689_600)
    }
}

/// Access to a registry; the name is the registry's address.
package struct RegistryCredential: Hashable, Sendable {
    package let id: String
    package let name: String
    package let username: String
    /// The provider tells it in clear.
    package let password: String
}

/// A network volume.
package struct NetworkStorage: Hashable, Sendable {
    package let id: String
    package internal(set) var name: String
    /// GB.
    package internal(set) var size: Int
    package let clusterID: String
}

/// A private network of machines in one cluster.
package struct VPCNetwork: Hashable, Sendable {
    package let id: String
    package internal(set) var name: String
    package let clusterID: String
    package let segment: String
    package let createdAt: SimulatorTime
    /// When it can be used.
    package let readyAt: SimulatorTime
}

/// An image that is brought to the nodes of a cluster ahead.
package struct ImagePrewarm: Hashable, Sendable {
    package enum State: String, Sendable {
        case pending = "Pending"
        case running = "Running"
        case succeeded = "Succeeded"
        case failed = "Failed"
    }

    package let id: String
    package let imageURL: String
    package let repositoryAuth: String
    package let clusterID: String
    package let productIDs: [String]
    package internal(set) var note: String
    package internal(set) var state = State.pending
    package let createdAt: SimulatorTime
    package internal(set) var completedAt: SimulatorTime?
}
