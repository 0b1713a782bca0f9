internal import NovitaSimulator

/// Templates, credentials, volumes, networks and prewarmed images.
extension APIRequest {
    func resourceOperation(on endpoint: Endpoint) throws(APIError) -> Operation {
        if let call = try self.resourceCall(on: endpoint) { return .resource(call) }
        return try self.changeOperation(on: endpoint)
    }

    private func resourceCall(on endpoint: Endpoint) throws(APIError) -> ResourceCall? {
        let body = try FieldReader(body: self.body)
        switch endpoint {
        case .listTemplates: return .listTemplates(try self.templateQuery())
        case .getTemplate: return .getTemplate(id: self.query["templateId"] ?? "")
        case .createTemplate: return .createTemplate(try Self.template(body))
        case .updateTemplate:
            return .updateTemplate(id: try body.object("template")?.string("Id") ?? "", try Self.template(body))
        case .deleteTemplate: return .deleteTemplate(id: try body.string("templateId"))
        case .listCredentials: return .listCredentials
        case .saveCredential:
            return .saveCredential(
                name: try body.string("name"), username: try body.string("username"), password: try body.string("password"))
        case .deleteCredential: return .deleteCredential(id: try body.string("id"))
        case .listStorages: return .listStorages(try self.storageQuery())
        case .createStorage:
            return .createStorage(
                clusterID: try body.string("clusterId"), name: try body.string("storageName"), size: try body.integer("storageSize") ?? 0)
        case .updateStorage:
            return .updateStorage(
                id: try body.string("storageId"), name: try body.string("storageName"), size: try body.integer("storageSize") ?? 0)
        case .deleteStorage: return .deleteStorage(id: try body.string("storageId"))
        default: return try self.networkOrPrewarmCall(on: endpoint, body)
        }
    }

    private func networkOrPrewarmCall(on endpoint: Endpoint, _ body: FieldReader) throws(APIError) -> ResourceCall? {
        switch endpoint {
        case .listNetworks: return .listNetworks(name: self.query["name"] ?? "", try self.page("pageNum"))
        case .getNetwork: return .getNetwork(id: self.query["networkId"] ?? "")
        case .createNetwork: return .createNetwork(clusterID: try body.string("clusterId"), name: try body.string("name"))
        case .updateNetwork: return .updateNetwork(id: try body.string("networkId"), name: try body.string("name"))
        case .deleteNetwork: return .deleteNetwork(id: try body.string("networkId"))
        case .listPrewarms: return .listPrewarms(try self.prewarmQuery())
        case .createPrewarm: return .createPrewarm(try Self.prewarm(body))
        case .editPrewarm: return .editPrewarm(id: try body.string("id"), note: try body.string("note"))
        case .deletePrewarms: return .deletePrewarms(ids: try body.strings("ids"))
        case .getPrewarmQuota: return .getPrewarmQuota
        default: return nil
        }
    }

    private func templateQuery() throws(APIError) -> TemplateQuery {
        var query = TemplateQuery()
        query.page = try self.page("pageNum", isOneBased: true)
        query.name = self.query["name"] ?? ""
        query.type = self.query["type"] ?? ""
        query.channels = (self.query["channel"] ?? "").split(separator: ",").map(String.init)
        return query
    }

    private func storageQuery() throws(APIError) -> StorageQuery {
        var query = StorageQuery()
        query.page = try self.page("pageNo")
        query.name = self.query["storageName"] ?? ""
        query.id = self.query["storageId"] ?? ""
        return query
    }

    private func prewarmQuery() throws(APIError) -> PrewarmQuery {
        var query = PrewarmQuery()
        query.page = try self.page("page", isOneBased: true)
        query.state = self.query["state"] ?? ""
        query.clusterID = self.query["clusterId"] ?? ""
        query.name = self.query["name"] ?? ""
        return query
    }

    private static func template(_ body: FieldReader) throws(APIError) -> Template {
        guard let fields = try body.object("template") else { throw .invalid("template", "value is required") }
        var template = Template()
        template.name = try fields.string("name")
        template.readme = try fields.string("readme")
        template.type = try fields.string("type")
        template.channel = try fields.string("channel")
        template.image = try fields.string("image")
        template.imageAuth = try fields.string("imageAuth")
        template.startCommand = try fields.string("startCommand")
        template.rootfsSize = try fields.integer("rootfsSize") ?? 60
        template.minCudaVersion = try fields.string("minCudaVersion")
        for variable in try fields.list("envs") {
            template.environment.append(EnvironmentVariable(key: try variable.string("key"), value: try variable.string("value")))
        }
        for group in try fields.list("ports") {
            guard let kind = ExposedPort.Kind(rawValue: try group.string("type")) else {
                throw .invalid("template.ports.type", "value must be one of [http, tcp]")
            }
            template.ports += try group.integers("ports").map { ExposedPort(number: $0, kind: kind) }
        }
        return template
    }

    private static func prewarm(_ body: FieldReader) throws(APIError) -> PrewarmRequest {
        var request = PrewarmRequest()
        request.imageURL = try body.string("imageUrl")
        request.repositoryAuth = try body.string("repositoryAuth")
        request.clusterID = try body.string("clusterId")
        request.productIDs = try body.strings("productIds")
        request.note = try body.string("note")
        return request
    }
}
