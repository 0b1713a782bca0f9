import Fleet
import Testing

@Suite("Planner")
struct PlannerTests {
    private static let clusters = [
        Cluster(id: "us-ca-6", name: "US-CA-06 (California)", productNames: []),
        Cluster(id: "eu-de-1", name: "EU-DE-01 (Germany)", productNames: []),
    ]

    private static func planner(_ products: [Product], _ cooldowns: Cooldowns = Cooldowns(), region: String? = nil) -> Planner {
        Planner(catalogue: Catalogue(products: products, clusters: clusters, fetchedAt: noon), cooldowns: cooldowns, defaultRegion: region)
    }

    @Test("Cheapest first, then the best stocked, then the caller's order; the price is that of all GPUs")
    func order() {
        let planner = Self.planner([
            .sample("a", "Dear", price: 900_000, clusters: ["us-ca-6"]),
            .sample("b", "Scarce", price: 300_000, clusters: ["us-ca-6"], stock: "low"),
            .sample("c", "Plenty", price: 300_000, clusters: ["eu-de-1"], stock: "high"),
            .sample("d", "Second", price: 300_000, clusters: ["us-ca-6"], stock: "high"),
        ])
        let spec = InstanceSpec(products: ["d", "Dear", "scarce", "Plenty"], gpuCount: 2, image: "x")
        let candidates = planner.candidates(for: spec, at: noon)
        #expect(candidates.map(\.placement.productID) == ["d", "c", "b", "a"])
        #expect(candidates.map(\.rank) == [1, 2, 3, 4])
        #expect(candidates[0].placement.hourlyPrice == MicroUSD(micros: 600_000))
    }

    private static func cpu(_ id: String, price: Int64, cores: Int, isAvailable: Bool = true) -> Product {
        var product = Product.sample(id, "CPU \(cores) vCPU", price: price, stock: "", isAvailable: isAvailable, maxDiskGB: 60)
        (product.isCPU, product.cpuCount, product.minDiskGB) = (true, cores, 0)
        return product
    }

    @Test("CPU machines are ranked by the price of one unit, wherever there is one, or in the regions that are named")
    func cpuMachines() {
        let planner = Self.planner([
            Self.cpu("big", price: 90_000, cores: 8), Self.cpu("small", price: 30_000, cores: 2), .sample("4090", "RTX 4090 24GB"),
            Self.cpu("gone", price: 10_000, cores: 1, isAvailable: false),
        ])
        var spec = InstanceSpec(products: ["big", "CPU 2 vCPU", "gone"], gpuCount: 0, image: "x", diskGB: 0)
        let anywhere = planner.candidates(for: spec, at: noon).filter { $0.verdict != .notRequested }
        #expect(anywhere.map(\.placement.productID) == ["small", "big", "gone"] && anywhere.map(\.placement.clusterID) == ["", "", ""])
        #expect(anywhere.map(\.placement.hourlyPrice.micros) == [30_000, 90_000, 10_000])
        spec.regions = ["EU-DE-01"]
        #expect(planner.candidates(for: spec, at: noon).filter { $0.rank > 0 }.map(\.placement.clusterID) == ["eu-de-1", "eu-de-1"])
        spec.diskGB = 61
        let small = planner.candidates(for: spec, at: noon).filter { $0.placement.clusterID == "eu-de-1" && $0.verdict != .notRequested }
        #expect(small.map(\.verdict) == [.diskOutOfRange, .diskOutOfRange, .diskOutOfRange])
    }

    @Test(
        "The number of GPUs must be one that the product can have, and the field is named",
        arguments: [("big", 0, true), ("big", 1, false), ("4090", 0, false), ("4090", 1, true)])
    func gpuCount(product: String, count: Int, isFine: Bool) {
        let planner = Self.planner([Self.cpu("big", price: 90_000, cores: 8), .sample("4090", "RTX 4090 24GB")])
        let found = planner.unknownNames(in: InstanceSpec(products: [product], gpuCount: count, image: "x"))
        #expect(found.map(\.field) == (isFine ? [] : ["spec.gpu_count"]))
    }

    @Test("Requirements are met by machines of the kind that is wanted alone")
    func requirements() {
        let catalogue = Catalogue(
            products: [
                Self.cpu("big", price: 90_000, cores: 8), Self.cpu("small", price: 30_000, cores: 2), .sample("4090", "RTX 4090 24GB"),
            ],
            clusters: Self.clusters, fetchedAt: noon)
        let cores = ProductRequirements(cpuCount: 2)
        #expect(catalogue.products(meeting: cores, billedAs: .onDemand, isCPU: true) == ["small", "big"])
        #expect(catalogue.products(meeting: cores, billedAs: .onDemand) == ["4090"])
        #expect(catalogue.products(meeting: ProductRequirements(vramGB: 1), billedAs: .onDemand, isCPU: true) == [])
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var product: Product
        var change: @Sendable (inout InstanceSpec) -> Void
        var verdict: CandidateVerdict
        var testDescription: String { self.verdict.rawValue }
    }

