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
            let caller = try self.backend.caller(of: context)
            let tenant = TenantID(rawValue: caller.tenant)
            let key = self.backend.requestKey(request.requestId, method: "CreateInstance", tenant)
            if SpecResolution.isNeeded(for: request.spec), let reply = try await self.earlierReply(to: request, key) { return reply }
            let wanted = try await self.requestedSpec(request.spec, context: context)
            let new = Admission.NewInstance(
                tenant: tenant, owner: Owner(caller), name: request.name, spec: wanted.spec, environment: wanted.environment,
                labels: request.labels, deletionProtection: request.deletionProtection,
                policies: InstancePolicies(request.policies, default: self.backend.settings))
            let labels = Self.nulViolations(inLabels: request.labels)
            let now = self.backend.clock.now
            var times = SpecRules.violations(of: new.policies, at: now) + SpecRules.violations(ofCapacityWait: new.spec, at: now)
            // What lay ahead when a request was accepted may be over when it is repeated, and is no reason then to call its machine not made.
            if !times.isEmpty, try await self.backend.store.request(key) != nil { times = [] }
            let known =
                SpecRules.violations(ofRequestID: key.requestID) + times + InstancePolicies.unknownRecovery(in: request.policies)
                + wanted.violations + labels + Admission.violations(of: new)
            let planner = try await self.planner(for: key, known: known, spec: wanted.spec, context)
            let reply = try await self.backend.mutations.create(
                new, planner: planner, request: key, payloadDigest: try PayloadDigest.of(request),
                actor: try self.backend.caller(of: context).id, isValidateOnly: request.validateOnly)
            self.note(reply, key, isValidateOnly: request.validateOnly, context)
            return NovitaiV1.CreateInstanceResponse(reply, requestID: key.requestID)
        }
    }

    /// What the request was answered before, without looking at what it names: that may be gone by now.
    private func earlierReply(
        to request: NovitaiV1.CreateInstanceRequest, _ key: RequestKey
    ) async throws -> NovitaiV1.CreateInstanceResponse? {
        let reply = try await self.backend.mutations.earlierReply(to: key, payloadDigest: try PayloadDigest.of(request))
        return reply.map { NovitaiV1.CreateInstanceResponse($0, requestID: key.requestID) }
    }

    /// Suspends for one sign in a minute and no more; see `Mutations.touch`.
    package func touchInstance(
        _ request: NovitaiV1.TouchInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.TouchInstanceResponse {
        try await self.backend.answer(context, about: request.id) {
            let tenant = try self.backend.tenant(of: context)
            guard var instance = self.known(request.id, of: tenant), !instance.state.isFinal else {
                throw ErrorDetails.notFound("novitai.v1.Instance", request.id).error
            }
            let now = self.backend.clock.now
            if instance.policies != nil { try await self.backend.mutations.touch(instance.id, at: now) }
            instance.touch(at: now)
            var response = NovitaiV1.TouchInstanceResponse()
            response.touchTime = GoogleProtobuf.Timestamp(now)
            response.nextAction = instance.nextAction.map { NovitaiV1.NextAction($0) }
            return response
        }
    }

    package func startInstance(
        _ request: NovitaiV1.StartInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.StartInstanceResponse {
        try await self.apply(.start, request, method: "StartInstance", context)
    }

    package func stopInstance(
        _ request: NovitaiV1.StopInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.StopInstanceResponse {
        try await self.apply(.stop, request, method: "StopInstance", context)
    }

    package func restartInstance(
        _ request: NovitaiV1.RestartInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.RestartInstanceResponse {
        try await self.apply(.restart, request, method: "RestartInstance", context)
    }

    package func deleteInstance(
        _ request: NovitaiV1.DeleteInstanceRequest, context: ServerContext
    ) async throws -> NovitaiV1.DeleteInstanceResponse {
        try await self.apply(.delete, request, method: "DeleteInstance", force: request.force, context)
    }

    private func apply<Request: ChangeRequest, Response: ChangeResponse>(
        _ change: Admission.Change, _ request: Request, method: String, force: Bool = false, _ context: ServerContext
    ) async throws -> Response {
        try await self.backend.answer(context, about: request.id) {
            let tenant = try self.backend.tenant(of: context)
            let key = self.backend.requestKey(request.requestId, method: method, tenant)
            var violations = SpecRules.violations(ofRequestID: key.requestID)
            if request.id.isEmpty { violations.append(FieldViolation("id", "is required")) }
            if request.expectedRevision < 0 { violations.append(FieldViolation("expected_revision", "must not be negative")) }
            try Self.check(violations)
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let reply = try await self.backend.mutations.change(
                change, of: self.known(request.id, of: tenant)?.id ?? InstanceID(rawValue: request.id),
                expectedRevision: request.expectedRevision == 0 ? nil : Revision(request.expectedRevision), force: force, request: key,
                payloadDigest: try PayloadDigest.of(payload, method: method), actor: try self.backend.caller(of: context).id,
                isValidateOnly: request.validateOnly)
            self.note(reply, key, isValidateOnly: request.validateOnly, context)
            return Response(reply, requestID: key.requestID)
        }
    }

    /// Offers to place a new instance on. All violations are reported together, those of names that nobody offers included. A call that
    /// was answered before is answered again without them: the provider may be away, or offer something else by now.
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
        let unknown = planner.unknownNames(in: spec)
        let isRepeat = unknown.isEmpty ? false : try await self.backend.store.request(key) != nil
        try Self.check(violations + (isRepeat ? [] : unknown))
        return planner
    }

    private static func nulViolations(inLabels labels: [String: String]) -> [FieldViolation] {
        labels.contains { $0.key.utf8.contains(0) || $0.value.utf8.contains(0) } ? [FieldViolation("labels", "must not hold a NUL")] : []
    }

    func note(_ reply: Mutations.Reply, _ key: RequestKey, isValidateOnly: Bool, _ context: ServerContext) {
        guard !isValidateOnly else { return }
        let principal = (try? self.backend.caller(of: context))?.id ?? ""
        self.backend.log.info(
            "change accepted",
            metadata: [
                "method": "\(key.method)", "request_id": "\(key.requestID)", "call_id": "\(context.callID)", "principal": "\(principal)",
                "tenant": "\(key.tenant)", "instance_id": "\(reply.instance.id)", "job_id": "\(reply.job.id)",
                "repeated": "\(reply.isRepeat)",
            ])
    }
}

extension Owner {
    /// A limit that is not set stands as one that is never reached.
    init(_ principal: Principal) {
        let limits = principal.limits
        var ceilings: Ceilings?
        if limits.maxInstances != nil || limits.maxHourlySpendMicros != nil {
            ceilings = Ceilings(
                maxInstances: limits.maxInstances ?? .max, maxHourlySpend: MicroUSD(micros: limits.maxHourlySpendMicros ?? .max))
        }
        self.init(principal: PrincipalID(rawValue: principal.id), ceilings: ceilings)
    }
}

/// What start, stop, restart and delete ask alike.
private protocol ChangeRequest: ProtobufMessage {
    var requestId: String { get set }
    var validateOnly: Bool { get set }
    /// An id or a name.
    var id: String { get }
    /// 0 checks nothing.
    var expectedRevision: Int64 { get }
}

extension NovitaiV1.StartInstanceRequest: ChangeRequest {}
extension NovitaiV1.StopInstanceRequest: ChangeRequest {}
extension NovitaiV1.RestartInstanceRequest: ChangeRequest {}
extension NovitaiV1.DeleteInstanceRequest: ChangeRequest {}

/// What every accepted change is answered with.
protocol ChangeResponse: ProtobufMessage {
    var instance: NovitaiV1.Instance? { get set }
    var job: NovitaiV1.Job? { get set }
    var requestId: String { get set }
}

extension ChangeResponse {
    init(_ reply: Mutations.Reply, requestID: String) {
        self.init()
        self.instance = NovitaiV1.Instance(reply.instance)
        self.job = NovitaiV1.Job(reply.job)
        self.requestId = requestID
    }
}

extension NovitaiV1.CreateInstanceResponse: ChangeResponse {}
extension NovitaiV1.StartInstanceResponse: ChangeResponse {}
extension NovitaiV1.StopInstanceResponse: ChangeResponse {}
extension NovitaiV1.RestartInstanceResponse: ChangeResponse {}
extension NovitaiV1.DeleteInstanceResponse: ChangeResponse {}
extension NovitaiV1.MigrateInstanceResponse: ChangeResponse {}
extension NovitaiV1.SaveInstanceImageResponse: ChangeResponse {}
extension NovitaiV1.UpdateInstanceResponse: ChangeResponse {}
