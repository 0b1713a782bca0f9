internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

extension AdminHandlers {
    /// Rows of one read, and rows that one call looks at: a filter that hardly matches gives a short page and a token.
    private static let auditReadSize = 500
    private static let auditRowsMax = 10_000

    package func listAuditEvents(
        _ request: NovitaiV1.ListAuditEventsRequest, context: ServerContext
    ) async throws -> NovitaiV1.ListAuditEventsResponse {
        try await self.backend.answer(context) {
            let tenant = try self.backend.tenant(of: context)
            let predicate = try Predicate(try Filter(request.filter), fields: Self.auditFields)
            guard ["", "sequence desc"].contains(request.orderBy) else {
                throw FleetError.invalid([FieldViolation("order_by", "must be \"sequence desc\"")])
            }
            let page = try PageRequest(size: request.pageSize, token: request.pageToken, query: ["ListAuditEvents", request.filter])
            return try await self.backend.onThreads(for: context) {
                let (records, token) = try await self.auditRecords(page) { $0.tenant == tenant && predicate.matches($0) }
                var response = NovitaiV1.ListAuditEventsResponse()
                response.events = records.map { NovitaiV1.AuditEvent($0) }
                response.nextPageToken = token
                return response
            }
        }
    }

    private func auditRecords(_ page: PageRequest, where matches: (AuditEntry) -> Bool) async throws -> ([AuditRecord], String) {
        var position = page.after?.number
        var found: [AuditRecord] = []
        var (rows, bytes) = (0, 0)
        while rows < Self.auditRowsMax {
            let records = try await self.backend.store.audit(AuditQuery(before: position, limit: Self.auditReadSize))
            for record in records {
                if matches(record.entry) {
                    let isFull = found.count == page.size || bytes > PageRequest.bytesMax
                    if isFull { return (found, Self.token(page, position)) }
                    found.append(record)
                    bytes += 256 + record.entry.effect.utf8.count
                }
                position = record.sequence
            }
            rows += records.count
            if records.count < Self.auditReadSize { return (found, "") }
        }
        return (found, Self.token(page, position))
    }

    private static func token(_ page: PageRequest, _ position: Int64?) -> String {
        position.map { page.token(at: ListPosition(number: $0, id: "")) } ?? ""
    }

    private static let auditFields: [FilterField<AuditEntry>] = [
        FilterField("actor", equals: { [$0.actor] }),
        FilterField("action", equals: { [$0.action] }),
        FilterField("cause", equals: { [$0.cause] }),
        FilterField("tenant", equals: { [$0.tenant.rawValue] }),
        FilterField("instance_id", equals: { $0.instanceID.map { [$0.rawValue] } ?? [] }),
        FilterField("job_id", equals: { $0.jobID.map { [$0.rawValue] } ?? [] }),
        FilterField("request_id", equals: { [$0.requestID] }),
    ]
}
