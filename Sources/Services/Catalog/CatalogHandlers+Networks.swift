internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

// MARK: - Private networks

extension CatalogHandlers {
    package func listNetworks(
        _ request: NovitaiV1.ListNetworksRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListNetworksResponse {
        try await self.backend.answer(context) {
            let page = try await ResourceListing.networks.page(request) { isFresh throws(CloudError) in
                try await self.backend.cloud.networks(isFresh: isFresh, call: self.backend.cloudCall(context))
            }
            var response = NovitaiV1.ListNetworksResponse()
            response.networks = page.items.map { NovitaiV1.Network($0) }
            response.nextPageToken = page.nextPageToken
            response.freshness = page.freshness
            return response
        }
    }

    package func createNetwork(
        _ request: NovitaiV1.CreateNetworkRequest, context: ServerContext
    ) async throws -> NovitaiV1.CreateNetworkResponse {
        try await self.backend.answer(context) {
            let draft = NetworkDraft(name: request.name, clusterID: request.regionId)
            let change = try self.begin(request, ResourceRules.violations(of: draft), context)
            let (cloud, call) = (self.backend.cloud, self.backend.cloudCall(context))
            let wish = ResourceMaker.Wish<Network>(
                key: "network \(draft.name)", subject: "network \(draft.name)",
                identify: { "network \($0.id)" },
                find: { () async throws(CloudError) in
                    try await cloud.networks(isFresh: true, call: call).value.filter { $0.content.name == draft.name }
                },
                isAsWished: { $0.content == draft },
                make: { () async throws(CloudError) in
                    try await cloud.createNetwork(draft, call: call).map { Network(id: $0, draft) }
                })
            let made = try await self.make(wish, change, context)
            var response = NovitaiV1.CreateNetworkResponse()
            response.network = NovitaiV1.Network(made?.item ?? Network(id: NetworkID(rawValue: ""), draft))
            response.requestId = change.key.requestID
            response.existed = made?.existed ?? false
            return response
        }
    }

    package func deleteNetwork(
        _ request: NovitaiV1.DeleteNetworkRequest, context: ServerContext
    ) async throws -> NovitaiV1.DeleteNetworkResponse {
        try await self.backend.answer(context) {
            var response = NovitaiV1.DeleteNetworkResponse()
            response.requestId = try await self.delete(request, "network", context) { call throws(CloudError) in
                try await self.backend.cloud.deleteNetwork(NetworkID(rawValue: request.id), call: call)
            }
            return response
        }
    }
}

extension Network {
    /// One that has just been asked for.
    fileprivate init(id: NetworkID, _ draft: NetworkDraft) {
        self.init(id: id, content: draft, status: "creating", error: "", segment: "", members: [], createdAt: nil)
    }
}
