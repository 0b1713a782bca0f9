internal import Access
internal import NovitaiProto
internal import RPCCore

/// The least role of every method. What is not here is denied to everybody.
enum MethodRoles {
    static let table = AuthorizationTable(
        Dictionary(uniqueKeysWithValues: entries.flatMap { role, methods in methods.map { (MethodKey($0), role) } }))

    private static let entries = [
        (
            Role.monitor,
            GrpcHealthV1.Health.methods + NovitaiV1.AdminService.methods
        ),
        (
            Role.viewer,
            GrpcReflectionV1.ServerReflection.methods + GrpcReflectionV1Alpha.ServerReflection.methods + NovitaiV1.JobService.methods
                + NovitaiV1.CatalogService.methods + [
                    NovitaiV1.InstanceService.planInstance, NovitaiV1.InstanceService.getInstance, NovitaiV1.InstanceService.listInstances,
                    NovitaiV1.InstanceService.watchInstances,
                ]
        ),
        (
            Role.operator,
            [
                NovitaiV1.InstanceService.createInstance, NovitaiV1.InstanceService.startInstance, NovitaiV1.InstanceService.stopInstance,
                NovitaiV1.InstanceService.restartInstance, NovitaiV1.InstanceService.deleteInstance,
            ]
        ),
    ]
}
