internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

// MARK: - Prewarmed images

extension CatalogHandlers {
    package func listImagePrewarms(
        _ request: NovitaiV1.ListImagePrewarmsRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListImagePrewarmsResponse {
        try await self.backend.answer(context) {
            let page = try await ResourceListing.prewarms.page(request) { isFresh throws(CloudError) in
                try await self.backend.cloud.imagePrewarms(isFresh: isFresh, call: self.backend.cloudCall(context))
            }
            var response = NovitaiV1.ListImagePrewarmsResponse()
            response.imagePrewarms = page.items.map { NovitaiV1.ImagePrewarm($0) }
            response.nextPageToken = page.nextPageToken
            response.freshness = page.freshness
            return response
        }
    }

    /// An image has one task in a region; its note is no part of what makes two tasks different.
    package func createImagePrewarm(
        _ request: NovitaiV1.CreateImagePrewarmRequest, context: ServerContext
    ) async throws -> NovitaiV1.CreateImagePrewarmResponse {
        try await self.backend.answer(context) {
            let draft = ImagePrewarmDraft(
                image: request.image, registryCredentialID: request.registryCredentialId, clusterID: request.regionId,
                productIDs: request.productIds, note: request.note)
            let change = try self.begin(request, ResourceRules.violations(of: draft), context)
            let (cloud, call) = (self.backend.cloud, self.backend.cloudCall(context))
            let wish = ResourceMaker.Wish<ImagePrewarm>(
                key: "prewarm \(draft.clusterID) \(draft.image)", subject: "prewarm of \(draft.image) in \(draft.clusterID)",
                identify: { "prewarm \($0.id)" },
                find: { () async throws(CloudError) in
                    try await cloud.imagePrewarms(isFresh: true, call: call).value.filter {
                        $0.content.image == draft.image && $0.content.clusterID == draft.clusterID
                    }
                },
                isAsWished: { Set($0.content.productIDs) == Set(draft.productIDs) },
                make: { () async throws(CloudError) in
                    try await cloud.createImagePrewarm(draft, call: call).map { ImagePrewarm(id: $0, draft) }
                })
            let made = try await self.make(wish, change, context)
            var response = NovitaiV1.CreateImagePrewarmResponse()
            response.imagePrewarm = NovitaiV1.ImagePrewarm(made?.item ?? ImagePrewarm(id: ImagePrewarmID(rawValue: ""), draft))
            response.requestId = change.key.requestID
            response.existed = made?.existed ?? false
            return response
        }
    }

    package func deleteImagePrewarm(
        _ request: NovitaiV1.DeleteImagePrewarmRequest, context: ServerContext
    ) async throws -> NovitaiV1.DeleteImagePrewarmResponse {
        try await self.backend.answer(context) {
            var response = NovitaiV1.DeleteImagePrewarmResponse()
            response.requestId = try await self.delete(request, "prewarm", context) { call throws(CloudError) in
                try await self.backend.cloud.deleteImagePrewarm(ImagePrewarmID(rawValue: request.id), call: call)
            }
            return response
        }
    }
}

extension ImagePrewarm {
    /// One that has just been asked for.
    fileprivate init(id: ImagePrewarmID, _ draft: ImagePrewarmDraft) {
        self.init(
            id: id, content: draft, clusterName: "", status: "Pending", error: "", imageBytes: 0, createdAt: nil, completedAt: nil)
    }
}
