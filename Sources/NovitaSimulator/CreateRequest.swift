package struct EnvironmentVariable: Hashable, Sendable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

package struct NetworkStorageMount: Hashable, Sendable {
    package var id: String
    package var mountPoint: String

    package init(id: String, mountPoint: String) {
        self.id = id
        self.mountPoint = mountPoint
    }
}

package struct Tool: Hashable, Sendable {
    package var name: String
    /// A number, which the API writes as text.
    package var port: String
    package var type: String

    package init(name: String, port: String, type: String) {
        self.name = name
        self.port = port
        self.type = type
    }
}

package struct ExposedPort: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case http, tcp
    }

    package var number: Int
    package var kind: Kind

    package init(number: Int, kind: Kind) {
        self.number = number
        self.kind = kind
    }
}

/// The body of `POST /gpu/instance/create`, not yet checked. Absent numbers are nil, absent texts are empty.
package struct CreateRequest: Hashable, Sendable {
    package var name = ""
    package var productID = ""
    package var gpuCount = 0
    /// GB.
    package var rootfsSize: Int?
    package var imageURL = ""
    package var imageAuth = ""
    package var imageAuthID = ""
    /// Comma list: `8080/http,22/tcp`.
    package var ports = ""
    package var environment: [EnvironmentVariable] = []
    package var tools: [Tool] = []
    package var command = ""
    package var entrypoint = ""
    /// Empty means any.
    package var clusterID = ""
    package var networkStorages: [NetworkStorageMount] = []
    package var networkID = ""
    package var kind = ""
    /// Empty means `onDemand`.
    package var billingMode = ""
    package var month = 0
    package var autoRenew = false
    package var autoRenewMonth = 0
    package var minCudaVersion = ""

    package init() {}

    /// The fields that nearly every create needs.
    package init(name: String, productID: String, gpuCount: Int = 1, rootfsSize: Int = 60, imageURL: String, kind: String = "gpu") {
        self.name = name
        self.productID = productID
        self.gpuCount = gpuCount
        self.rootfsSize = rootfsSize
        self.imageURL = imageURL
        self.kind = kind
    }
}
