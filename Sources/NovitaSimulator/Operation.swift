/// The endpoints that are served.
package enum Endpoint: CaseIterable, Hashable, Sendable {
    case listClusters, listProducts, createInstance, listInstances, getInstance
    case startInstance, stopInstance, restartInstance, deleteInstance, getBalance

    package enum Family: String, Sendable {
        case v1 = "/gpu-instance/openapi/v1"
        case open = "/openapi/v1"
    }

    package var family: Family { self == .getBalance ? .open : .v1 }

    package var method: String {
        switch self {
        case .listClusters, .listProducts, .listInstances, .getInstance, .getBalance: "GET"
        case .createInstance, .startInstance, .stopInstance, .restartInstance, .deleteInstance: "POST"
        }
    }

    /// Below the family's base.
    package var path: String {
        switch self {
        case .listClusters: "/clusters"
        case .listProducts: "/products"
        case .createInstance: "/gpu/instance/create"
        case .listInstances: "/gpu/instances"
        case .getInstance: "/gpu/instance"
        case .startInstance: "/gpu/instance/start"
        case .stopInstance: "/gpu/instance/stop"
        case .restartInstance: "/gpu/instance/restart"
        case .deleteInstance: "/gpu/instance/delete"
        case .getBalance: "/billing/balance/detail"
        }
    }

    package var fullPath: String { self.family.rawValue + self.path }
}

/// One call of the API.
package enum Operation: Sendable {
    case listClusters
    case listProducts(ProductQuery)
    case createInstance(CreateRequest)
    case listInstances(InstanceQuery)
    case getInstance(id: String)
    case startInstance(id: String)
    case stopInstance(id: String)
    case restartInstance(id: String)
    case deleteInstance(id: String)
    case getBalance
    /// A call that the REST face could not read (unknown path, no key, bad JSON). It is counted and meets faults like any other.
    case unreadable(method: String, path: String, error: APIError)

    package var endpoint: Endpoint? {
        switch self {
        case .listClusters: .listClusters
        case .listProducts: .listProducts
        case .createInstance: .createInstance
        case .listInstances: .listInstances
        case .getInstance: .getInstance
        case .startInstance: .startInstance
        case .stopInstance: .stopInstance
        case .restartInstance: .restartInstance
        case .deleteInstance: .deleteInstance
        case .getBalance: .getBalance
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
        case .getInstance(let id), .startInstance(let id), .stopInstance(let id), .restartInstance(let id), .deleteInstance(let id): id
        case .listClusters, .listProducts, .getBalance, .unreadable: ""
        }
    }
}

/// What a call that succeeded answers.
package enum Reply: Sendable {
    case clusters([Cluster], offered: [String: [String]])
    case products([ProductOffer])
    case created(id: String)
    case instances(InstancePage)
    case instance(Machine)
    /// Start, stop and restart: the id and the status word.
    case accepted(id: String, status: InstanceStatus)
    /// Delete: no body.
    case empty
    case balance(Balance)
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
