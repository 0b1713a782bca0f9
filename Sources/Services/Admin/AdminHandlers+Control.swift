internal import Access
internal import Fleet
internal import Logging
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

/// What changes or compares the fleet as a whole.
extension AdminHandlers {
    package func reconcileInstances(
        _ request: NovitaiV1.ReconcileInstancesRequest, context: ServerContext
    ) async throws -> NovitaiV1.ReconcileInstancesResponse {
        try await self.backend.answer(context) {
            let reconcile = self.backend.reconcile
            let callID = context.callID
            let report = try await withTaskExecutorPreference(globalConcurrentExecutor) { try await reconcile(request.dryRun, callID) }
            return NovitaiV1.ReconcileInstancesResponse(report)
        }
    }

    package func setFreeze(_ request: NovitaiV1.SetFreezeRequest, context: ServerContext) async throws -> NovitaiV1.SetFreezeResponse {
        try await self.backend.answer(context) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let caller = try self.caller(request.requestId, "SetFreeze", payload, context)
            let control = try await self.backend.governor.setFreeze(
                request.frozen, reason: request.reason, by: caller, isValidateOnly: request.validateOnly)
            self.note(caller, isValidateOnly: request.validateOnly, context)
            var response = NovitaiV1.SetFreezeResponse()
            response.control = NovitaiV1.FleetControl(control)
            response.requestId = caller.request.requestID
            return response
        }
    }

    package func activateDeployment(
        _ request: NovitaiV1.ActivateDeploymentRequest, context: ServerContext
    ) async throws -> NovitaiV1.ActivateDeploymentResponse {
        try await self.backend.answer(context) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let caller = try self.caller(request.requestId, "ActivateDeployment", payload, context)
            let control = try await self.backend.governor.activate(
                DeploymentID(rawValue: request.deploymentId), reason: request.reason, by: caller, isValidateOnly: request.validateOnly)
            self.note(caller, isValidateOnly: request.validateOnly, context)
            var response = NovitaiV1.ActivateDeploymentResponse()
            response.control = NovitaiV1.FleetControl(control)
            response.requestId = caller.request.requestID
            return response
        }
    }

    private func caller(
        _ requestID: String, _ method: String, _ payload: some ProtobufMessage, _ context: ServerContext
    ) throws -> FleetGovernor.Caller {
        let principal = try self.backend.caller(of: context)
        let key = self.backend.requestKey(requestID, method: method, TenantID(rawValue: principal.tenant))
        let violations = SpecRules.violations(ofRequestID: key.requestID)
        guard violations.isEmpty else { throw FleetError.invalid(violations) }
        return FleetGovernor.Caller(
            actor: principal.id, request: key, payloadDigest: try PayloadDigest.of(payload, method: method))
    }

    private func note(_ caller: FleetGovernor.Caller, isValidateOnly: Bool, _ context: ServerContext) {
        guard !isValidateOnly else { return }
        self.backend.log.warning(
            "fleet control changed",
            metadata: [
                "method": "\(caller.request.method)", "request_id": "\(caller.request.requestID)", "call": "\(context.callID)",
                "principal": "\(caller.actor)",
            ])
    }
}
