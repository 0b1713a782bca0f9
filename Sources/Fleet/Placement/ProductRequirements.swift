/// What a caller wants of each GPU, or of a machine without any, instead of naming products.
package struct ProductRequirements: Hashable, Sendable {
    package var vramGB: Int
    package var cpuCount: Int
    package var memoryGB: Int

    package init(vramGB: Int = 0, cpuCount: Int = 0, memoryGB: Int = 0) {
        self.vramGB = vramGB
        self.cpuCount = cpuCount
        self.memoryGB = memoryGB
    }

    func isMet(by product: Product) -> Bool {
        (self.vramGB == 0 || product.vramGB.map { $0 >= self.vramGB } ?? false) && product.cpuCount >= self.cpuCount
            && product.memoryGB >= self.memoryGB
    }
}

extension Product {
    /// Of one GPU. The provider says it in the name alone, as in `RTX 4090 24GB`; nil when it does not.
    package var vramGB: Int? {
        let words = self.name.uppercased().split(separator: " ")
        return words.reversed().lazy.filter { $0.hasSuffix("GB") }.compactMap { Int($0.dropLast(2)) }.first
    }
}

extension Catalogue {
    /// Products that have what is wanted and a price for the mode, the cheapest first, as many as a spec may name.
    package func products(meeting requirements: ProductRequirements, billedAs mode: BillingMode, isCPU: Bool = false) -> [String] {
        self.products.filter { $0.isCPU == isCPU && requirements.isMet(by: $0) }
            .compactMap { product in product.price(mode).map { (id: product.id, price: $0) } }
            .sorted { ($0.price, $0.id) < ($1.price, $1.id) }.prefix(SpecRules.productsMax).map(\.id)
    }
}
