internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

extension InstanceHandlers {
    /// Makes all methods callable, those that are called most with what is encoded once for all callers.
    package func registerAll(in router: inout Router) {
        self.register(in: &router)
        router.register(unary: NovitaiV1.InstanceService.getInstance) { (request: NovitaiV1.GetInstanceRequest, context) in
            try self.encodedInstance(request, context: context)
        } otherwise: { request, context in
            try await self.getInstance(request, context: context).framed()
        }
        router.register(framing: NovitaiV1.InstanceService.listInstances) { (request: NovitaiV1.ListInstancesRequest, context) in
            try await self.list(request, context) { try $0.framed(by: context.responseCodec) }
        }
        router.register(serverStreaming: NovitaiV1.InstanceService.watchInstances) {
            (request: NovitaiV1.WatchInstancesRequest, responses: ResponseWriter<InstanceSubject.Response>, context: ServerContext) in
            try await self.watch(request, context, responses.prompt, sendHeaders: { try await responses.sendHeaders() }) {
                try await responses.write($0)
            }
        }
    }

    package func watchInstances(
        _ request: NovitaiV1.WatchInstancesRequest, responses: ResponseWriter<NovitaiV1.WatchInstancesResponse>, context: ServerContext
    ) async throws {
        try await self.watch(request, context, responses.prompt, sendHeaders: { try await responses.sendHeaders() }) {
            try await responses.write(try $0.message)
        }
    }

    private func watch(
        _ request: NovitaiV1.WatchInstancesRequest, _ context: ServerContext, _ prompt: PromptWriter?,
        sendHeaders: @Sendable () async throws -> Void,
        _ write: @escaping Watch<InstanceSubject>.Write
    ) async throws {
        try await self.backend.answer(context) {
            let tenant = try self.backend.tenant(of: context)
            let options = try WatchOptions(
                everyChange: request.everyChange, bookmarkInterval: request.bookmarkInterval, resumeToken: request.resumeToken,
                ids: request.ids, backend: self.backend)
            let subject = try InstanceSubject(
                request, tenant: tenant, isResumed: options.resumeAfter != nil, view: self.backend.view, encoder: self.encodedEvents)
            let watch = Watch(subject, options, backend: self.backend, live: self.liveWatches)
            // The caller learns that the watch has begun, though nothing may happen for long.
            try await sendHeaders()
            try await watch.run(context, prompt: prompt, write)
        }
    }
}
