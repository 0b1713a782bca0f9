internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

/// What is kept of the provider's lists.
extension AdminHandlers {
    package func listCaches(_ request: NovitaiV1.ListCachesRequest, context: ServerContext) async throws -> NovitaiV1.ListCachesResponse {
        var response = NovitaiV1.ListCachesResponse()
        response.caches = self.backend.cloud.caches.map { NovitaiV1.Cache($0) }
        return response
    }

    package func clearCache(_ request: NovitaiV1.ClearCacheRequest, context: ServerContext) async throws -> NovitaiV1.ClearCacheResponse {
        try await self.backend.answer(context) {
            let caller = try self.backend.mutation(request.requestId, "ClearCache", NovitaiV1.ClearCacheRequest(), context)
            let names = try Self.names(request.name)
            if !request.validateOnly {
                let effect = "what is kept is forgotten: \(names.map(\.rawValue).joined(separator: ", "))"
                let entry = AuditEntry(
                    at: self.backend.clock.now, tenant: caller.request.tenant, actor: caller.actor, action: "ClearCache",
                    cause: AuditEntry.requested, effect: effect, requestID: caller.request.requestID)
                _ = try await self.backend.store.commit(Commit(audit: [entry]))
                for name in names { self.backend.cloud.clearCache(name) }
                self.backend.note(caller, context)
            }
            var response = NovitaiV1.ClearCacheResponse()
            response.caches = self.backend.cloud.caches.filter { names.contains($0.name) }.map { NovitaiV1.Cache($0) }
            response.requestId = caller.request.requestID
            return response
        }
    }

    private static func names(_ name: String) throws(FleetError) -> [CacheFacts.Name] {
        guard !name.isEmpty else { return CacheFacts.Name.allCases }
        guard let known = CacheFacts.Name(rawValue: name) else {
            let all = CacheFacts.Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid([FieldViolation("name", "must be empty or one of \(all)")])
        }
        return [known]
    }
}

extension NovitaiV1.Cache {
    init(_ facts: CacheFacts) {
        self.init()
        self.name = facts.name.rawValue
        self.fetchTime = facts.fetchedAt.map { GoogleProtobuf.Timestamp($0) }
        self.expireTime = facts.expiresAt.map { GoogleProtobuf.Timestamp($0) }
        self.entryCount = UInt32(clamping: facts.entryCount)
        self.hitCount = facts.hits
        self.fetchCount = facts.fetches
    }
}
