/// Judges every offer for a spec and puts those that fit in the order in which they would be asked.
package struct Planner: Sendable {
    private let catalogue: Catalogue
    private let cooldowns: Cooldowns
    private let defaultRegion: String?

    /// `defaultRegion` counts when a spec names no region; nil is anywhere.
    package init(catalogue: Catalogue, cooldowns: Cooldowns, defaultRegion: String?) {
        self.catalogue = catalogue
        self.cooldowns = cooldowns
        self.defaultRegion = defaultRegion
    }

    /// All candidates, eligible ones first in rank order, then the others in the catalogue's order, those not asked for last.
    package func candidates(for spec: InstanceSpec, at now: Timestamp) -> [Candidate] {
        let judged = self.catalogue.products.flatMap { product in
            self.clusters(of: product, for: spec).map { self.judge(product, in: $0, for: spec, at: now) }
        }
        var eligible = judged.filter { $0.candidate.verdict == .eligible }
        eligible.sort { $0.order < $1.order }
        let ranked = eligible.enumerated().map { position, judgement in
            var candidate = judgement.candidate
            candidate.rank = position + 1
            return candidate
        }
        let others = judged.map(\.candidate).filter { $0.verdict != .eligible }
        return ranked + others.filter { $0.verdict != .notRequested } + others.filter { $0.verdict == .notRequested }
    }

    /// True when a machine of that spec would be asked for there now.
    func isEligible(_ place: CandidateKey, for spec: InstanceSpec, at now: Timestamp) -> Bool {
        guard place.billingMode == spec.billingMode, let product = self.catalogue.products.first(where: { $0.id == place.productID }),
            let cluster = self.clusters(of: product, for: spec).first(where: { $0.id == place.clusterID })
        else { return false }
        return self.judge(product, in: cluster, for: spec, at: now).candidate.verdict == .eligible
    }

    /// A product by id, or by name whatever the case.
    package func product(_ text: String) -> Product? {
        self.catalogue.products.first { Self.matches(text, id: $0.id, name: $0.name) }
    }

    /// A region by id, or by name whatever the case; `US-CA-06` is also `US-CA-06 (California)`.
    package func cluster(_ text: String) -> Cluster? {
        self.catalogue.clusters.first { Self.matches(text, id: $0.id, name: $0.name) }
    }

    private struct Judgement {
        var candidate: Candidate
        var order: Order
    }

    /// Cheapest first, then the best stocked, then the caller's order of products and regions.
    private struct Order: Comparable {
        var price: MicroUSD
        var scarcity: Int
        var productPosition: Int
        var regionPosition: Int
        var clusterID: String

        static func < (left: Self, right: Self) -> Bool {
            (left.price, left.scarcity, left.productPosition, left.regionPosition, left.clusterID)
                < (right.price, right.scarcity, right.productPosition, right.regionPosition, right.clusterID)
        }
    }

    private func judge(_ product: Product, in cluster: Cluster, for spec: InstanceSpec, at now: Timestamp) -> Judgement {
        let price = (product.price(spec.billingMode) ?? product.soldOutPrices[spec.billingMode]).map { $0 * spec.units }
        let placement = Placement(
            productID: product.id, productName: product.name, clusterID: cluster.id, clusterName: cluster.name,
            billingMode: spec.billingMode, hourlyPrice: price ?? .zero)
        let productPosition = spec.products.firstIndex { Self.matches($0, id: product.id, name: product.name) }
        let regions = self.regions(of: spec)
        let regionPosition = regions.isEmpty ? 0 : regions.firstIndex { Self.matches($0, id: cluster.id, name: cluster.name) }
        let (verdict, reason) = self.verdict(
            on: product, at: placement, price: price, isRequested: productPosition != nil, isInRegion: regionPosition != nil, spec: spec,
            now: now)
        let candidate = Candidate(rank: 0, placement: placement, stock: product.stock, verdict: verdict, reason: reason)
        let order = Order(
            price: placement.hourlyPrice, scarcity: Self.scarcity(product.stock), productPosition: productPosition ?? .max,
            regionPosition: regionPosition ?? .max, clusterID: cluster.id)
        return Judgement(candidate: candidate, order: order)
    }

    private func verdict(
        on product: Product, at placement: Placement, price: MicroUSD?, isRequested: Bool, isInRegion: Bool, spec: InstanceSpec,
        now: Timestamp
    ) -> (CandidateVerdict, String) {
        guard isRequested else { return (.notRequested, "add \(product.name) to products") }
        guard isInRegion else { return (.notInRegion, "add \(placement.clusterID) to regions") }
        guard let price else { return (.noPrice, "not sold as \(spec.billingMode.words); choose the other billing mode") }
        guard (product.minDiskGB...max(product.minDiskGB, product.maxDiskGB)).contains(spec.diskGB) else {
            let bounds = product.isCPU ? "it has \(product.maxDiskGB) GB" : "must be \(product.minDiskGB) to \(product.maxDiskGB) GB"
            return (.diskOutOfRange, "disk: \(bounds)")
        }
        if let limit = spec.maxHourlyPrice, price > limit {
            return (.tooExpensive, "costs \(price) per hour, the limit is \(limit)")
        }
        guard product.isAvailable, product.soldOutPrices[spec.billingMode] == nil else { return (.unavailable, "out of stock") }
        if let end = self.cooldowns.end(for: placement.candidate, gpuCount: spec.gpuCount, at: now) {
            return (.coolingDown, "refused for want of capacity a moment ago; asked again in \((end - now).components.seconds + 1) s")
        }
        return (.eligible, "\(price) per hour")
    }

    /// The provider does not say where it has CPU machines: one is asked for wherever there is one, or in the regions that are named.
    private func clusters(of product: Product, for spec: InstanceSpec) -> [Cluster] {
        if product.isCPU, product.clusterIDs.isEmpty, self.regions(of: spec).isEmpty { return [.anywhere] }
        return self.catalogue.clusters.filter { product.clusterIDs.isEmpty || product.clusterIDs.contains($0.id) }
    }

    private func regions(of spec: InstanceSpec) -> [String] {
        spec.regions.isEmpty ? self.defaultRegion.map { [$0] } ?? [] : spec.regions
    }

    private static func scarcity(_ stock: String) -> Int {
        switch stock.lowercased() {
        case "high": 0
        case "normal": 1
        case "low": 2
        case "none": 4
        default: 3
        }
    }

    private static func matches(_ text: String, id: String, name: String) -> Bool {
        let wanted = text.lowercased()
        return wanted == id.lowercased() || wanted == name.lowercased() || wanted == name.lowercased().prefix { $0 != "(" }.trimmed
    }
}

extension Substring {
    /// Without spaces at the end.
    fileprivate var trimmed: Substring {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}

extension BillingMode {
    fileprivate var words: String {
        switch self {
        case .onDemand: "on demand"
        case .spot: "spot"
        }
    }
}

extension Cluster {
    /// Whichever the provider chooses.
    fileprivate static let anywhere = Cluster(id: "", name: "", productNames: [])
}
