internal import Access
internal import Fleet
internal import Logging
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

extension InstanceHandlers {
    package func createInstance(
        _ request: NovitaiV1.CreateInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.CreateInstanceResponse {
        try await self.backend.answer(context, about: request.name) {
            let wanted = RequestedSpec(request.spec)
            let tenant = try self.backend.tenant(of: context)
            let new = Admission.NewInstance(
                tenant: tenant, name: request.name, spec: wanted.spec, environment: wanted.environment, labels: request.labels,
                deletionProtection: request.deletionProtection)
            let key = self.requestKey(request.requestId, method: "CreateInstance", tenant)
            let labels = Self.nulViolations(inLabels: request.labels)
            let known = SpecRules.violations(ofRequestID: key.requestID) + wanted.violations + labels + Admission.violations(of: new)
            let planner = try await self.planner(for: key, known: known, spec: wanted.spec, context)
            let reply = try await self.backend.mutations.create(
                new, planner: planner, request: key, payloadDigest: try PayloadDigest.of(request), isValidateOnly: request.validateOnly)
            self.note(reply, key, isValidateOnly: request.validateOnly, context)
            var response = NovitaiV1.CreateInstanceResponse()
            response.instance = NovitaiV1.Instance(reply.instance)
            response.job = NovitaiV1.Job(reply.job)
            response.requestId = key.requestID
            return response
        }
    }

    package func startInstance(
        _ request: NovitaiV1.StartInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.StartInstanceResponse {
        var payload = request
        (payload.requestId, payload.validateOnly) = ("", false)
        let change = RequestedChange(
            .start, "StartInstance", requestID: request.requestId, id: request.id, expectedRevision: request.expectedRevision,
            isValidateOnly: request.validateOnly, payload: payload)
        let (reply, requestID) = try await self.apply(change, context)
        var response = NovitaiV1.StartInstanceResponse()
        response.instance = NovitaiV1.Instance(reply.instance)
        response.job = NovitaiV1.Job(reply.job)
        response.requestId = requestID
        return response
    }

    package func stopInstance(
        _ request: NovitaiV1.StopInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.StopInstanceResponse {
        var payload = request
        (payload.requestId, payload.validateOnly) = ("", false)
        let change = RequestedChange(
            .stop, "StopInstance", requestID: request.requestId, id: request.id, expectedRevision: request.expectedRevision,
            isValidateOnly: request.validateOnly, payload: payload)
        let (reply, requestID) = try await self.apply(change, context)
        var response = NovitaiV1.StopInstanceResponse()
        response.instance = NovitaiV1.Instance(reply.instance)
        response.job = NovitaiV1.Job(reply.job)
        response.requestId = requestID
        return response
    }

    package func restartInstance(
        _ request: NovitaiV1.RestartInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.RestartInstanceResponse {
        var payload = request
        (payload.requestId, payload.validateOnly) = ("", false)
        let change = RequestedChange(
            .restart, "RestartInstance", requestID: request.requestId, id: request.id, expectedRevision: request.expectedRevision,
            isValidateOnly: request.validateOnly, payload: payload)
        let (reply, requestID) = try await self.apply(change, context)
        var response = NovitaiV1.RestartInstanceResponse()
        response.instance = NovitaiV1.Instance(reply.instance)
        response.job = NovitaiV1.Job(reply.job)
        response.requestId = requestID
        return response
    }

    package func deleteInstance(
        _ request: NovitaiV1.DeleteInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.DeleteInstanceResponse {
        var payload = request
        (payload.requestId, payload.validateOnly) = ("", false)
        let change = RequestedChange(
            .delete, "DeleteInstance", requestID: request.requestId, id: request.id, expectedRevision: request.expectedRevision,
            force: request.force, isValidateOnly: request.validateOnly, payload: payload)
        let (reply, requestID) = try await self.apply(change, context)
        var response = NovitaiV1.DeleteInstanceResponse()
        response.instance = NovitaiV1.Instance(reply.instance)
        response.job = NovitaiV1.Job(reply.job)
        response.requestId = requestID
        return response
    }

    /// A start, stop, restart or delete as it was asked for.
    private struct RequestedChange {
        let change: Admission.Change
        let method: String
        let requestID: String
        /// An id or a name.
        let id: String
        let expectedRevision: Int64
        let force: Bool
        let isValidateOnly: Bool
        /// The request without its request id.
        let payload: any ProtobufMessage

        init(
            _ change: Admission.Change, _ method: String, requestID: String, id: String, expectedRevision: Int64, force: Bool = false,
            isValidateOnly: Bool, payload: any ProtobufMessage
        ) {
            self.change = change
            self.method = method
            self.requestID = requestID
            self.id = id
            self.expectedRevision = expectedRevision
            self.force = force
            self.isValidateOnly = isValidateOnly
            self.payload = payload
        }
    }

    private func apply(_ change: RequestedChange, _ context: ServerContext) async throws -> (Mutations.Reply, requestID: String) {
        try await self.backend.answer(context, about: change.id) {
            let tenant = try self.backend.tenant(of: context)
            let key = self.requestKey(change.requestID, method: change.method, tenant)
            var violations = SpecRules.violations(ofRequestID: key.requestID)
            if change.id.isEmpty { violations.append(FieldViolation("id", "is required")) }
            if change.expectedRevision < 0 { violations.append(FieldViolation("expected_revision", "must not be negative")) }
            try Self.check(violations)
            let reply = try await self.backend.mutations.change(
                change.change, of: self.known(change.id, of: tenant)?.id ?? InstanceID(rawValue: change.id),
                expectedRevision: change.expectedRevision == 0 ? nil : Revision(change.expectedRevision), force: change.force, request: key,
                payloadDigest: try PayloadDigest.of(change.payload, method: change.method), isValidateOnly: change.isValidateOnly)
            self.note(reply, key, isValidateOnly: change.isValidateOnly, context)
            return (reply, key.requestID)
        }
    }

    /// Offers to place a new instance on. All violations are reported together, those of names that nobody offers included. A call that
    /// was answered before is answered again without them, since the provider may be away.
    private func planner(
        for key: RequestKey, known violations: [FieldViolation], spec: InstanceSpec, _ context: ServerContext
    ) async throws -> Planner {
        let catalogue: Catalogue
        do throws(CloudError) {
            catalogue = try await self.backend.cloud.catalogue(call: self.backend.cloudCall(context))
        } catch {
            try Self.check(violations)
            guard try await self.backend.store.request(key) != nil else { throw error }
            return self.planner(Catalogue(products: [], clusters: [], fetchedAt: self.backend.clock.now))
        }
        let planner = self.planner(catalogue)
        try Self.check(violations + planner.unknownNames(in: spec))
        return planner
    }

    /// A request id for the call when it brings none: random, so that it is nobody else's.
    private func requestKey(_ requestID: String, method: String, _ tenant: TenantID) -> RequestKey {
        guard requestID.isEmpty else { return RequestKey(tenant: tenant, method: method, requestID: requestID) }
        let random = self.backend.random
        let made = "auto-" + String(random.next(), radix: 36) + String(random.next(), radix: 36)
        return RequestKey(tenant: tenant, method: method, requestID: made)
    }

    private static func nulViolations(inLabels labels: [String: String]) -> [FieldViolation] {
        labels.contains { $0.key.utf8.contains(0) || $0.value.utf8.contains(0) } ? [FieldViolation("labels", "must not hold a NUL")] : []
    }

    private func note(_ reply: Mutations.Reply, _ key: RequestKey, isValidateOnly: Bool, _ context: ServerContext) {
        guard !isValidateOnly else { return }
        let principal = (try? self.backend.caller(of: context))?.id ?? ""
        self.backend.log.info(
            "change accepted",
            metadata: [
                "method": "\(key.method)", "request_id": "\(key.requestID)", "call": "\(context.callID)", "principal": "\(principal)",
                "tenant": "\(key.tenant)", "instance": "\(reply.instance.id)", "job": "\(reply.job.id)", "repeated": "\(reply.isRepeat)",
            ])
    }
}
