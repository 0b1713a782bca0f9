/// One pool of GPUs: spot capacity is apart from the rest.
package struct StockPool: Hashable, Sendable {
    package var clusterID: String
    package var productID: String
    package var isSpot: Bool

    package init(clusterID: String, productID: String, isSpot: Bool) {
        self.clusterID = clusterID
        self.productID = productID
        self.isSpot = isSpot
    }
}

/// Free GPUs for each pool. A pool that the catalogue does not have is empty.
struct Stock: Sendable {
    private var free: [StockPool: Int] = [:]

    init(of catalogue: Catalogue) {
        for pool in Self.pools(of: catalogue) {
            self.free[pool] = catalogue.product(pool.productID)?.initialStock
        }
    }

    subscript(pool: StockPool) -> Int {
        get { self.free[pool, default: 0] }
        set { self.free[pool] = newValue }
    }

    /// Takes `count` GPUs, or none and says so.
    mutating func take(_ count: Int, from pool: StockPool) -> Bool {
        guard self[pool] >= count else { return false }
        self[pool] -= count
        return true
    }

    /// Every pool in the catalogue's order.
    static func pools(of catalogue: Catalogue) -> [StockPool] {
        catalogue.products.flatMap { product in
            product.clusterIDs.flatMap { cluster in
                [false, true].filter { !$0 || product.spotPrice != nil }
                    .map { StockPool(clusterID: cluster, productID: product.id, isSpot: $0) }
            }
        }
    }
}
