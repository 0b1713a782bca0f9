package import Fleet
internal import JSONText

// MARK: - Templates

extension NovitaCloud {
    package func templates(isFresh: Bool, call: CloudCall) async throws(CloudError) -> Fetched<[Template]> {
        let list = PagedList(path: "/templates", keys: ["template", "templates", "data"], isOneBased: true)
        return try await self.list(list, self.resources.templates, isFresh: isFresh, call) { Template($0) }
    }

    /// A new template shows in the list only after a while: this read is never cached.
    package func template(_ id: TemplateID, call: CloudCall) async throws(CloudError) -> Template? {
        let request = APIRequest.get("/template", query: [("templateId", id.rawValue)])
        return try await self.read(request, call) { reply in
            Template(reply["template"].elements.first ?? reply).flatMap { $0.id == id ? $0 : nil }
        }
    }

    package func createTemplate(_ draft: TemplateDraft, call: CloudCall) async throws(CloudError) -> TemplateID {
        defer { self.resources.templates.clear() }
        let body = JSON.object(("template", draft.json))
        let id = try await self.make("/template/create", body, idKeys: ["templateId", "id"], secrets: draft.environment.secrets, call)
        guard let id else { throw CloudError(.malformedReply, "the reply to a new template holds no id", mayHaveTakenEffect: true) }
        return TemplateID(rawValue: id)
    }

    package func deleteTemplate(_ id: TemplateID, call: CloudCall) async throws(CloudError) {
        defer { self.resources.templates.clear() }
        try await self.post("/template/delete", .object(("templateId", .string(id.rawValue))), .always, call)
    }
}

extension TemplateDraft {
    /// Ports of one protocol stand together here, unlike anywhere else in the API.
    fileprivate var json: JSON {
        let groups = [PortProtocol.http, .tcp].compactMap { kind -> JSON? in
            let ports = self.ports.filter { $0.protocol == kind }.map { JSON.integer($0.port) }
            return ports.isEmpty ? nil : .object(("type", .string(kind.rawValue)), ("ports", .array(ports)))
        }
        let variables = self.environment.values.sorted { $0.key < $1.key }
            .map { JSON.object(("key", .string($0.key)), ("value", .string($0.value))) }
        return .object(
            ("name", .string(self.name)), ("readme", .string(self.readme)), ("type", .string("instance")), ("channel", .string("private")),
            ("image", .string(self.image)), ("imageAuth", .string(self.registryCredentialID)), ("startCommand", .string(self.command)),
            ("rootfsSize", .integer(self.diskGB)), ("volumes", .array([])), ("ports", .array(groups)), ("envs", .array(variables)),
            ("minCudaVersion", .string(self.minCUDAVersion)))
    }
}

extension Template {
    /// Nil without an id.
    fileprivate init?(_ json: JSON) {
        let id = json["id"].string
        guard !id.isEmpty else { return nil }
        let variables = json["envs"].elements.map { ($0["key"].string, $0["value"].string) }.filter { !$0.0.isEmpty }
        let content = TemplateDraft(
            name: json["name"].string, readme: json["readme"].string, image: json["image"].string,
            registryCredentialID: json["imageAuth"].string, command: json["startCommand"].string, diskGB: json["rootfsSize"].integer ?? 0,
            ports: json["ports"].elements.flatMap { Self.ports($0) },
            environment: InstanceEnvironment(Dictionary(variables) { first, _ in first }), minCUDAVersion: json["minCudaVersion"].string)
        self.init(
            id: TemplateID(rawValue: id), content: content, channel: json["channel"].string,
            createdAt: json["createdAt"].timestamp ?? json["createTime"].timestamp)
    }

    /// Ports of a protocol that is none of ours, such as UDP, are left out.
    private static func ports(_ group: JSON) -> [PortSpec] {
        guard let kind = PortProtocol(rawValue: group["type"].string.lowercased()) else { return [] }
        return group["ports"].elements.compactMap { port in port.integer.map { PortSpec(port: $0, protocol: kind) } }
    }
}
