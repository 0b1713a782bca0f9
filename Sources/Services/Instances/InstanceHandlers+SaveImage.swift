internal import Access
internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

extension InstanceHandlers {
    package func saveInstanceImage(
        _ request: NovitaiV1.SaveInstanceImageRequest, context: ServerContext
    ) async throws -> NovitaiV1.SaveInstanceImageResponse {
        try await self.backend.answer(context, about: request.id) {
            let tenant = try self.backend.tenant(of: context)
            let key = self.backend.requestKey(request.requestId, method: "SaveInstanceImage", tenant)
            let save = ImageSave(image: request.image, registryCredentialID: request.registryCredentialId)
            // What is wrong with the image is said only of an instance that the caller may know of.
            var violations = SpecRules.violations(ofRequestID: key.requestID)
            if request.id.isEmpty { violations.append(FieldViolation("id", "is required")) }
            if request.expectedRevision < 0 { violations.append(FieldViolation("expected_revision", "must not be negative")) }
            try Self.check(violations)
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let reply = try await self.backend.mutations.saveImage(
                save, of: self.known(request.id, of: tenant)?.id ?? InstanceID(rawValue: request.id),
                expectedRevision: request.expectedRevision == 0 ? nil : Revision(request.expectedRevision), request: key,
                payloadDigest: try PayloadDigest.of(payload, method: "SaveInstanceImage"), actor: try self.backend.caller(of: context).id,
                isValidateOnly: request.validateOnly)
            self.note(reply, key, isValidateOnly: request.validateOnly, context)
            return NovitaiV1.SaveInstanceImageResponse(reply, requestID: key.requestID)
        }
    }
}
