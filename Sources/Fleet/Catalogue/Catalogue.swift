/// A product as the provider offers it. What is said per GPU is of the whole machine where there are none.
package struct Product: Hashable, Sendable, Codable {
    package var id: String
    package var name: String
    /// Per GPU.
    package var cpuCount: Int
    /// Per GPU.
    package var memoryGB: Int
    package var minDiskGB: Int
    package var maxDiskGB: Int
    /// Per GPU and hour. Nil: not sold that way; the provider's zero is no price.
    package var onDemandPrice: MicroUSD?
    package var spotPrice: MicroUSD?
    /// Per GPU and hour, in a billing mode that is sold out while the other is offered.
    package var soldOutPrices: [BillingMode: MicroUSD]
    /// Per GPU, by the number of months that are paid ahead.
    package var monthlyPrices: [Int: MicroUSD]
    /// Empty: every cluster.
    package var clusterIDs: [String]
    /// The provider's word: none, low, normal, high, or empty.
    package var stock: String
    package var isAvailable: Bool
    /// Machines without GPUs.
    package var isCPU: Bool

    package init(
        id: String, name: String, cpuCount: Int, memoryGB: Int, minDiskGB: Int, maxDiskGB: Int, onDemandPrice: MicroUSD?,
        spotPrice: MicroUSD?, soldOutPrices: [BillingMode: MicroUSD] = [:], monthlyPrices: [Int: MicroUSD] = [:], clusterIDs: [String],
        stock: String, isAvailable: Bool,
        isCPU: Bool = false
    ) {
        self.id = id
        self.name = name
        self.cpuCount = cpuCount
        self.memoryGB = memoryGB
        self.minDiskGB = minDiskGB
        self.maxDiskGB = maxDiskGB
        self.onDemandPrice = onDemandPrice
        self.spotPrice = spotPrice
        self.soldOutPrices = soldOutPrices
        self.monthlyPrices = monthlyPrices
        self.clusterIDs = clusterIDs
        self.stock = stock
        self.isAvailable = isAvailable
        self.isCPU = isCPU
    }

    package func price(_ mode: BillingMode) -> MicroUSD? {
        switch mode {
        case .onDemand: self.onDemandPrice
        case .spot: self.spotPrice
        }
    }
}

/// A place where machines stand; "region" to users.
package struct Cluster: Hashable, Sendable, Codable {
    package var id: String
    package var name: String
    package var productNames: [String]

    package init(id: String, name: String, productNames: [String]) {
        self.id = id
        self.name = name
        self.productNames = productNames
    }
}

/// Everything on offer, as fetched at one time.
package struct Catalogue: Hashable, Sendable, Codable {
    package var products: [Product]
    package var clusters: [Cluster]
    package var fetchedAt: Timestamp

    package init(products: [Product], clusters: [Cluster], fetchedAt: Timestamp) {
        self.products = products
        self.clusters = clusters
        self.fetchedAt = fetchedAt
    }
}
