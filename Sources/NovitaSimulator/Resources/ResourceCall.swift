/// A call about what an account keeps besides machines.
package enum ResourceCall: Sendable {
    case listTemplates(TemplateQuery)
    case getTemplate(id: String)
    case createTemplate(Template)
    case updateTemplate(id: String, Template)
    case deleteTemplate(id: String)
    case listCredentials
    case saveCredential(name: String, username: String, password: String)
    case deleteCredential(id: String)
    case listStorages(StorageQuery)
    case createStorage(clusterID: String, name: String, size: Int)
    case updateStorage(id: String, name: String, size: Int)
    case deleteStorage(id: String)
    case listNetworks(name: String, PageQuery)
    case getNetwork(id: String)
    case createNetwork(clusterID: String, name: String)
    case updateNetwork(id: String, name: String)
    case deleteNetwork(id: String)
    case listPrewarms(PrewarmQuery)
    case createPrewarm(PrewarmRequest)
    case editPrewarm(id: String, note: String)
    case deletePrewarms(ids: [String])
    case getPrewarmQuota

    package var endpoint: Endpoint {
        switch self {
        case .listTemplates: .listTemplates
        case .getTemplate: .getTemplate
        case .createTemplate: .createTemplate
        case .updateTemplate: .updateTemplate
        case .deleteTemplate: .deleteTemplate
        case .listCredentials: .listCredentials
        case .saveCredential: .saveCredential
        case .deleteCredential: .deleteCredential
        case .listStorages: .listStorages
        case .createStorage: .createStorage
        case .updateStorage: .updateStorage
        case .deleteStorage: .deleteStorage
        case .listNetworks: .listNetworks
        case .getNetwork: .getNetwork
        case .createNetwork: .createNetwork
        case .updateNetwork: .updateNetwork
        case .deleteNetwork: .deleteNetwork
        case .listPrewarms: .listPrewarms
        case .createPrewarm: .createPrewarm
        case .editPrewarm: .editPrewarm
        case .deletePrewarms: .deletePrewarms
        case .getPrewarmQuota: .getPrewarmQuota
        }
    }

    /// The id or name that it names; empty for none.
    package var subject: String {
        switch self {
        case .getTemplate(let id), .updateTemplate(let id, _), .deleteTemplate(let id), .deleteCredential(let id),
            .updateStorage(let id, _, _), .deleteStorage(let id), .getNetwork(let id), .updateNetwork(let id, _), .deleteNetwork(let id),
            .editPrewarm(let id, _):
            id
        case .createTemplate(let template): template.name
        case .saveCredential(let name, _, _), .createStorage(_, let name, _), .createNetwork(_, let name): name
        case .createPrewarm(let request): request.imageURL
        case .deletePrewarms(let ids): ids.joined(separator: ",")
        case .listTemplates, .listCredentials, .listStorages, .listNetworks, .listPrewarms, .getPrewarmQuota: ""
        }
    }
}

/// Empty means "any".
package struct TemplateQuery: Hashable, Sendable {
    package var page = PageQuery(isOneBased: true)
    package var name = ""
    package var type = ""
    package var channels: [String] = []

    package init() {}
}

package struct StorageQuery: Hashable, Sendable {
    package var page = PageQuery()
    package var name = ""
    package var id = ""

    package init() {}
}

package struct PrewarmQuery: Hashable, Sendable {
    package var page = PageQuery(isOneBased: true)
    package var state = ""
    package var clusterID = ""
    package var name = ""

    package init() {}
}

package struct PrewarmRequest: Hashable, Sendable {
    package var imageURL = ""
    package var repositoryAuth = ""
    package var clusterID = ""
    /// Empty: every product of the cluster.
    package var productIDs: [String] = []
    package var note = ""

    package init() {}
}

/// What such a call answers.
package enum ResourceReply: Sendable {
    case templates([Template], page: PageQuery, total: Int)
    case template(Template)
    case templateID(String)
    case credentials([RegistryCredential])
    case storages([(storage: NetworkStorage, cluster: Cluster)], total: Int)
    case storage(NetworkStorage)
    case networks([NetworkView], total: Int)
    case network(NetworkView)
    case prewarms([(task: ImagePrewarm, cluster: Cluster)], total: Int)
    case prewarmID(String)
    case prewarmQuota(total: Int, limit: Int, imageSizeMax: Int)
    case done
}

/// A network with what is in it.
package struct NetworkView: Sendable {
    package var network: VPCNetwork
    package var isReady: Bool
    package var addresses: [(machineID: String, ip: String)]
}
