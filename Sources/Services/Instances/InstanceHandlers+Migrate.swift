internal import Access
internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

extension InstanceHandlers {
    package func migrateInstance(
        _ request: NovitaiV1.MigrateInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.MigrateInstanceResponse {
        try await self.backend.answer(context, about: request.id) {
            let tenant = try self.backend.tenant(of: context)
            let key = self.backend.requestKey(request.requestId, method: "MigrateInstance", tenant)
            let way: Migration? =
                switch request.mode {
                case .unspecified, .move: .move
                case .replace: .replace
                default: nil
                }
            var violations = SpecRules.violations(ofRequestID: key.requestID)
            if request.id.isEmpty { violations.append(FieldViolation("id", "is required")) }
            if request.expectedRevision < 0 { violations.append(FieldViolation("expected_revision", "must not be negative")) }
            if way == nil { violations.append(FieldViolation("mode", "is not known to this version")) }
            try Self.check(violations)
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let caller = try self.backend.caller(of: context)
            let reply = try await self.backend.mutations.migrate(
                way ?? .move, self.known(request.id, of: tenant)?.id ?? InstanceID(rawValue: request.id),
                expectedRevision: request.expectedRevision == 0 ? nil : Revision(request.expectedRevision), request: key,
                payloadDigest: try PayloadDigest.of(payload, method: "MigrateInstance"), actor: caller.id, owner: Owner(caller),
                isValidateOnly: request.validateOnly)
            self.note(reply, key, isValidateOnly: request.validateOnly, context)
            return NovitaiV1.MigrateInstanceResponse(reply, requestID: key.requestID)
        }
    }
}
