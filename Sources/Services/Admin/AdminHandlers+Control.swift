internal import Fleet
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
            let caller = try self.backend.mutation(request.requestId, "SetFreeze", payload, context)
            let control = try await self.backend.governor.setFreeze(
                request.frozen, reason: request.reason, by: caller, isValidateOnly: request.validateOnly)
            if !request.validateOnly { self.backend.note(caller, context) }
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
            let caller = try self.backend.mutation(request.requestId, "ActivateDeployment", payload, context)
            let control = try await self.backend.governor.activate(
                DeploymentID(rawValue: request.deploymentId), reason: request.reason, by: caller, isValidateOnly: request.validateOnly)
            if !request.validateOnly { self.backend.note(caller, context) }
            var response = NovitaiV1.ActivateDeploymentResponse()
            response.control = NovitaiV1.FleetControl(control)
            response.requestId = caller.request.requestID
            return response
        }
    }
}
