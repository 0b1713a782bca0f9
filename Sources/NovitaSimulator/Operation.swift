/// One call of the API.
package enum Operation: Sendable {
    case listClusters
    case listProducts(ProductQuery)
    case listCPUProducts(ProductQuery)
    case createInstance(CreateRequest)
    case listInstances(InstanceQuery)
    case getInstance(id: String)
    case startInstance(id: String)
    case stopInstance(id: String)
    case restartInstance(id: String)
    case deleteInstance(id: String)
    case editInstance(EditRequest)
    case upgradeInstance(UpgradeRequest)
    case migrateInstance(id: String)
    case changeTerms(TermsRequest)
    case listJobs(JobQuery)
    case saveImage(SaveImageRequest)
    case breakJob(id: String)
    case getMetrics(MetricQuery)
    case resource(ResourceCall)
    case getBalance
    case listBills(BillQuery)
    /// A call that the REST face could not read (unknown path, no key, bad JSON). It is counted and meets faults like any other.
    case unreadable(method: String, path: String, error: APIError)

    package var endpoint: Endpoint? {
        switch self {
        case .listClusters: .listClusters
        case .listProducts: .listProducts
        case .listCPUProducts: .listCPUProducts
        case .createInstance: .createInstance
        case .listInstances: .listInstances
        case .getInstance: .getInstance
        case .startInstance: .startInstance
        case .stopInstance: .stopInstance
        case .restartInstance: .restartInstance
        case .deleteInstance: .deleteInstance
        case .editInstance: .editInstance
        case .upgradeInstance: .upgradeInstance
        case .migrateInstance: .migrateInstance
        case .changeTerms(.renew): .renewInstance
        case .changeTerms(.makeMonthly): .makeMonthly
        case .changeTerms(.autoRenew): .setAutoRenew
        case .changeTerms(.autoMigrate): .setAutoMigrate
        case .listJobs: .listJobs
        case .saveImage: .saveImage
        case .breakJob: .breakJob
        case .getMetrics: .getMetrics
        case .resource(let call): call.endpoint
        case .getBalance: .getBalance
        case .listBills: .listBills
        case .unreadable: nil
        }
    }

    package var method: String {
        if case .unreadable(let method, _, _) = self { return method }
        return self.endpoint?.method ?? ""
    }

    package var fullPath: String {
        if case .unreadable(_, let path, _) = self { return path }
        return self.endpoint?.fullPath ?? ""
    }

    /// What the call is about: an instance's id, a name; empty when it is about nothing in particular.
    package var subject: String {
        switch self {
        case .createInstance(let request): request.name
        case .listInstances(let query): query.name
        case .getInstance(let id), .startInstance(let id), .stopInstance(let id), .restartInstance(let id), .deleteInstance(let id),
            .migrateInstance(let id), .breakJob(let id):
            id
        case .editInstance(let request): request.id
        case .upgradeInstance(let request): request.id
        case .saveImage(let request): request.id
        case .getMetrics(let query): query.id
        case .changeTerms(.renew(let id, _)), .changeTerms(.makeMonthly(let id, _)), .changeTerms(.autoMigrate(let id, _, _)): id
        case .changeTerms(.autoRenew(let ids, _)): ids.joined(separator: ",")
        case .resource(let call): call.subject
        case .listClusters, .listProducts, .listCPUProducts, .listJobs, .getBalance, .listBills, .unreadable: ""
        }
    }
}

/// What a call that succeeded answers.
package enum Reply: Sendable {
    case clusters([Cluster], offered: [String: [String]])
    case products([ProductOffer])
    case cpuProducts([ProductOffer])
    case created(id: String)
    case instances(InstancePage)
    case instance(Machine)
    /// Start, stop, restart and upgrade: the id and the status word.
    case accepted(id: String, status: InstanceStatus)
    /// Delete: no body.
    case empty
    /// Edit and the like: an empty object.
    case done
    case jobs([ProviderJob], total: Int)
    case job(id: String)
    case metrics(MachineSeries)
    case resource(ResourceReply)
    case balance(Balance)
    case bills([BillLine])
}

/// What becomes of a call on its way back.
package struct Exchange: Sendable {
    package enum Outcome: Sendable {
        case answered(Result<Reply, APIError>)
        /// A gateway's HTML page with this status.
        case gatewayPage(status: Int)
        /// The connection ends without a word.
        case connectionClosed
    }

    package var outcome: Outcome
    /// How long the caller waits for the outcome. What the call does has been done before.
    package var delay: Duration = .zero
}
