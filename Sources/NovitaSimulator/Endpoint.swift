/// The endpoints that are served, in the order of the API's documentation.
package enum Endpoint: CaseIterable, Hashable, Sendable {
    case listClusters, listProducts, listCPUProducts
    case createInstance, listInstances, getInstance, startInstance, stopInstance, restartInstance, deleteInstance
    case editInstance, upgradeInstance, migrateInstance, setAutoMigrate, renewInstance, setAutoRenew, makeMonthly
    case listJobs, saveImage, breakJob, getMetrics
    case listPrewarms, createPrewarm, editPrewarm, deletePrewarms, getPrewarmQuota
    case listCredentials, saveCredential, deleteCredential
    case listNetworks, getNetwork, createNetwork, updateNetwork, deleteNetwork
    case listStorages, createStorage, updateStorage, deleteStorage
    case listTemplates, getTemplate, createTemplate, updateTemplate, deleteTemplate
    case getBalance, listBills

    package enum Family: String, Sendable {
        case v1 = "/gpu-instance/openapi/v1"
        case open = "/openapi/v1"
    }

    package var family: Family {
        switch self {
        case .getMetrics, .getBalance, .listBills: .open
        default: .v1
        }
    }

    package var method: String { self.route.method }

    /// Below the family's base.
    package var path: String { self.route.path }

    package var fullPath: String { self.family.rawValue + self.path }

    private var route: (method: String, path: String) {
        switch self {
        case .listClusters: ("GET", "/clusters")
        case .listProducts: ("GET", "/products")
        case .listCPUProducts: ("GET", "/cpu/products")
        case .createInstance: ("POST", "/gpu/instance/create")
        case .listInstances: ("GET", "/gpu/instances")
        case .getInstance: ("GET", "/gpu/instance")
        case .startInstance: ("POST", "/gpu/instance/start")
        case .stopInstance: ("POST", "/gpu/instance/stop")
        case .restartInstance: ("POST", "/gpu/instance/restart")
        case .deleteInstance: ("POST", "/gpu/instance/delete")
        case .editInstance: ("POST", "/gpu/instance/edit")
        case .upgradeInstance: ("POST", "/gpu/instance/upgrade")
        case .migrateInstance: ("POST", "/gpu/instance/migrate")
        case .setAutoMigrate: ("POST", "/gpu/instance/setAutoMigrate")
        case .renewInstance: ("POST", "/gpu/instance/renewInstance")
        case .setAutoRenew: ("POST", "/gpu/instance/setAutoRenew")
        case .makeMonthly: ("POST", "/gpu/instance/transToMonthlyInstance")
        default: self.resourceRoute
        }
    }

    private var resourceRoute: (method: String, path: String) {
        switch self {
        case .listJobs: ("GET", "/jobs")
        case .saveImage: ("POST", "/job/save/image")
        case .breakJob: ("POST", "/job/break")
        case .getMetrics: ("GET", "/metrics/gpu/instance")
        case .listPrewarms: ("GET", "/image/prewarm")
        case .createPrewarm: ("POST", "/image/prewarm")
        case .editPrewarm: ("POST", "/image/prewarm/edit")
        case .deletePrewarms: ("POST", "/image/prewarm/delete")
        case .getPrewarmQuota: ("GET", "/image/prewarm/quota")
        case .listCredentials: ("GET", "/repository/auths")
        case .saveCredential: ("POST", "/repository/auth/save")
        case .deleteCredential: ("POST", "/repository/auth/delete")
        case .listNetworks: ("GET", "/networks")
        case .getNetwork: ("GET", "/network")
        case .createNetwork: ("POST", "/network/create")
        case .updateNetwork: ("POST", "/network/update")
        case .deleteNetwork: ("POST", "/network/delete")
        case .listStorages: ("GET", "/networkstorages/list")
        case .createStorage: ("POST", "/networkstorage/create")
        case .updateStorage: ("POST", "/networkstorage/update")
        case .deleteStorage: ("POST", "/networkstorage/delete")
        case .listTemplates: ("GET", "/templates")
        case .getTemplate: ("GET", "/template")
        case .createTemplate: ("POST", "/template/create")
        case .updateTemplate: ("POST", "/template/update")
        case .deleteTemplate: ("POST", "/template/delete")
        case .getBalance: ("GET", "/billing/balance/detail")
        case .listBills: ("GET", "/billing/bill/list")
        default: ("GET", "/")
        }
    }
}
