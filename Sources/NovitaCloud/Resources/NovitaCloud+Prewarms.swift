package import Fleet
internal import JSONText

// MARK: - Prewarmed images

extension NovitaCloud {
    package func imagePrewarms(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[ImagePrewarm]> {
        let list = PagedList(path: "/image/prewarm", keys: ["data"], pageParameter: "page", isOneBased: true)
        return try await self.list(list, self.resources.imagePrewarms, isFresh: isFresh, call) { ImagePrewarm($0) }
    }

    package func imagePrewarmQuota(call: CloudCall) async throws(CloudError) -> ImagePrewarmQuota {
        let quota = try await self.read(.get("/image/prewarm/quota"), call) { reply -> ImagePrewarmQuota? in
            guard let limit = reply["limit"].integer else { return nil }
            return ImagePrewarmQuota(
                tasks: reply["total"].integer ?? 0, tasksMax: limit, imageGBMax: reply["perImageSize"].integer ?? 0)
        }
        guard let quota else { throw CloudError(.notFound, "the provider has no quota for prewarmed images") }
        return quota
    }

    package func createImagePrewarm(_ draft: ImagePrewarmDraft, call: CloudCall) async throws(CloudError) -> ImagePrewarmID? {
        var body: [JSON.Member] = [
            .init("imageUrl", .string(draft.image)), .init("clusterId", .string(draft.clusterID)),
            .init("productIds", .array(draft.productIDs.map { .string($0) })), .init("note", .string(draft.note)),
        ]
        if !draft.registryCredentialID.isEmpty { body.append(.init("repositoryAuth", .string(draft.registryCredentialID))) }
        defer { self.resources.imagePrewarms.clear() }
        return try await self.make("/image/prewarm", .object(body), idKeys: ["id"], call).map(ImagePrewarmID.init(rawValue:))
    }

    package func annotateImagePrewarm(_ id: ImagePrewarmID, note: String, call: CloudCall) async throws(CloudError) {
        defer { self.resources.imagePrewarms.clear() }
        try await self.post("/image/prewarm/edit", .object(("id", .string(id.rawValue)), ("note", .string(note))), .always, call)
    }

    package func deleteImagePrewarm(_ id: ImagePrewarmID, call: CloudCall) async throws(CloudError) {
        defer { self.resources.imagePrewarms.clear() }
        try await self.post("/image/prewarm/delete", .object(("ids", .array([.string(id.rawValue)]))), .always, call)
    }
}

extension ImagePrewarm {
    /// Nil without an id.
    fileprivate init?(_ json: JSON) {
        let id = json["id"].string
        guard !id.isEmpty else { return nil }
        let content = ImagePrewarmDraft(
            image: json["imageUrl"].string, registryCredentialID: json["repositoryAuth"].string, clusterID: json["clusterId"].string,
            productIDs: json["products"].elements.map { $0["productId"].string }.filter { !$0.isEmpty }, note: json["note"].string)
        self.init(
            id: ImagePrewarmID(rawValue: id), content: content, clusterName: json["clusterName"].string, status: json["state"].string,
            error: json["reason"].elements.map(\.string).joined(separator: "; "), imageBytes: json["imageSize"].scaled(by: 1) ?? 0,
            createdAt: json["createTime"].timestamp, completedAt: json["completeTime"].timestamp)
    }
}
