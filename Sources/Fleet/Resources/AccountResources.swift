/// Access to an image registry; its password is known to the provider alone.
package struct RegistryCredential: Sendable, Hashable, Identifiable {
    package var id: RegistryCredentialID
    /// The registry's address.
    package var name: String
    package var username: String

    package init(id: RegistryCredentialID, name: String, username: String) {
        self.id = id
        self.name = name
        self.username = username
    }
}

/// Holds a secret: it cannot print itself.
package struct RegistryCredentialDraft: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    package var name: String
    package var username: String
    package var password: String

    package init(name: String, username: String, password: String) {
        self.name = name
        self.username = username
        self.password = password
    }

    package var description: String { "RegistryCredentialDraft(\(self.name), redacted)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

package struct NetworkVolumeDraft: Sendable, Hashable {
    package var name: String
    package var sizeGB: Int
    package var clusterID: String

    package init(name: String, sizeGB: Int, clusterID: String) {
        self.name = name
        self.sizeGB = sizeGB
        self.clusterID = clusterID
    }
}

/// Storage that machines of one cluster share.
package struct NetworkVolume: Sendable, Hashable, Identifiable {
    package var id: NetworkVolumeID
    package var content: NetworkVolumeDraft
    package var clusterName: String

    package init(id: NetworkVolumeID, content: NetworkVolumeDraft, clusterName: String) {
        self.id = id
        self.content = content
        self.clusterName = clusterName
    }
}

package struct NetworkDraft: Sendable, Hashable {
    package var name: String
    package var clusterID: String

    package init(name: String, clusterID: String) {
        self.name = name
        self.clusterID = clusterID
    }
}

/// A private network of machines in one cluster.
package struct Network: Sendable, Hashable, Identifiable {
    package struct Member: Sendable, Hashable {
        package var machineID: UpstreamID
        package var address: String

        package init(machineID: UpstreamID, address: String) {
            self.machineID = machineID
            self.address = address
        }
    }

    package var id: NetworkID
    package var content: NetworkDraft
    /// The provider's word: creating, ready.
    package var status: String
    package var error: String
    /// Its addresses, such as 10.2.1.0/24.
    package var segment: String
    package var members: [Member]
    package var createdAt: Timestamp?

    package init(
        id: NetworkID, content: NetworkDraft, status: String, error: String, segment: String, members: [Member], createdAt: Timestamp?
    ) {
        self.id = id
        self.content = content
        self.status = status
        self.error = error
        self.segment = segment
        self.members = members
        self.createdAt = createdAt
    }
}

package struct ImagePrewarmDraft: Sendable, Hashable {
    package var image: String
    package var registryCredentialID: String
    package var clusterID: String
    /// Empty: every product of the cluster.
    package var productIDs: [String]
    package var note: String

    package init(image: String, registryCredentialID: String = "", clusterID: String, productIDs: [String] = [], note: String = "") {
        self.image = image
        self.registryCredentialID = registryCredentialID
        self.clusterID = clusterID
        self.productIDs = productIDs
        self.note = note
    }
}

/// An image that the provider brings to the nodes of a cluster ahead, so that machines come up sooner.
package struct ImagePrewarm: Sendable, Hashable, Identifiable {
    package var id: ImagePrewarmID
    package var content: ImagePrewarmDraft
    package var clusterName: String
    /// The provider's word: Pending, Running, Succeeded, Failed.
    package var status: String
    package var error: String
    package var imageBytes: Int64
    package var createdAt: Timestamp?
    package var completedAt: Timestamp?

    package init(
        id: ImagePrewarmID, content: ImagePrewarmDraft, clusterName: String, status: String, error: String, imageBytes: Int64,
        createdAt: Timestamp?, completedAt: Timestamp?
    ) {
        self.id = id
        self.content = content
        self.clusterName = clusterName
        self.status = status
        self.error = error
        self.imageBytes = imageBytes
        self.createdAt = createdAt
        self.completedAt = completedAt
    }
}

package struct ImagePrewarmQuota: Sendable, Hashable {
    package var tasks: Int
    package var tasksMax: Int
    /// Of one image.
    package var imageGBMax: Int

    package init(tasks: Int, tasksMax: Int, imageGBMax: Int) {
        self.tasks = tasks
        self.tasksMax = tasksMax
        self.imageGBMax = imageGBMax
    }
}
