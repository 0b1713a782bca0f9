internal import Access
internal import Fleet
internal import Logging
internal import NovitaiProto
internal import ProtobufWire
internal import RPCCore

/// What every change of the account's things asks alike.
protocol ResourceChangeRequest: ProtobufMessage {
    var requestId: String { get set }
    var validateOnly: Bool { get set }
}

/// A deletion is named by an id alone.
protocol ResourceDeleteRequest: ResourceChangeRequest {
    var id: String { get }
}

extension NovitaiV1.CreateTemplateRequest: ResourceChangeRequest {}
extension NovitaiV1.CreateRegistryCredentialRequest: ResourceChangeRequest {}
extension NovitaiV1.CreateNetworkVolumeRequest: ResourceChangeRequest {}
extension NovitaiV1.CreateNetworkRequest: ResourceChangeRequest {}
extension NovitaiV1.CreateImagePrewarmRequest: ResourceChangeRequest {}
extension NovitaiV1.UpdateNetworkVolumeRequest: ResourceChangeRequest {}
extension NovitaiV1.UpdateTemplateRequest: ResourceChangeRequest {}
extension NovitaiV1.DeleteTemplateRequest: ResourceDeleteRequest {}
extension NovitaiV1.DeleteRegistryCredentialRequest: ResourceDeleteRequest {}
extension NovitaiV1.DeleteNetworkVolumeRequest: ResourceDeleteRequest {}
extension NovitaiV1.DeleteNetworkRequest: ResourceDeleteRequest {}
extension NovitaiV1.DeleteImagePrewarmRequest: ResourceDeleteRequest {}

extension CatalogHandlers {
    /// A change that is let through: its request id, and the payload that goes with it.
    struct Change {
        var key: RequestKey
        var digest: [UInt8]
        var isValidateOnly: Bool
    }

    /// - Parameter secretMap: what the payload holds besides its message; see `PayloadDigest`.
    func begin<Request: ResourceChangeRequest>(
        _ request: Request, payload: Request? = nil, map: [String: String] = [:], _ violations: [FieldViolation], _ context: ServerContext
    ) throws -> Change {
        let key = RequestKey(
            tenant: try self.backend.tenant(of: context), method: context.method.method,
            requestID: self.backend.requestID(request.requestId))
        try InstanceHandlers.check(SpecRules.violations(ofRequestID: key.requestID) + violations)
        var rest = payload ?? request
        (rest.requestId, rest.validateOnly) = ("", false)
        let digest = try PayloadDigest.of(rest, method: key.method, map: map)
        try self.requests.check(key, digest)
        return Change(key: key, digest: digest, isValidateOnly: request.validateOnly)
    }

    /// Makes something, unless it is there.
    func make<Item>(
        _ wish: ResourceMaker.Wish<Item>, _ change: Change, _ context: ServerContext
    ) async throws -> ResourceMaker.Made<Item>? {
        let deadline = self.backend.cloudCall(context).deadline
        if change.isValidateOnly, let refusal = self.backend.view.control.refusal(of: .begin) { throw StoreError.controlled(refusal) }
        do {
            let audit = try self.audit(change, "\(wish.subject) is asked for", context)
            let made = try await self.maker.make(wish, audit: audit, deadline: deadline, isValidateOnly: change.isValidateOnly)
            if let made, !change.isValidateOnly { self.note(change, wish.subject, isNew: !made.existed, context) }
            return made
        } catch let error as CloudError where error.mayHaveTakenEffect {
            self.requests.note(change.key, change.digest)
            throw error
        }
    }

    /// Runs a deletion or an update; payload and map as for `begin`. - Returns: the request id.
    func apply<Request: ResourceChangeRequest>(
        _ request: Request, payload: Request? = nil, map: [String: String] = [:], _ violations: [FieldViolation], subject: String,
        _ context: ServerContext, _ body: (CloudCall) async throws(CloudError) -> Void
    ) async throws -> String {
        let change = try self.begin(request, payload: payload, map: map, violations, context)
        if let refusal = self.backend.view.control.refusal(of: .obey) { throw StoreError.controlled(refusal) }
        guard !change.isValidateOnly else { return change.key.requestID }
        let entry = try self.audit(change, "\(subject) is to be changed", context)
        _ = try await self.backend.store.commit(Commit(guards: [.permitted(.obey)], audit: [entry]))
        try await body(self.backend.cloudCall(context))
        self.note(change, subject, isNew: true, context)
        return change.key.requestID
    }

    /// What is not there is deleted.
    func delete<Request: ResourceDeleteRequest>(
        _ request: Request, _ kind: String, _ context: ServerContext, _ body: (CloudCall) async throws(CloudError) -> Void
    ) async throws -> String {
        let violations = ResourceRules.violations(request.id, "id", lengths: ResourceRules.nameLengths)
        let subject = "\(kind) \(request.id)"
        let requestID = try await self.apply(request, violations, subject: subject, context) { call throws(CloudError) in
            var call = call
            // A volume costs until it is gone.
            call.priority = .release
            do throws(CloudError) { try await body(call) } catch { if error.code != .notFound { throw error } }
        }
        if !request.validateOnly { try await self.maker.deleted(subject) }
        return requestID
    }

    private func audit(_ change: Change, _ effect: String, _ context: ServerContext) throws -> AuditEntry {
        AuditEntry(
            at: self.backend.clock.now, tenant: change.key.tenant, actor: try self.backend.caller(of: context).id,
            action: change.key.method, cause: AuditEntry.requested, effect: effect, requestID: change.key.requestID)
    }

    private func note(_ change: Change, _ subject: String, isNew: Bool, _ context: ServerContext) {
        self.requests.note(change.key, change.digest)
        let principal = (try? self.backend.caller(of: context))?.id ?? ""
        self.backend.log.info(
            "account changed",
            metadata: [
                "method": "\(change.key.method)", "request_id": "\(change.key.requestID)", "call_id": "\(context.callID)",
                "principal": "\(principal)", "tenant": "\(change.key.tenant)", "subject": "\(subject)", "repeated": "\(!isNew)",
            ])
    }
}
