internal import Access
internal import NovitaiProto
internal import RPCCore

/// The least role of every method. What is not here is denied to everybody.
enum MethodRoles {
    static let table = AuthorizationTable(
        Dictionary(uniqueKeysWithValues: entries.flatMap { role, methods in methods.map { (MethodKey($0), role) } }))

    /// What may be called without a token on a server that wants one: the probes of orchestrators cannot send any, and learn one word.
    static let withoutToken: Set<MethodKey> = [MethodKey(GrpcHealthV1.Health.check)]

    // Every method by its name, so that one which is added later is denied until somebody has thought about it.
    private static let entries: [(Role, [MethodDescriptor])] = [
        (
            .monitor,
            [
                GrpcHealthV1.Health.check, GrpcHealthV1.Health.list, GrpcHealthV1.Health.watch, NovitaiV1.AdminService.getServerInfo,
                NovitaiV1.AdminService.getHealth, NovitaiV1.AdminService.getMetrics,
            ]
        ),
        (
            .viewer,
            [
                GrpcReflectionV1.ServerReflection.serverReflectionInfo, GrpcReflectionV1Alpha.ServerReflection.serverReflectionInfo,
                NovitaiV1.InstanceService.planInstance, NovitaiV1.InstanceService.getInstance, NovitaiV1.InstanceService.listInstances,
                NovitaiV1.InstanceService.batchGetInstances, NovitaiV1.InstanceService.getInstanceMetrics,
                NovitaiV1.InstanceService.watchInstances, NovitaiV1.JobService.getJob, NovitaiV1.JobService.listJobs,
                NovitaiV1.JobService.waitJob, NovitaiV1.JobService.listQueues, NovitaiV1.JobService.watchJobs,
                NovitaiV1.CatalogService.listProducts, NovitaiV1.CatalogService.listRegions,
                NovitaiV1.CatalogService.listTemplates, NovitaiV1.CatalogService.getTemplate,
                NovitaiV1.CatalogService.listRegistryCredentials, NovitaiV1.CatalogService.listNetworkVolumes,
                NovitaiV1.CatalogService.listNetworks, NovitaiV1.CatalogService.listImagePrewarms,
                NovitaiV1.WebhookService.listDeliveries,
            ]
        ),
        (
            .operator,
            [
                NovitaiV1.InstanceService.createInstance, NovitaiV1.InstanceService.startInstance, NovitaiV1.InstanceService.stopInstance,
                NovitaiV1.InstanceService.restartInstance, NovitaiV1.InstanceService.deleteInstance,
                NovitaiV1.InstanceService.batchStopInstances, NovitaiV1.InstanceService.updateInstance,
                NovitaiV1.InstanceService.touchInstance, NovitaiV1.InstanceService.getInstanceAccess,
                NovitaiV1.InstanceService.migrateInstance, NovitaiV1.InstanceService.saveInstanceImage,
                NovitaiV1.InstanceService.changeInstanceBilling,
                NovitaiV1.JobService.cancelJob, NovitaiV1.JobService.retryJob,
                NovitaiV1.CatalogService.createTemplate, NovitaiV1.CatalogService.updateTemplate,
                NovitaiV1.CatalogService.deleteTemplate,
                NovitaiV1.CatalogService.createImagePrewarm, NovitaiV1.CatalogService.deleteImagePrewarm,
                NovitaiV1.WebhookService.redeliverWebhook, NovitaiV1.WebhookService.testWebhook,
            ]
        ),
        // The account is one for all tenants: what holds data or secrets of several is no operator's.
        (
            .admin,
            [
                NovitaiV1.AdminService.reconcileInstances, NovitaiV1.AdminService.setFreeze, NovitaiV1.AdminService.activateDeployment,
                NovitaiV1.AdminService.listAuditEvents, NovitaiV1.JobService.pauseQueue, NovitaiV1.JobService.resumeQueue,
                NovitaiV1.AdminService.createBackup, NovitaiV1.AdminService.listCaches, NovitaiV1.AdminService.clearCache,
                NovitaiV1.CatalogService.createRegistryCredential, NovitaiV1.CatalogService.deleteRegistryCredential,
                NovitaiV1.CatalogService.createNetworkVolume, NovitaiV1.CatalogService.updateNetworkVolume,
                NovitaiV1.CatalogService.deleteNetworkVolume, NovitaiV1.CatalogService.createNetwork,
                NovitaiV1.CatalogService.deleteNetwork,
                // Shows the addresses of everybody's clients.
                GrpcChannelzV1.Channelz.getTopChannels, GrpcChannelzV1.Channelz.getServers, GrpcChannelzV1.Channelz.getServer,
                GrpcChannelzV1.Channelz.getServerSockets, GrpcChannelzV1.Channelz.getChannel, GrpcChannelzV1.Channelz.getSubchannel,
                GrpcChannelzV1.Channelz.getSocket,
            ]
        ),
    ]
}
