/// A place where machines stand.
package struct Cluster: Hashable, Sendable {
    package var id: String
    /// Shown to people, and what products call their region: `US-CA-06 (California)`.
    package var name: String
    package var supportsNetworkStorage: Bool
    package var supportsInstanceNetwork: Bool

    package init(id: String, name: String, supportsNetworkStorage: Bool = true, supportsInstanceNetwork: Bool = true) {
        self.id = id
        self.name = name
        self.supportsNetworkStorage = supportsNetworkStorage
        self.supportsInstanceNetwork = supportsInstanceNetwork
    }
}

package enum BillingMode: String, CaseIterable, Sendable {
    case onDemand, monthly, spot
}

/// What can be rented. Prices are in 1/100 000 USD.
package struct Product: Hashable, Sendable {
    package var id: String
    package var name: String
    package var cpuPerGPU: Int
    /// GB.
    package var memoryPerGPU: Int
    /// GB.
    package var diskPerGPU: Int
    /// GB.
    package var maxRootFS: Int
    /// Where it is offered, by cluster id, in order of preference.
    package var clusterIDs: [String]
    /// Per GPU and hour.
    package var price: Int64
    /// Per GPU and hour; nil when it is not offered as spot.
    package var spotPrice: Int64?
    /// Per GPU and month; nil when it cannot be rented by the month.
    package var monthlyPrice: Int64?
    /// GPUs free at the start in each cluster, for each of the two pools (spot and not).
    package var initialStock: Int
    /// Without GPUs: what is said per GPU is of the whole machine.
    package var isCPU: Bool

    package init(
        id: String, name: String, cpuPerGPU: Int, memoryPerGPU: Int, diskPerGPU: Int = 1913, maxRootFS: Int = 1800, clusterIDs: [String],
        price: Int64, spotPrice: Int64?, monthlyPrice: Int64?, initialStock: Int, isCPU: Bool = false
    ) {
        self.id = id
        self.name = name
        self.cpuPerGPU = cpuPerGPU
        self.memoryPerGPU = memoryPerGPU
        self.diskPerGPU = diskPerGPU
        self.maxRootFS = maxRootFS
        self.clusterIDs = clusterIDs
        self.price = price
        self.spotPrice = spotPrice
        self.monthlyPrice = monthlyPrice
        self.initialStock = initialStock
        self.isCPU = isCPU
    }

    package var billingModes: [BillingMode] {
        BillingMode.allCases.filter { self.price(for: $0) != nil }
    }

    /// The price in the unit of its mode: per GPU and hour, or per GPU and month. Nil when the mode is not offered.
    package func price(for mode: BillingMode) -> Int64? {
        switch mode {
        case .onDemand: self.price
        case .monthly: self.monthlyPrice
        case .spot: self.spotPrice
        }
    }
}

/// Everything on offer. Order is the order of the answers.
package struct Catalogue: Sendable {
    package var clusters: [Cluster]
    package var products: [Product]

    package init(clusters: [Cluster], products: [Product]) {
        self.clusters = clusters
        self.products = products
    }

    package func cluster(_ id: String) -> Cluster? {
        self.clusters.first { $0.id == id }
    }

    package func product(_ id: String) -> Product? {
        self.products.first { $0.id == id }
    }
}

extension Catalogue {
    /// A believable offer: several clusters, one product without spot, one that is sold out.
    package static let standard = Catalogue(
        clusters: [
            Cluster(id: "us-ca-6", name: "US-CA-06 (California)"),
            Cluster(id: "as-sgp-2", name: "AS-SGP-02 (Singapore)"),
            Cluster(id: "eu-de-1", name: "EU-DE-01 (Germany)", supportsNetworkStorage: false, supportsInstanceNetwork: false),
            Cluster(id: "cn-hongkong-1", name: "CN-HK-01 (Hong Kong)", supportsInstanceNetwork: false),
        ],
        products: [
            Product(
                id: "4090.16c62g", name: "RTX 4090 24GB", cpuPerGPU: 16, memoryPerGPU: 62, clusterIDs: ["us-ca-6", "as-sgp-2", "eu-de-1"],
                price: 35_000, spotPrice: 18_000, monthlyPrice: 22_000_000, initialStock: 20_000),
            Product(
                id: "3090.8c30g", name: "RTX 3090 24GB", cpuPerGPU: 8, memoryPerGPU: 30, diskPerGPU: 900, maxRootFS: 800,
                clusterIDs: ["us-ca-6", "cn-hongkong-1"], price: 21_000, spotPrice: 10_500, monthlyPrice: 13_000_000, initialStock: 24),
            Product(
                id: "5090.16c96g.v2", name: "RTX 5090 32GB", cpuPerGPU: 16, memoryPerGPU: 96, clusterIDs: ["as-sgp-2", "cn-hongkong-1"],
                price: 67_000, spotPrice: 34_000, monthlyPrice: 42_000_000, initialStock: 48),
            Product(
                id: "L40S.20c100g", name: "L40S 48GB", cpuPerGPU: 20, memoryPerGPU: 100, clusterIDs: ["us-ca-6", "eu-de-1"],
                price: 55_000, spotPrice: 28_000, monthlyPrice: 35_000_000, initialStock: 16),
            Product(
                id: "A100-80GB.14c240g", name: "A100 SXM 80GB", cpuPerGPU: 14, memoryPerGPU: 240, diskPerGPU: 3500, maxRootFS: 3000,
                clusterIDs: ["eu-de-1", "as-sgp-2"], price: 160_000, spotPrice: nil, monthlyPrice: 105_000_000, initialStock: 32),
            Product(
                id: "H100-80GB.26c230g", name: "H100 SXM 80GB", cpuPerGPU: 26, memoryPerGPU: 230, diskPerGPU: 3500, maxRootFS: 3000,
                clusterIDs: ["us-ca-6"], price: 256_000, spotPrice: 128_000, monthlyPrice: nil, initialStock: 0),
            Product(
                id: "cpu.8c16g", name: "CPU 8 vCPU 16GB", cpuPerGPU: 8, memoryPerGPU: 16, diskPerGPU: 60, maxRootFS: 500,
                clusterIDs: ["us-ca-6", "as-sgp-2"], price: 9_000, spotPrice: nil, monthlyPrice: nil, initialStock: 40, isCPU: true),
        ])
}
