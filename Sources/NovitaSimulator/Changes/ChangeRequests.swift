/// The body of `POST /gpu/instance/edit`.
package struct EditRequest: Hashable, Sendable {
    package var id: String
    /// All that shall be open.
    package var ports: [ExposedPort]
    /// GB on top of what there is; 0 leaves the disk.
    package var expandRootDisk: Int

    package init(id: String, ports: [ExposedPort], expandRootDisk: Int = 0) {
        self.id = id
        self.ports = ports
        self.expandRootDisk = expandRootDisk
    }
}

/// The body of `POST /gpu/instance/upgrade`. What is left out is cleared.
package struct UpgradeRequest: Hashable, Sendable {
    package var id: String
    package var imageURL: String
    package var imageAuthID: String
    package var environment: [EnvironmentVariable]
    package var command: String
    package var entrypoint: String
    package var keepsData: Bool
    package var volumes: [NetworkStorageMount]

    package init(
        id: String, imageURL: String, imageAuthID: String = "", environment: [EnvironmentVariable] = [], command: String = "",
        entrypoint: String = "", keepsData: Bool = false, volumes: [NetworkStorageMount] = []
    ) {
        self.id = id
        self.imageURL = imageURL
        self.imageAuthID = imageAuthID
        self.environment = environment
        self.command = command
        self.entrypoint = entrypoint
        self.keepsData = keepsData
        self.volumes = volumes
    }
}

/// A change of how a machine is paid for or looked after.
package enum TermsRequest: Hashable, Sendable {
    case renew(id: String, months: Int)
    case makeMonthly(id: String, months: Int)
    /// Nil: no longer.
    case autoRenew(ids: [String], months: Int?)
    case autoMigrate(id: String, isOn: Bool, includesSystemDisk: Bool)
}
