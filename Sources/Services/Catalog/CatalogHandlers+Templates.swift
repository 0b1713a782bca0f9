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
