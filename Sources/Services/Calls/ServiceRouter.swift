internal import Access
package import Fleet
internal import NovitaiProto
package import RPCCore
package import Telemetry

/// Everything that a server offers, behind one door.
package enum ServiceRouter {
    /// - Parameters:
    ///   - access: who may call what.
    ///   - health: learns the names of all services.
    ///   - metrics: is given what the calls measure.
    ///   - directory: will know the server, once it has been made of the router, and the channels.
    ///   - tracer: nil traces no call.
    ///   - backups: nil for a store that is backed up by other means.
    package static func make(
        _ backend: Backend, facts: ServerFacts, board: HealthBoard, health: HealthRegistry, access: AccessInterceptor,
        metrics: MetricsRegistry, directory: DiagnosticsDirectory, tracer: CallTracer? = nil, backups: (any BackupSource)? = nil
    ) throws -> Router {
        var router = Router()
        InstanceHandlers(backend).registerAll(in: &router)
        JobHandlers(backend).registerAll(in: &router)
        CatalogHandlers(backend).register(in: &router)
        WebhookHandlers(backend).register(in: &router)
        AdminHandlers(backend, facts: facts, board: board, metrics: metrics, backups: backups).register(in: &router)
        HealthService(health).register(in: &router)
        ChannelzService(directory, clock: backend.clock).register(in: &router)
        ReflectionService.register(in: &router, try DescriptorIndex(descriptorSet: descriptorSet))
        for service in router.services { health.set(.notServing, for: service) }
        // First, so that what the others log has its place in the trace.
        if let tracer { router.add(tracer) }
        router.add(metrics.register(CallObserver(methods: self.methods, log: backend.log)))
        router.add(access)
        return router
    }

    static let methods =
        NovitaiV1.InstanceService.methods + NovitaiV1.JobService.methods + NovitaiV1.CatalogService.methods + NovitaiV1.AdminService.methods
        + NovitaiV1.WebhookService.methods
        + GrpcHealthV1.Health.methods + GrpcChannelzV1.Channelz.methods + GrpcReflectionV1.ServerReflection.methods
        + GrpcReflectionV1Alpha.ServerReflection.methods
}
