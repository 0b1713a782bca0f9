internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

// MARK: - Templates

extension CatalogHandlers {
    package func listTemplates(
        _ request: NovitaiV1.ListTemplatesRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListTemplatesResponse {
        try await self.backend.answer(context) {
            let page = try await ResourceListing.templates.page(request) { isFresh throws(CloudError) in
                try await self.backend.cloud.templates(isFresh: isFresh, call: self.backend.cloudCall(context))
            }
            var response = NovitaiV1.ListTemplatesResponse()
            response.templates = page.items.map { NovitaiV1.Template($0) }
            response.nextPageToken = page.nextPageToken
            response.freshness = page.freshness
            return response
        }
    }

    package func getTemplate(_ request: NovitaiV1.GetTemplateRequest, context: ServerContext) async throws -> NovitaiV1.Template {
        try await self.backend.answer(context) {
            try InstanceHandlers.check(ResourceRules.violations(request.id, "id", lengths: ResourceRules.nameLengths))
            let call = self.backend.cloudCall(context)
            guard let template = try await self.backend.cloud.template(TemplateID(rawValue: request.id), call: call) else {
                throw ErrorDetails.notFound(NovitaiV1.Template.protobufName, request.id).error
            }
            return NovitaiV1.Template(template)
        }
    }

    package func createTemplate(
        _ request: NovitaiV1.CreateTemplateRequest, context: ServerContext
    ) async throws -> NovitaiV1.CreateTemplateResponse {
        try await self.backend.answer(context) {
            let (draft, violations) = TemplateDraft.read(request)
            var payload = request
            payload.environment = [:]
            let change = try self.begin(
                request, payload: payload, map: request.environment, violations + ResourceRules.violations(of: draft), context)
            let (cloud, call) = (self.backend.cloud, self.backend.cloudCall(context))
            let wish = ResourceMaker.Wish<Template>(
                key: "template \(draft.name)", subject: "template \(draft.name)",
                identify: { "template \($0.id)" },
                find: { () async throws(CloudError) in
                    try await cloud.templates(isFresh: true, call: call).value.filter {
                        $0.channel == Template.own && $0.content.name == draft.name
                    }
                },
                isAsWished: { $0.content == draft },
                make: { () async throws(CloudError) in
                    let id = try await cloud.createTemplate(draft, call: call)
                    return Template(id: id, content: draft, channel: Template.own, createdAt: nil)
                })
            let made = try await self.make(wish, change, context)
            var response = NovitaiV1.CreateTemplateResponse()
            response.template = NovitaiV1.Template(
                made?.item ?? Template(id: TemplateID(rawValue: ""), content: draft, channel: Template.own, createdAt: nil))
            response.requestId = change.key.requestID
            response.existed = made?.existed ?? false
            return response
        }
    }

    package func updateTemplate(
        _ request: NovitaiV1.UpdateTemplateRequest, context: ServerContext
    ) async throws -> NovitaiV1.UpdateTemplateResponse {
        try await self.backend.answer(context) {
            let (update, violations) = TemplateUpdate.read(request)
            var payload = request
            let environment = request.environment?.environment ?? [:]
            if request.environment != nil { payload.environment = NovitaiV1.EnvironmentSet() }
            let given = payload
            _ = try self.begin(
                request, payload: given, map: environment,
                ResourceRules.violations(request.id, "id", lengths: ResourceRules.nameLengths) + violations, context)
            let subject = "template \(request.id)"
            // By its id first, then by the name that it is to have: a create holds the name alone.
            return try await self.maker.holding("templates/\(request.id)") {
                let (before, wanted) = try await self.template(request.id, changedBy: update, context)
                let isRenamed = wanted.name != before.content.name
                return try await self.maker.holding("template \(wanted.name)") {
                    if isRenamed { try await self.checkIsFree(wanted.name, for: before.id, context) }
                    var response = NovitaiV1.UpdateTemplateResponse()
                    response.requestId = try await self.apply(
                        request, payload: given, map: environment, [], subject: subject, context
                    ) { call throws(CloudError) in try await self.backend.cloud.updateTemplate(before.id, wanted, call: call) }
                    if isRenamed, !request.validateOnly { try await self.maker.deleted(subject) }
                    response.template = NovitaiV1.Template(
                        Template(id: before.id, content: wanted, channel: before.channel, createdAt: before.createdAt))
                    return response
                }
            }
        }
    }

    /// As it is, and what it is to say.
    private func template(
        _ id: String, changedBy update: TemplateUpdate, _ context: ServerContext
    ) async throws -> (Template, wanted: TemplateDraft) {
        let call = self.backend.cloudCall(context)
        guard let template = try await self.backend.cloud.template(TemplateID(rawValue: id), call: call) else {
            throw ErrorDetails.notFound(NovitaiV1.Template.protobufName, id).error
        }
        guard ["", Template.own].contains(template.channel) else {
            throw FleetError(.invalidState, "only a template of the account's own can be changed: this one is \(template.channel)")
        }
        return (template, update.applied(to: template.content))
    }

    private func checkIsFree(_ name: String, for id: TemplateID, _ context: ServerContext) async throws {
        let templates = try await self.backend.cloud.templates(isFresh: true, call: self.backend.cloudCall(context)).value
        guard !templates.contains(where: { $0.id != id && $0.channel == Template.own && $0.content.name == name }) else {
            throw FleetError(.nameTaken, "there is another template \(name)")
        }
    }

    package func deleteTemplate(
        _ request: NovitaiV1.DeleteTemplateRequest, context: ServerContext
    ) async throws -> NovitaiV1.DeleteTemplateResponse {
        try await self.backend.answer(context) {
            var response = NovitaiV1.DeleteTemplateResponse()
            response.requestId = try await self.delete(request, "template", context) { call throws(CloudError) in
                try await self.backend.cloud.deleteTemplate(TemplateID(rawValue: request.id), call: call)
            }
            return response
        }
    }
}

extension Template {
    /// The channel of the account's own.
    fileprivate static let own = "private"
}
