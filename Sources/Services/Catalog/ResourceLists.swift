internal import Fleet
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore

/// What every list of the account's things asks alike.
protocol ResourceListRequest: ProtobufMessage {
    var pageSize: Int32 { get }
    var pageToken: String { get }
    var filter: String { get }
    var orderBy: String { get }
    var fresh: Bool { get }
}

extension NovitaiV1.ListTemplatesRequest: ResourceListRequest {}
extension NovitaiV1.ListRegistryCredentialsRequest: ResourceListRequest {}
extension NovitaiV1.ListNetworkVolumesRequest: ResourceListRequest {}
extension NovitaiV1.ListNetworksRequest: ResourceListRequest {}
extension NovitaiV1.ListImagePrewarmsRequest: ResourceListRequest {}

/// A page of such a list.
struct ResourcePage<Item> {
    var items: [Item]
    var nextPageToken: String
    var freshness: NovitaiV1.Freshness
}

/// How one kind of things is filtered and ordered.
struct ResourceListing<Item: Sendable>: Sendable {
    /// Of the method, in page tokens.
    let method: String
    let fields: [FilterField<Item>]
    let keys: [(name: String, key: ListOrder<Item>.Key)]

    /// Checks the request before the provider is asked.
    nonisolated(nonsending) func page(
        _ request: some ResourceListRequest, _ fetch: nonisolated(nonsending) (_ isFresh: Bool) async throws(CloudError) -> Fetched<[Item]>
    ) async throws -> ResourcePage<Item> {
        let predicate = try Predicate(try Filter(request.filter), fields: self.fields)
        let order = try ListOrder<Item>(request.orderBy, keys: self.keys, default: self.keys.first?.name ?? "")
        let page = try PageRequest(
            size: request.pageSize, token: request.pageToken, query: [self.method, request.filter, request.orderBy])
        let fetched = try await fetch(request.fresh)
        let (items, token) = page.page(of: fetched.value.filter { predicate.matches($0) }, by: order)
        return ResourcePage(items: items, nextPageToken: token, freshness: NovitaiV1.Freshness(fetched.fetchedAt))
    }
}

extension ResourceListing<Template> {
    static let templates = ResourceListing(
        method: "ListTemplates",
        fields: [
            FilterField("id", equals: { [$0.id.rawValue] }), FilterField("name", equals: { [$0.content.name] }),
            FilterField("channel", equals: { [$0.channel] }), FilterField("image", equals: { [$0.content.image] }),
        ],
        keys: [
            ("name", { ListPosition(text: $0.content.name, id: $0.id.rawValue) }), ("id", { ListPosition(id: $0.id.rawValue) }),
        ])
}

extension ResourceListing<RegistryCredential> {
    static let credentials = ResourceListing(
        method: "ListRegistryCredentials",
        fields: [FilterField("id", equals: { [$0.id.rawValue] }), FilterField("name", equals: { [$0.name] })],
        keys: [("name", { ListPosition(text: $0.name, id: $0.id.rawValue) }), ("id", { ListPosition(id: $0.id.rawValue) })])
}

extension ResourceListing<NetworkVolume> {
    static let volumes = ResourceListing(
        method: "ListNetworkVolumes",
        fields: [
            FilterField("id", equals: { [$0.id.rawValue] }), FilterField("name", equals: { [$0.content.name] }),
            FilterField("region", equals: { [$0.content.clusterID, $0.clusterName] }),
        ],
        keys: [
            ("name", { ListPosition(text: $0.content.name, id: $0.id.rawValue) }), ("id", { ListPosition(id: $0.id.rawValue) }),
        ])
}

extension ResourceListing<Network> {
    static let networks = ResourceListing(
        method: "ListNetworks",
        fields: [
            FilterField("id", equals: { [$0.id.rawValue] }), FilterField("name", equals: { [$0.content.name] }),
            FilterField("region", equals: { [$0.content.clusterID] }),
        ],
        keys: [
            ("name", { ListPosition(text: $0.content.name, id: $0.id.rawValue) }), ("id", { ListPosition(id: $0.id.rawValue) }),
        ])
}

extension ResourceListing<ImagePrewarm> {
    static let prewarms = ResourceListing(
        method: "ListImagePrewarms",
        fields: [
            FilterField("id", equals: { [$0.id.rawValue] }), FilterField("image", equals: { [$0.content.image] }),
            FilterField("region", equals: { [$0.content.clusterID, $0.clusterName] }), FilterField("state", equals: { [$0.status] }),
        ],
        keys: [
            ("image", { ListPosition(text: $0.content.image, id: $0.id.rawValue) }), ("id", { ListPosition(id: $0.id.rawValue) }),
        ])
}
