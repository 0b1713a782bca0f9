internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

// MARK: - Network volumes

extension CatalogHandlers {
    package func listNetworkVolumes(
        _ request: NovitaiV1.ListNetworkVolumesRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListNetworkVolumesResponse {
        try await self.backend.answer(context) {
            let page = try await ResourceListing.volumes.page(request) { isFresh throws(CloudError) in
                try await self.backend.cloud.networkVolumes(isFresh: isFresh, call: self.backend.cloudCall(context))
            }
            var response = NovitaiV1.ListNetworkVolumesResponse()
            response.networkVolumes = page.items.map { NovitaiV1.NetworkVolume($0) }
            response.nextPageToken = page.nextPageToken
            response.freshness = page.freshness
            return response
        }
    }

    package func createNetworkVolume(
        _ request: NovitaiV1.CreateNetworkVolumeRequest, context: ServerContext
    ) async throws -> NovitaiV1.CreateNetworkVolumeResponse {
        try await self.backend.answer(context) {
            let draft = NetworkVolumeDraft(name: request.name, sizeGB: Int(request.sizeGb), clusterID: request.regionId)
            let change = try self.begin(request, ResourceRules.violations(of: draft), context)
            let (cloud, call) = (self.backend.cloud, self.backend.cloudCall(context))
            let wish = ResourceMaker.Wish<NetworkVolume>(
                key: "volume \(draft.name)", subject: "volume \(draft.name)",
                identify: { "volume \($0.id)" },
                find: { () async throws(CloudError) in
                    try await cloud.networkVolumes(isFresh: true, call: call).value.filter { $0.content.name == draft.name }
                },
                isAsWished: { $0.content == draft },
                make: { () async throws(CloudError) in
                    try await cloud.createNetworkVolume(draft, call: call).map { NetworkVolume(id: $0, content: draft, clusterName: "") }
                })
            let made = try await self.make(wish, change, context)
            var response = NovitaiV1.CreateNetworkVolumeResponse()
            response.networkVolume = NovitaiV1.NetworkVolume(
                made?.item ?? NetworkVolume(id: NetworkVolumeID(rawValue: ""), content: draft, clusterName: ""))
            response.requestId = change.key.requestID
            response.existed = made?.existed ?? false
            return response
        }
    }

    package func updateNetworkVolume(
        _ request: NovitaiV1.UpdateNetworkVolumeRequest, context: ServerContext
    ) async throws -> NovitaiV1.UpdateNetworkVolumeResponse {
        try await self.backend.answer(context) {
            let violations =
                ResourceRules.violations(request.id, "id", lengths: ResourceRules.nameLengths)
                + ResourceRules.violations(request.name, "name", lengths: 0...ResourceRules.nameLengths.upperBound)
                + (request.sizeGb == 0 ? [] : ResourceRules.violations(ofSize: Int(request.sizeGb)))
            _ = try self.begin(request, violations, context)
            let call = self.backend.cloudCall(context)
            let volumes = try await self.backend.cloud.networkVolumes(isFresh: true, call: call).value
            guard var volume = volumes.first(where: { $0.id.rawValue == request.id }) else {
                throw ErrorDetails.notFound(NovitaiV1.NetworkVolume.protobufName, request.id).error
            }
            if request.sizeGb != 0, Int(request.sizeGb) < volume.content.sizeGB {
                throw FleetError.invalid([FieldViolation("size_gb", "must be at least \(volume.content.sizeGB): a volume can only grow")])
            }
            if !request.name.isEmpty { volume.content.name = request.name }
            if request.sizeGb != 0 { volume.content.sizeGB = Int(request.sizeGb) }
            let wanted = volume
            let requestID = try await self.apply(request, [], subject: "volume \(request.id)", context) { call throws(CloudError) in
                try await self.backend.cloud.updateNetworkVolume(
                    wanted.id, name: wanted.content.name, sizeGB: wanted.content.sizeGB, call: call)
            }
            var response = NovitaiV1.UpdateNetworkVolumeResponse()
            response.networkVolume = NovitaiV1.NetworkVolume(wanted)
            response.requestId = requestID
            return response
        }
    }

    package func deleteNetworkVolume(
        _ request: NovitaiV1.DeleteNetworkVolumeRequest, context: ServerContext
    ) async throws -> NovitaiV1.DeleteNetworkVolumeResponse {
        try await self.backend.answer(context) {
            var response = NovitaiV1.DeleteNetworkVolumeResponse()
            response.requestId = try await self.delete(request, "volume", context) { call throws(CloudError) in
                try await self.backend.cloud.deleteNetworkVolume(NetworkVolumeID(rawValue: request.id), call: call)
            }
            return response
        }
    }
}
