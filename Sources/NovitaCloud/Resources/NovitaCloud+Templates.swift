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

    /// The provider takes a template as a whole: what we have no word for is read before, and sent back as it came.
    package func updateTemplate(_ id: TemplateID, _ draft: TemplateDraft, call: CloudCall) async throws(CloudError) {
        defer { self.resources.templates.clear() }
        let request = APIRequest.get("/template", query: [("templateId", id.rawValue)])
        let before = try await self.read(request, call) { reply in
            let template = reply["template"].elements.first ?? reply
            return template["id"].string == id.rawValue ? template : nil
        }
        guard let before else { throw CloudError(.notFound, "there is no template \(id)") }
        let body = JSON.object(("template", draft.json(for: id, over: before)))
        try await self.post("/template/update", body, .always, secrets: draft.environment.secrets, call)
    }

    package func deleteTemplate(_ id: TemplateID, call: CloudCall) async throws(CloudError) {
        defer { self.resources.templates.clear() }
        try await self.post("/template/delete", .object(("templateId", .string(id.rawValue))), .always, call)
    }
}

extension TemplateDraft {
    fileprivate var json: JSON { .object(self.members()) }

    /// Of a template that is there: its volumes, its tools and its ports of other protocols are none of a draft's.
    fileprivate func json(for id: TemplateID, over before: JSON) -> JSON {
        let others = before["ports"].elements.filter { PortProtocol(rawValue: $0["type"].string.lowercased()) == nil }
        let members = [JSON.Member("Id", .string(id.rawValue))] + self.members(volumes: before["volumes"].elements, otherPorts: others)
        return .object(members + (before["tools"] == .null ? [] : [.init("tools", .array(before["tools"].elements))]))
    }

    /// Ports of one protocol stand together here, unlike anywhere else in the API.
    private func members(volumes: [JSON] = [], otherPorts: [JSON] = []) -> [JSON.Member] {
        let groups = [PortProtocol.http, .tcp].compactMap { kind -> JSON? in
            let ports = self.ports.filter { $0.protocol == kind }.map { JSON.integer($0.port) }
            return ports.isEmpty ? nil : .object(("type", .string(kind.rawValue)), ("ports", .array(ports)))
        }
        let variables = self.environment.values.sorted { $0.key < $1.key }
            .map { JSON.object(("key", .string($0.key)), ("value", .string($0.value))) }
        let members: [(String, JSON)] = [
            ("name", .string(self.name)), ("readme", .string(self.readme)), ("type", .string("instance")), ("channel", .string("private")),
            ("image", .string(self.image)), ("imageAuth", .string(self.registryCredentialID)), ("startCommand", .string(self.command)),
            ("rootfsSize", .integer(self.diskGB)), ("volumes", .array(volumes)), ("ports", .array(groups + otherPorts)),
            ("envs", .array(variables)), ("minCudaVersion", .string(self.minCUDAVersion)),
        ]
        return members.map { JSON.Member($0.0, $0.1) }
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