    @Test(
        "Each candidate says why it would not be asked",
        arguments: [
            Case(product: .sample("4090", "RTX 4090 24GB"), change: { _ in }, verdict: .eligible),
            Case(product: .sample("4090", "RTX 4090 24GB"), change: { $0.products = ["L40S"] }, verdict: .notRequested),
            Case(product: .sample("4090", "RTX 4090 24GB"), change: { $0.regions = ["eu-de-1"] }, verdict: .notInRegion),
            Case(product: .sample("4090", "RTX 4090 24GB"), change: { $0.billingMode = .spot }, verdict: .noPrice),
            Case(product: .soldOut(.spot, 180_000), change: { $0.billingMode = .spot }, verdict: .unavailable),
            Case(product: .soldOut(.spot, 180_000), change: { _ in }, verdict: .eligible),
            Case(product: .sample("4090", "RTX 4090 24GB", maxDiskGB: 50), change: { _ in }, verdict: .diskOutOfRange),
            Case(
                product: .sample("4090", "RTX 4090 24GB"), change: { $0.maxHourlyPrice = MicroUSD(micros: 349_999) }, verdict: .tooExpensive
            ),
            Case(product: .sample("4090", "RTX 4090 24GB", isAvailable: false), change: { _ in }, verdict: .unavailable),
        ])
    func verdict(_ example: Case) {
        var product = example.product
        product.clusterIDs = ["us-ca-6"]
        var spec = InstanceSpec.small
        example.change(&spec)
        let candidates = Self.planner([product]).candidates(for: spec, at: noon)
        #expect(candidates.map(\.verdict) == [example.verdict])
        #expect(candidates.allSatisfy { !$0.reason.isEmpty && ($0.rank == 1) == (example.verdict == .eligible) })
    }

    @Test("A place that refused rests for a while, for as many GPUs or more")
    func cooldown() {
        let cooldowns = Cooldowns()
        let planner = Self.planner([.sample("4090", "RTX 4090 24GB", clusters: ["us-ca-6"])], cooldowns)
        cooldowns.refused(Placement.standard.candidate, gpuCount: 4, at: noon)
        func verdict(_ gpus: Int, after: Duration) -> CandidateVerdict? {
            var spec = InstanceSpec.small
            spec.gpuCount = gpus
            return planner.candidates(for: spec, at: noon + after).first?.verdict
        }
        #expect(verdict(4, after: .seconds(1)) == .coolingDown)
        #expect(verdict(8, after: .seconds(1)) == .coolingDown)
        #expect(verdict(2, after: .seconds(1)) == .eligible)
        #expect(verdict(4, after: Cooldowns.duration) == .eligible)
    }

    @Test("Without a region in the spec the server's default counts; names work with and without the place")
    func regions() {
        let product = Product.sample("4090", "RTX 4090 24GB")
        #expect(Self.planner([product]).candidates(for: .small, at: noon).filter { $0.verdict == .eligible }.count == 2)
        let inGermany = Self.planner([product], region: "EU-DE-01").candidates(for: .small, at: noon).filter { $0.verdict == .eligible }
        #expect(inGermany.map(\.placement.clusterID) == ["eu-de-1"])
        #expect(Self.planner([product]).cluster("us-ca-06 (california)")?.id == "us-ca-6")
        #expect(
            Self.planner([product]).unknownNames(in: InstanceSpec(products: ["4090", "4091"], regions: ["mars"], image: "x")).map(\.field)
                == ["spec.products[1]", "spec.regions[0]"])
    }
}

@Suite("Requirements instead of products")
struct ProductRequirementsTests {
    @Test(
        "The memory of a GPU stands in the product's name",
        arguments: [
            ("RTX 4090 24GB", 24), ("A100 SXM 80GB", 80), ("h100 80gb SXM", 80), ("RTX 4090", nil), ("24GB 48GB", 48), ("", nil),
            ("GB", nil),
        ] as [(String, Int?)])
    func memory(_ name: String, _ expected: Int?) {
        #expect(Product.sample("p", name).vramGB == expected)
    }

    @Test("What has less, or no price in the mode, or does not say how much it has, is left out; the rest goes by price")
    func products() {
        let catalogue = Catalogue(
            products: [
                .sample("dear", "A 80GB", price: 900_000), .sample("cheap", "B 24GB", price: 100_000, spotPrice: 50_000),
                .sample("small", "C 16GB", price: 50_000), .sample("unpriced", "D 80GB", price: nil),
                .sample("unknown", "E", price: 10_000),
            ], clusters: [], fetchedAt: noon)
        #expect(catalogue.products(meeting: ProductRequirements(vramGB: 24), billedAs: .onDemand) == ["cheap", "dear"])
        #expect(catalogue.products(meeting: ProductRequirements(vramGB: 24), billedAs: .spot) == ["cheap"])
        #expect(catalogue.products(meeting: ProductRequirements(memoryGB: 61), billedAs: .onDemand).isEmpty)
        #expect(catalogue.products(meeting: ProductRequirements(), billedAs: .onDemand) == ["unknown", "small", "cheap", "dear"])
    }

    @Test("Months are priced by the month, the dearer of what the provider's number may mean")
    func months() {
        var product = Product.sample("p", "P 24GB")
        product.monthlyPrices = [1: .dollars(100), 3: .dollars(90)]
        let catalogue = Catalogue(products: [product, .sample("q", "Q")], clusters: [], fetchedAt: noon)
        #expect(catalogue.price(ofMonths: 1, product: "p", gpuCount: 1) == .dollars(100))
        #expect(catalogue.price(ofMonths: 3, product: "p", gpuCount: 2) == .dollars(540))
        #expect(catalogue.price(ofMonths: 2, product: "p", gpuCount: 1) == .dollars(200))
        #expect(catalogue.price(ofMonths: 1, product: "q", gpuCount: 1) == nil)
    }
}

extension Product {
    /// Offered on demand, but not in that mode now.
    fileprivate static func soldOut(_ mode: BillingMode, _ price: Int64) -> Product {
        var product = Product.sample("4090", "RTX 4090 24GB")
        product.soldOutPrices = [mode: MicroUSD(micros: price)]
        return product
    }
}
