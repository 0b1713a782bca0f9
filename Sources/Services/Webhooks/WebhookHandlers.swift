internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore
internal import Synchronization

/// The delivery log, redelivery, and deliveries for a test.
package struct WebhookHandlers: NovitaiV1.WebhookServiceProtocol {
    /// Rows of one read, and rows that one call looks at: a filter that hardly matches gives a short page and a token.
    private static let readSize = 200
    private static let rowsMax = 10_000

    let backend: Backend
    private let tests: TestRecord

    /// Tests that were sent lately.
    private final class TestRecord: Sendable {
        let pace = Mutex(WebhookTestPace())
    }

    package init(_ backend: Backend) {
        self.backend = backend
        self.tests = TestRecord()
    }

    package func listDeliveries(
        _ request: NovitaiV1.ListDeliveriesRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListDeliveriesResponse {
        try await self.backend.answer(context) {
            let tenant = try self.backend.tenant(of: context)
            let predicate = try Predicate(try Filter(request.filter), fields: Self.fields)
            guard ["", "create_time desc"].contains(request.orderBy) else {
                throw FleetError.invalid([FieldViolation("order_by", "must be \"create_time desc\"")])
            }
            let page = try PageRequest(
                size: request.pageSize, token: request.pageToken, query: ["ListDeliveries", tenant.rawValue, request.filter])
            return try await self.backend.onThreads(for: context) {
                let (deliveries, token) = try await self.deliveries(page, of: tenant, where: predicate.matches)
                var response = NovitaiV1.ListDeliveriesResponse()
                response.deliveries = deliveries.map { NovitaiV1.WebhookDelivery($0) }
                response.nextPageToken = token
                return response
            }
        }
    }

    private func deliveries(
        _ page: PageRequest, of tenant: TenantID, where matches: (WebhookDelivery) -> Bool
    ) async throws -> ([WebhookDelivery], String) {
        guard let webhooks = self.backend.webhooks else { return ([], "") }
        var position = page.after?.number
        var found: [WebhookDelivery] = []
        var (rows, bytes) = (0, 0)
        while rows < Self.rowsMax {
            let records = try await webhooks.store.webhooks(of: tenant, before: position, limit: Self.readSize)
            for record in records {
                if matches(record.delivery) {
                    if found.count == page.size || bytes > PageRequest.bytesMax { return (found, Self.token(page, position)) }
                    found.append(record.delivery)
                    bytes += 512 + record.delivery.body.utf8.count
                }
                position = record.sequence
            }
            rows += records.count
            if records.count < Self.readSize { return (found, "") }
        }
        return (found, Self.token(page, position))
    }

    private static func token(_ page: PageRequest, _ position: Int64?) -> String {
        position.map { page.token(at: ListPosition(number: $0, id: "")) } ?? ""
    }

    package func redeliverWebhook(
        _ request: NovitaiV1.RedeliverWebhookRequest, context: ServerContext
    ) async throws -> NovitaiV1.RedeliverWebhookResponse {
        try await self.backend.answer(context, about: request.id, of: NovitaiV1.WebhookDelivery.protobufName) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let caller = try self.backend.mutation(request.requestId, "RedeliverWebhook", payload, context)
            if let refusal = self.backend.view.control.refusal(of: .obey) { throw StoreError.controlled(refusal) }
            guard let webhooks = self.backend.webhooks, let known = try await webhooks.store.webhook(request.id),
                known.tenant == caller.request.tenant
            else { throw ErrorDetails.notFound(NovitaiV1.WebhookDelivery.protobufName, request.id).error }
            guard webhooks.targets(of: known.tenant).contains(where: { $0.id == known.target }) else {
                throw FleetError(.invalidState, "there is no target \(known.target) any more")
            }
            var delivery = known
            if try await !self.isRepeat(caller) {
                delivery = known.redelivered(by: caller.request.requestID, at: self.backend.clock.now)
                let effect = "the event \(known.eventID) is delivered once more"
                if !request.validateOnly { try await self.write(delivery, webhooks, by: caller, effect: effect, context) }
            }
            var response = NovitaiV1.RedeliverWebhookResponse()
            response.delivery = NovitaiV1.WebhookDelivery(delivery)
            response.requestId = caller.request.requestID
            return response
        }
    }

    package func testWebhook(
        _ request: NovitaiV1.TestWebhookRequest, context: ServerContext
    ) async throws -> NovitaiV1.TestWebhookResponse {
        try await self.backend.answer(context) {
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let caller = try self.backend.mutation(request.requestId, "TestWebhook", payload, context)
            if let refusal = self.backend.view.control.refusal(of: .obey) { throw StoreError.controlled(refusal) }
            let (webhooks, target) = try self.target(request.target, of: caller.request.tenant)
            // Made from the request, so that its repetition finds it.
            let id = "test-\(Self.digest(of: caller.request))"
            let event = WebhookEvent.test(id: id, tenant: caller.request.tenant, at: self.backend.clock.now)
            var delivery = WebhookDelivery(event, target: target, at: self.backend.clock.now)
            if try await self.isRepeat(caller) {
                delivery = try await webhooks.store.webhook(delivery.id) ?? delivery
            } else if !request.validateOnly {
                let wait = self.tests.pace.withLock { $0.admit(caller.request.tenant, at: self.backend.clock.now) }
                if let wait { throw ErrorDetails.tooManyTests(retryAfter: wait).error }
                try await self.write(delivery, webhooks, by: caller, effect: "a test is sent to \(target.id)", context)
            }
            var response = NovitaiV1.TestWebhookResponse()
            response.delivery = NovitaiV1.WebhookDelivery(delivery)
            response.requestId = caller.request.requestID
            return response
        }
    }

    private func target(_ id: String, of tenant: TenantID) throws(FleetError) -> (Webhooks, WebhookTarget) {
        let targets = self.backend.webhooks?.targets(of: tenant) ?? []
        guard let webhooks = self.backend.webhooks, let first = targets.first else {
            throw FleetError(.invalidState, "no target is set up: WEBHOOK_URL names them")
        }
        guard let target = id.isEmpty ? first : targets.first(where: { $0.id == id }) else {
            throw .invalid([FieldViolation("target", "must be one of \(targets.map(\.id).joined(separator: ", "))")])
        }
        return (webhooks, target)
    }

    private static func digest(of request: RequestKey) -> String {
        Hexadecimal.text(SHA256Digest.of(Array("\(request.tenant)\u{0}\(request.requestID)".utf8)).prefix(16))
    }

    private func isRepeat(_ caller: FleetGovernor.Caller) async throws -> Bool {
        guard let record = try await self.backend.store.request(caller.request) else { return false }
        guard record.payloadDigest == caller.payloadDigest else {
            throw FleetError(.requestIDReused, "request id \(caller.request.requestID) was used before with another payload")
        }
        return true
    }

    private func write(
        _ delivery: WebhookDelivery, _ webhooks: Webhooks, by caller: FleetGovernor.Caller, effect: String, _ context: ServerContext
    ) async throws {
        let now = self.backend.clock.now
        let entry = AuditEntry(
            at: now, tenant: caller.request.tenant, actor: caller.actor, action: caller.request.method, cause: AuditEntry.requested,
            effect: effect, instanceID: delivery.instanceID, requestID: caller.request.requestID)
        let record = RequestRecord(
            key: caller.request, payloadDigest: caller.payloadDigest, instanceID: delivery.instanceID ?? InstanceID(rawValue: ""),
            jobID: JobID(rawValue: ""), createdAt: now)
        do throws(StoreError) {
            try await webhooks.store.write(delivery, request: record, audit: entry)
        } catch {
            // The same request came twice at once: the other one has done it.
            guard case .requestExists = error, try await self.isRepeat(caller) else { throw error }
            return
        }
        webhooks.asked.raise()
        self.backend.note(caller, context)
    }

    private static let fields: [FilterField<WebhookDelivery>] = [
        FilterField("target", equals: { [$0.target] }),
        FilterField("type", equals: { [$0.type] }),
        FilterField("state", equals: { [inCapitals($0.state.rawValue)] }),
        FilterField("instance_id", equals: { $0.instanceID.map { [$0.rawValue] } ?? [] }),
        FilterField("event_id", equals: { [$0.eventID] }),
    ]
}
