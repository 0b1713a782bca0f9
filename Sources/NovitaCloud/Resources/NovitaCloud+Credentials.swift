package import Fleet
internal import JSONText

// MARK: - Registry credentials

extension NovitaCloud {
    /// The reply holds passwords in clear: they are not read.
    package func registryCredentials(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[RegistryCredential]> {
        // The only list without pages; whatever page is asked for, it answers the whole.
        let list = PagedList(path: "/repository/auths", keys: ["data"], isOneBased: true)
        return try await self.list(list, self.resources.registryCredentials, isFresh: isFresh, call) { RegistryCredential($0) }
    }

    package func createRegistryCredential(
        _ draft: RegistryCredentialDraft, call: CloudCall
    ) async throws(CloudError) -> RegistryCredentialID? {
        let body = JSON.object(
            ("name", .string(draft.name)), ("username", .string(draft.username)), ("password", .string(draft.password)))
        defer { self.resources.registryCredentials.clear() }
        let id = try await self.make("/repository/auth/save", body, idKeys: ["id"], secrets: [draft.password], call)
        return id.map(RegistryCredentialID.init(rawValue:))
    }

    package func deleteRegistryCredential(_ id: RegistryCredentialID, call: CloudCall) async throws(CloudError) {
        defer { self.resources.registryCredentials.clear() }
        try await self.post("/repository/auth/delete", .object(("id", .string(id.rawValue))), .always, call)
    }
}

extension RegistryCredential {
    /// Nil without an id.
    fileprivate init?(_ json: JSON) {
        let id = json["id"].string
        guard !id.isEmpty else { return nil }
        self.init(id: RegistryCredentialID(rawValue: id), name: json["name"].string, username: json["username"].string)
    }
}
