internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

// MARK: - Registry credentials

extension CatalogHandlers {
    package func listRegistryCredentials(
        _ request: NovitaiV1.ListRegistryCredentialsRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListRegistryCredentialsResponse {
        try await self.backend.answer(context) {
            let page = try await ResourceListing.credentials.page(request) { isFresh throws(CloudError) in
                try await self.backend.cloud.registryCredentials(isFresh: isFresh, call: self.backend.cloudCall(context))
            }
            var response = NovitaiV1.ListRegistryCredentialsResponse()
            response.registryCredentials = page.items.map { NovitaiV1.RegistryCredential($0) }
            response.nextPageToken = page.nextPageToken
            response.freshness = page.freshness
            return response
        }
    }

    package func createRegistryCredential(
        _ request: NovitaiV1.CreateRegistryCredentialRequest, context: ServerContext
    ) async throws -> NovitaiV1.CreateRegistryCredentialResponse {
        try await self.backend.answer(context) {
            let draft = RegistryCredentialDraft(name: request.name, username: request.username, password: request.password)
            let change = try self.begin(request, ResourceRules.violations(of: draft), context)
            let (cloud, call) = (self.backend.cloud, self.backend.cloudCall(context))
            let wish = ResourceMaker.Wish<RegistryCredential>(
                key: "credential \(draft.name) \(draft.username)", subject: "credential \(draft.name)",
                identify: { "credential \($0.id)" },
                find: { () async throws(CloudError) in
                    try await cloud.registryCredentials(isFresh: true, call: call).value.filter {
                        $0.name == draft.name && $0.username == draft.username
                    }
                },
                isAsWished: { _ in true },
                make: { () async throws(CloudError) in
                    try await cloud.createRegistryCredential(draft, call: call).map {
                        RegistryCredential(id: $0, name: draft.name, username: draft.username)
                    }
                })
            let made = try await self.make(wish, change, context)
            var response = NovitaiV1.CreateRegistryCredentialResponse()
            response.registryCredential = NovitaiV1.RegistryCredential(
                made?.item
                    ?? RegistryCredential(id: RegistryCredentialID(rawValue: ""), name: draft.name, username: draft.username))
            response.requestId = change.key.requestID
            response.existed = made?.existed ?? false
            return response
        }
    }

    package func deleteRegistryCredential(
        _ request: NovitaiV1.DeleteRegistryCredentialRequest, context: ServerContext
    ) async throws -> NovitaiV1.DeleteRegistryCredentialResponse {
        try await self.backend.answer(context) {
            var response = NovitaiV1.DeleteRegistryCredentialResponse()
            response.requestId = try await self.delete(request, "credential", context) { call throws(CloudError) in
                try await self.backend.cloud.deleteRegistryCredential(RegistryCredentialID(rawValue: request.id), call: call)
            }
            return response
        }
    }
}
