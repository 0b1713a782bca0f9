internal import Access
internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

extension InstanceHandlers {
    package func updateInstance(
        _ request: NovitaiV1.UpdateInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.UpdateInstanceResponse {
        try await self.backend.answer(context, about: request.id) {
            let tenant = try self.backend.tenant(of: context)
            let key = self.backend.requestKey(request.requestId, method: "UpdateInstance", tenant)
            let (update, violations) = InstanceUpdate.read(request, default: self.backend.settings)
            try Self.check(
                SpecRules.violations(ofRequestID: key.requestID) + violations
                    + (request.id.isEmpty ? [FieldViolation("id", "is required")] : [])
                    + (request.expectedRevision < 0 ? [FieldViolation("expected_revision", "must not be negative")] : []))
            let reply = try await self.backend.mutations.update(
                update, of: self.known(request.id, of: tenant)?.id ?? InstanceID(rawValue: request.id),
                expectedRevision: request.expectedRevision == 0 ? nil : Revision(request.expectedRevision), request: key,
                payloadDigest: try PayloadDigest.of(request), actor: try self.backend.caller(of: context).id,
                isValidateOnly: request.validateOnly)
            self.note(reply, key, isValidateOnly: request.validateOnly, context)
            return NovitaiV1.UpdateInstanceResponse(reply, requestID: key.requestID)
        }
    }
}
