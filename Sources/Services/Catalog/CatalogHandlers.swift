internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

/// What the provider offers, from the cache of its catalogue, and what the account keeps there besides machines.
package struct CatalogHandlers: NovitaiV1.CatalogServiceProtocol {
    let backend: Backend
    let maker: ResourceMaker
    let requests = RequestMemory()

    package init(_ backend: Backend) {
        self.backend = backend
        let journal = MakingJournal(store: backend.store, clock: backend.clock, settings: backend.settings) {
            ClockDoubt.judge(skew: backend.cloud.clockSkew)
        }
        self.maker = ResourceMaker(clock: backend.clock, journal: journal)
    }

    package func listProducts(
        _ request: NovitaiV1.ListProductsRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListProductsResponse {
        try await self.backend.answer(context) {
            let predicate = try Predicate(try Filter(request.filter), fields: Self.productFields)
            let order = try ListOrder<Product>(request.orderBy, keys: Self.productKeys, default: "price")
            let page = try PageRequest(
                size: request.pageSize, token: request.pageToken, query: ["ListProducts", request.filter, request.orderBy])
            let catalogue = try await self.backend.cloud.catalogue(call: self.backend.cloudCall(context))
            let (products, token) = page.page(of: catalogue.products.filter { predicate.matches($0) }, by: order)
            var response = NovitaiV1.ListProductsResponse()
            response.products = products.map { NovitaiV1.Product($0) }
            response.nextPageToken = token
            response.freshness = NovitaiV1.Freshness(catalogue.fetchedAt)
            return response
        }
    }

    package func listRegions(_ request: NovitaiV1.ListRegionsRequest, context: ServerContext) async throws -> NovitaiV1.ListRegionsResponse
    {
        try await self.backend.answer(context) {
            let order = try ListOrder<Cluster>("", keys: [("id", { ListPosition(id: $0.id) })], default: "id")
            let page = try PageRequest(size: request.pageSize, token: request.pageToken, query: ["ListRegions"])
            let catalogue = try await self.backend.cloud.catalogue(call: self.backend.cloudCall(context))
            let (clusters, token) = page.page(of: catalogue.clusters, by: order)
            var response = NovitaiV1.ListRegionsResponse()
            response.regions = clusters.map { NovitaiV1.Region($0) }
            response.nextPageToken = token
            response.freshness = NovitaiV1.Freshness(catalogue.fetchedAt)
            return response
        }
    }

    private static let productFields: [FilterField<Product>] = [
        FilterField("id", equals: { [$0.id] }),
        FilterField("name", equals: { [$0.name] }),
        FilterField("kind", rule: "gpu or cpu") { text in
            guard let wanted = ["gpu": false, "cpu": true][text] else { return nil }
            return { $0.isCPU == wanted }
        },
        // A product that names no region is offered in every one.
        FilterField("region") { wanted in { $0.clusterIDs.isEmpty || $0.clusterIDs.contains(wanted) } },
        FilterField("available", rule: "true or false") { text in
            guard let wanted = ["true": true, "false": false][text] else { return nil }
            return { $0.isAvailable == wanted }
        },
    ]

    /// What is not sold on demand comes after everything that is.
    private static let productKeys: [(name: String, key: ListOrder<Product>.Key)] = [
        ("price", { ListPosition(number: $0.onDemandPrice?.micros ?? .max, id: $0.id) }),
        ("name", { ListPosition(text: $0.name, id: $0.id) }),
    ]
}
