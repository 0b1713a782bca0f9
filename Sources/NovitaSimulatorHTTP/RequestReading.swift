package import NovitaSimulator

/// An HTTP request of the API, as far as the simulator looks at it.
package struct APIRequest: Sendable {
    package var method: String
    package var path: String
    /// Decoded; of equal names the first counts.
    package var query: [String: String]
    package var authorization: String?
    package var body: [UInt8]

    package init(method: String, path: String, query: [String: String] = [:], authorization: String? = nil, body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.query = query
        self.authorization = authorization
        self.body = body
    }

    /// The call that this request makes. One that cannot be read is an operation as well: it is logged, and meets faults.
    /// - Parameter key: the only API key that is good; nil takes any.
    package func operation(key: String?) -> Operation {
        do throws(APIError) {
            try self.authenticate(key: key)
            guard let endpoint = Endpoint.allCases.first(where: { $0.fullPath == self.path && $0.method == self.method }) else {
                throw APIError(status: 404, reason: "RESOURCE_NOT_FOUND", message: "no such path")
            }
            return try self.operation(on: endpoint)
        } catch {
            return .unreadable(method: self.method, path: self.path, error: error)
        }
    }

    private func authenticate(key: String?) throws(APIError) {
        guard let authorization = self.authorization, authorization.hasPrefix("Bearer "), authorization.count > "Bearer ".count else {
            throw APIError(status: 401, reason: "UNAUTHORIZED", message: "unauthorized")
        }
        guard key == nil || authorization == "Bearer \(key ?? "")" else {
            throw APIError(status: 403, reason: "INVALID_API_KEY", message: "invalid api-key")
        }
    }

    private func operation(on endpoint: Endpoint) throws(APIError) -> Operation {
        switch endpoint {
        case .listClusters: .listClusters
        case .listProducts: .listProducts(try self.productQuery())
        case .createInstance: .createInstance(try CreateRequest(reading: FieldReader(body: self.body)))
        case .listInstances: .listInstances(try self.instanceQuery())
        case .getInstance: .getInstance(id: self.query["instanceId"] ?? "")
        case .startInstance: .startInstance(id: try self.instanceID())
        case .stopInstance: .stopInstance(id: try self.instanceID())
        case .restartInstance: .restartInstance(id: try self.instanceID())
        case .deleteInstance: .deleteInstance(id: try self.instanceID())
        case .listCPUProducts: .listCPUProducts(try self.productQuery())
        case .getBalance: .getBalance
        default: try self.resourceOperation(on: endpoint)
        }
    }

    private func instanceID() throws(APIError) -> String {
        try FieldReader(body: self.body).string("instanceId")
    }

    private func productQuery() throws(APIError) -> ProductQuery {
        var query = ProductQuery()
        query.clusterID = self.query["clusterId"] ?? ""
        query.productName = self.query["productName"] ?? ""
        query.gpuCount = try self.integer("gpuNum", in: 0...8) ?? 0
        query.minCPUPerGPU = try self.integer("minCpuPerGpu") ?? 0
        query.minMemoryPerGPU = try self.integer("minMemoryPerGpu") ?? 0
        query.minRootFSSize = try self.integer("minRootFSSize") ?? 0
        if let method = self.query["billingMethod"], !method.isEmpty {
            guard let mode = BillingMode(rawValue: method) else {
                throw .invalid("billingMethod", "value must be one of [onDemand, monthly, spot]")
            }
            query.billingMethod = mode
        }
        return query
    }

    private func instanceQuery() throws(APIError) -> InstanceQuery {
        var query = InstanceQuery(pageSize: try self.integer("pageSize"), pageNumber: try self.integer("pageNum"))
        query.name = self.query["name"] ?? ""
        query.productName = self.query["productName"] ?? ""
        query.status = self.query["status"] ?? ""
        return query
    }

    func integer(_ name: String, in range: ClosedRange<Int> = 0...Int.max) throws(APIError) -> Int? {
        guard let text = self.query[name], !text.isEmpty else { return nil }
        guard let value = Int(text), range.contains(value) else { throw .invalid(name, "expected an integer, got \"\(text)\"") }
        return value
    }
}

extension CreateRequest {
    fileprivate init(reading body: FieldReader) throws(APIError) {
        self.init()
        self.name = try body.string("name")
        self.productID = try body.string("productId")
        self.gpuCount = try body.integer("gpuNum") ?? 0
        self.rootfsSize = try body.integer("rootfsSize")
        self.imageURL = try body.string("imageUrl")
        self.imageAuth = try body.string("imageAuth")
        self.imageAuthID = try body.string("imageAuthId")
        self.ports = try body.string("ports")
        self.command = try body.string("command")
        self.entrypoint = try body.string("entrypoint")
        self.clusterID = try body.string("clusterId")
        self.networkID = try body.string("networkId")
        self.kind = try body.string("kind")
        self.billingMode = try body.string("billingMode")
        self.month = try body.integer("month", in: 0...120) ?? 0
        self.autoRenew = try body.bool("autoRenew")
        self.autoRenewMonth = try body.integer("autoRenewMonth") ?? 0
        self.minCudaVersion = try body.string("minCudaVersion")
        for variable in try body.list("envs") {
            self.environment.append(EnvironmentVariable(key: try variable.string("key"), value: try variable.string("value")))
        }
        for tool in try body.list("tools") {
            self.tools.append(Tool(name: try tool.string("name"), port: try tool.string("port"), type: try tool.string("type")))
        }
        for storage in try body.list("networkStorages") {
            let mountPoint = try storage.string("mountPoint")
            self.networkStorages.append(
                NetworkStorageMount(id: try storage.string("Id"), mountPoint: mountPoint.isEmpty ? "/network" : mountPoint))
        }
    }
}
