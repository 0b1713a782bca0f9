/// The parameters of `GET /products`. Zero and empty mean "any".
package struct ProductQuery: Hashable, Sendable {
    package var clusterID = ""
    package var gpuCount = 0
    /// Matches a part of the name, whatever the case.
    package var productName = ""
    package var minCPUPerGPU = 0
    package var minMemoryPerGPU = 0
    package var minRootFSSize = 0
    package var billingMethod = BillingMode.onDemand

    package init() {}
}

/// A product as `GET /products` shows it: what is on offer now.
package struct ProductOffer: Hashable, Sendable {
    package enum Inventory: String, Sendable {
        case none, low, normal, high
    }

    package var product: Product
    package var isDeployable: Bool
    package var inventory: Inventory
    /// Cluster names, not ids.
    package var regions: [String]
}

/// The parameters of `GET /gpu/instances`. Empty means "any".
package struct InstanceQuery: Hashable, Sendable {
    /// Nil and 0 ask for the provider's default size.
    package var pageSize: Int?
    package var pageNumber: Int?
    /// Matches a part of the name, whatever the case.
    package var name = ""
    package var productName = ""
    package var status = ""

    package init(pageSize: Int? = nil, pageNumber: Int? = nil, name: String = "", status: String = "") {
        self.pageSize = pageSize
        self.pageNumber = pageNumber
        self.name = name
        self.status = status
    }
}

package struct InstancePage: Sendable {
    package var instances: [Machine]
    /// How many match, on all pages.
    package var total: Int
}

/// The account, in micro-USD.
package struct Balance: Hashable, Sendable {
    package var available: Int64
    package var cash: Int64
    package var creditLimit: Int64
    package var outstanding: Int64
}
