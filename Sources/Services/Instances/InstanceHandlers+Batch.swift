internal import Access
internal import Fleet
internal import Logging
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

/// Calls about many instances at once.
extension InstanceHandlers {
    package func batchGetInstances(
        _ request: NovitaiV1.BatchGetInstancesRequest, context: ServerContext
    ) async throws -> NovitaiV1.BatchGetInstancesResponse {
        try await self.backend.answer(context) {
            let tenant = try self.backend.tenant(of: context)
            guard (1...Admission.batchMax).contains(request.ids.count) else {
                throw FleetError.invalid([FieldViolation("ids", "must have 1 to \(Admission.batchMax) items")])
            }
            var response = NovitaiV1.BatchGetInstancesResponse()
            for id in request.ids {
                if let known = self.known(id, of: tenant) {
                    response.instances.append(NovitaiV1.Instance(known))
                } else if let ended = try await self.backend.store.instance(InstanceID(rawValue: id)), ended.tenant == tenant {
                    response.instances.append(NovitaiV1.Instance(ended))
                } else {
                    response.missing.append(id)
                }
            }
            return response
        }
    }

    package func batchStopInstances(
        _ request: NovitaiV1.BatchStopInstancesRequest, context: ServerContext
    ) async throws -> NovitaiV1.BatchStopInstancesResponse {
        try await self.backend.answer(context) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let caller = try self.backend.mutation(request.requestId, "BatchStopInstances", payload, context)
            let predicate = try InstanceQuery.predicate(request.filter)
            // Blanks are no filter: what was meant to name some must not stop all.
            guard request.all == predicate.isEmpty else {
                throw FleetError.invalid([FieldViolation("filter", "give either a filter, or all")])
            }
            let reply = try await self.backend.mutations.stopAll(
                where: predicate.matches, request: caller.request, payloadDigest: caller.payloadDigest, actor: caller.actor,
                isValidateOnly: request.validateOnly)
            if !request.validateOnly { self.backend.note(caller, context) }
            var response = NovitaiV1.BatchStopInstancesResponse()
            response.instances = reply.instances.map { NovitaiV1.Instance($0) }
            response.jobs = reply.jobs.map { NovitaiV1.Job($0) }
            response.requestId = caller.request.requestID
            let billed = reply.instances.filter { $0.state != .stopped && !$0.state.isFinal }
            response.hourlyPrice = NovitaiV1.Money(
                billed.reduce(MicroUSD.zero) { $0 + ($1.placement?.hourlyPrice ?? .zero) })
            return response
        }
    }
}
