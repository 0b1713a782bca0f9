internal import Fleet
internal import JSONText

extension Cluster {
    /// Nil without an id.
    init?(_ json: JSON) {
        let id = json["id"].string
        guard !id.isEmpty else { return nil }
        self.init(
            id: id, name: json["name"].string, productNames: json["availableGpuType"].elements.map(\.string).filter { !$0.isEmpty })
    }
}

/// The products as the provider lists them for each billing mode.
struct ProductListings {
    var onDemand: [JSON]
    var spot: [JSON]

    /// One product for each id, in the order of the listings. A price counts where its mode's listing offers the product now, so that
    /// spot capacity does not make an on-demand machine look available; in the other mode it is sold out.
    func products(in clusters: [Cluster]) -> [Product] {
        let spotByID = Dictionary(self.spot.map { ($0["id"].string, $0) }) { first, _ in first }
        let onDemandIDs = Set(self.onDemand.map { $0["id"].string })
        let both = self.onDemand.map { (id: $0["id"].string, onDemand: Optional($0), spot: spotByID[$0["id"].string]) }
        let spotOnly = self.spot.filter { !onDemandIDs.contains($0["id"].string) }
            .map { (id: $0["id"].string, onDemand: JSON?.none, spot: Optional($0)) }
        return (both + spotOnly).filter { !$0.id.isEmpty }.compactMap { Self.product($0.onDemand, $0.spot, in: clusters) }
    }

    private static func product(_ onDemand: JSON?, _ spot: JSON?, in clusters: [Cluster]) -> Product? {
        guard let json = onDemand ?? spot else { return nil }
        let offered = [onDemand, spot].compactMap { $0 }.filter { $0["availableDeploy"].bool }
        let isOffered: (JSON?) -> Bool = { listing in offered.isEmpty || listing?["availableDeploy"].bool ?? false }
        let onDemandPrice = self.price("price", .onDemand, onDemand)
        let spotPrice = self.price("spotPrice", .spot, spot)
        var soldOut: [BillingMode: MicroUSD] = [:]
        if !isOffered(onDemand) { soldOut[.onDemand] = onDemandPrice }
        if !isOffered(spot) { soldOut[.spot] = spotPrice }
        return Product(
            id: json["id"].string, name: json["name"].string, cpuCount: json["cpuPerGpu"].integer ?? 0,
            memoryGB: json["memoryPerGpu"].integer ?? 0, minDiskGB: json["minRootFS"].integer ?? 0,
            maxDiskGB: json["maxRootFS"].integer ?? 0,
            onDemandPrice: isOffered(onDemand) ? onDemandPrice : nil, spotPrice: isOffered(spot) ? spotPrice : nil, soldOutPrices: soldOut,
            monthlyPrices: self.monthlyPrices(onDemand), clusterIDs: self.clusterIDs(json, in: clusters),
            stock: (offered.first ?? json)["inventoryState"].string,
            isAvailable: !offered.isEmpty)
    }

    /// Nil also when the product says that it is not sold this way.
    private static func price(_ key: String, _ mode: BillingMode, _ listing: JSON?) -> MicroUSD? {
        guard let listing else { return nil }
        let methods = listing["billingMethods"].elements.map(\.string)
        return methods.isEmpty || methods.contains(mode.rawValue) ? listing[key].price : nil
    }

    /// Nothing when the product says that it is not sold this way.
    private static func monthlyPrices(_ listing: JSON?) -> [Int: MicroUSD] {
        let methods = listing?["billingMethods"].elements.map(\.string) ?? []
        guard let listing, methods.isEmpty || methods.contains("monthly") else { return [:] }
        let prices = listing["monthlyPrice"].elements.compactMap { item -> (Int, MicroUSD)? in
            guard let months = item["month"].integer, let price = item["price"].price else { return nil }
            return (months, price)
        }
        return Dictionary(prices) { first, second in max(first, second) }
    }

    /// Products name their clusters, with or without the place in brackets. A name that is not known is kept as it is: an empty list
    /// would mean every cluster.
    private static func clusterIDs(_ json: JSON, in clusters: [Cluster]) -> [String] {
        json["regions"].elements.map(\.string).filter { !$0.isEmpty }.map { region in
            clusters.first { $0.id == region || self.code($0.name) == self.code(region) }?.id ?? region
        }
    }

    private static func code(_ name: String) -> String {
        String(name.prefix { $0 != " " }).lowercased()
    }
}

extension Product {
    /// A row of `/cpu/products`: where it is offered is not said. Nil without an id.
    init?(ofCPU json: JSON) {
        let id = json["id"].string
        guard !id.isEmpty else { return nil }
        self.init(
            id: id, name: json["name"].string, cpuCount: json["cpuNum"].integer ?? 0, memoryGB: json["memorySize"].integer ?? 0,
            minDiskGB: 0, maxDiskGB: json["rootfsSize"].integer ?? 0, onDemandPrice: json["price"].price, spotPrice: nil, clusterIDs: [],
            stock: "",
            isAvailable: json["availableDeploy"].bool, isCPU: true)
    }
}
