internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

extension InstanceHandlers {
    /// Ids that one watch may name.
    static let watchedIDsMax = 1000

    /// Makes all methods callable, those that are called most with what is encoded once for all callers.
    package func registerAll(in router: inout Router) {
        self.register(in: &router)
        router.register(unary: NovitaiV1.InstanceService.getInstance) { (request: NovitaiV1.GetInstanceRequest, context) in
            try self.encodedInstance(request, context: context)
        } otherwise: { request, context in
            try await self.getInstance(request, context: context).framed()
        }
        router.register(serverStreaming: NovitaiV1.InstanceService.watchInstances) {
            (request: NovitaiV1.WatchInstancesRequest, responses: ResponseWriter<WatchResponse>, context: ServerContext) in
            try await self.watch(request, context, sendHeaders: { try await responses.sendHeaders() }) { try await responses.write($0) }
        }
    }

    package func watchInstances(
        _ request: NovitaiV1.WatchInstancesRequest, responses: ResponseWriter<NovitaiV1.WatchInstancesResponse>, context: ServerContext
    ) async throws {
        try await self.watch(request, context, sendHeaders: { try await responses.sendHeaders() }) {
            try await responses.write(try $0.message)
        }
    }

    private func watch(
        _ request: NovitaiV1.WatchInstancesRequest, _ context: ServerContext, sendHeaders: @Sendable () async throws -> Void,
        _ write: @escaping InstanceWatch.Write
    ) async throws {
        try await self.backend.answer(context) {
            let tenant = try self.backend.tenant(of: context)
            guard request.ids.count <= Self.watchedIDsMax else {
                throw FleetError.invalid([FieldViolation("ids", "must have at most \(Self.watchedIDsMax) ids")])
            }
            let watch = try InstanceWatch(request, tenant: tenant, backend: self.backend, events: self.encodedEvents)
            // The caller learns that the watch has begun, though nothing may happen for long.
            try await sendHeaders()
            try await watch.run(write)
        }
    }
}
