package import Fleet
internal import JSONText

// MARK: - Network volumes

extension NovitaCloud {
    package func networkVolumes(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[NetworkVolume]> {
        let list = PagedList(path: "/networkstorages/list", keys: ["data"], pageParameter: "pageNo", idKey: "storageId")
        return try await self.list(list, self.resources.networkVolumes, isFresh: isFresh, call) { NetworkVolume($0) }
    }

    /// The reply is an id alone by the documentation, an object in the world.
    package func createNetworkVolume(_ draft: NetworkVolumeDraft, call: CloudCall) async throws(CloudError) -> NetworkVolumeID? {
        let body = JSON.object(
            ("clusterId", .string(draft.clusterID)), ("storageName", .string(draft.name)), ("storageSize", .integer(draft.sizeGB)))
        defer { self.resources.networkVolumes.clear() }
        return try await self.make("/networkstorage/create", body, idKeys: ["storageId", "id"], call).map(NetworkVolumeID.init(rawValue:))
    }

    package func updateNetworkVolume(
        _ id: NetworkVolumeID, name: String, sizeGB: Int, call: CloudCall
    ) async throws(CloudError) {
        let body = JSON.object(
            ("storageId", .string(id.rawValue)), ("storageName", .string(name)), ("storageSize", .integer(sizeGB)))
        defer { self.resources.networkVolumes.clear() }
        try await self.post("/networkstorage/update", body, .always, call)
    }

    package func deleteNetworkVolume(_ id: NetworkVolumeID, call: CloudCall) async throws(CloudError) {
        defer { self.resources.networkVolumes.clear() }
        try await self.post("/networkstorage/delete", .object(("storageId", .string(id.rawValue))), .always, call)
    }
}

extension NetworkVolume {
    /// Nil without an id.
    fileprivate init?(_ json: JSON) {
        let id = json["storageId"].string
        guard !id.isEmpty else { return nil }
        let content = NetworkVolumeDraft(
            name: json["storageName"].string, sizeGB: json["storageSize"].integer ?? 0, clusterID: json["clusterId"].string)
        self.init(id: NetworkVolumeID(rawValue: id), content: content, clusterName: json["clusterName"].string)
    }
}

// MARK: - Private networks

extension NovitaCloud {
    package func networks(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[Network]> {
        let list = PagedList(path: "/networks", keys: ["networks", "data"])
        return try await self.list(list, self.resources.networks, isFresh: isFresh, call) { Network($0) }
    }

    package func network(_ id: NetworkID, call: CloudCall) async throws(CloudError) -> Network? {
        let request = APIRequest.get("/network", query: [("networkId", id.rawValue)])
        return try await self.read(request, call) { reply in
            Network(reply["network"].elements.first ?? reply).flatMap { $0.id == id ? $0 : nil }
        }
    }

    /// In the world the reply holds no id.
    package func createNetwork(_ draft: NetworkDraft, call: CloudCall) async throws(CloudError) -> NetworkID? {
        let body = JSON.object(("clusterId", .string(draft.clusterID)), ("name", .string(draft.name)))
        defer { self.resources.networks.clear() }
        return try await self.make("/network/create", body, idKeys: ["id", "networkId"], call).map(NetworkID.init(rawValue:))
    }

    package func renameNetwork(_ id: NetworkID, to name: String, call: CloudCall) async throws(CloudError) {
        defer { self.resources.networks.clear() }
        try await self.post("/network/update", .object(("networkId", .string(id.rawValue)), ("name", .string(name))), .always, call)
    }

    package func deleteNetwork(_ id: NetworkID, call: CloudCall) async throws(CloudError) {
        defer { self.resources.networks.clear() }
        try await self.post("/network/delete", .object(("networkId", .string(id.rawValue))), .always, call)
    }
}

extension Network {
    /// Nil without an id. The state is an object, by the documentation an array of one.
    fileprivate init?(_ json: JSON) {
        let id = json["id"].string
        guard !id.isEmpty else { return nil }
        let state = json["state"].elements.first ?? .null
        let members = json["addresses"].elements.map { member in
            Member(machineID: UpstreamID(rawValue: member["id"].string), address: member["ip"].string)
        }
        self.init(
            id: NetworkID(rawValue: id), content: NetworkDraft(name: json["name"].string, clusterID: json["clusterId"].string),
            status: [state["state"], state].map(\.string).first { !$0.isEmpty } ?? "", error: state["error"].string,
            segment: json["segment"].string, members: members, createdAt: json["createTime"].timestamp)
    }
}
