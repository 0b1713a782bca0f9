import Fleet
import SQLiteStore
import StoreContract
import Testing

@Suite("Webhooks in the store")
struct WebhookStoreTests {
    private static let target = WebhookTarget(id: "default", url: "https://h/x")

    private static func delivery(_ id: String, _ tenant: TenantID = .default, at time: Timestamp) -> WebhookDelivery {
        WebhookDelivery(WebhookEvent.test(id: id, tenant: tenant, at: time), target: self.target, at: time)
    }

    @Test("How far the log was read, what was told and what is on its way survive the file's closing")
    func durable() async throws {
        try await withFile { file in
            let first = try file.openInline()
            #expect(try await first.webhookPosition() == nil)
            var mark = WebhookMark()
            mark.sequence = 7
            let id = InstanceID(rawValue: "i-1")
            try await first.advanceWebhooks(
                WebhookAdvance(position: Revision(5), marks: [id: mark], deliveries: [Self.delivery("a", at: Sample.time(1))]))
            first.close()
            let second = try file.openInline()
            defer { second.close() }
            #expect(try await second.webhookPosition() == Revision(5))
            #expect(try await second.webhookMarks(of: [id, InstanceID(rawValue: "i-2")]) == [id: mark])
            #expect(try await second.dueWebhooks(for: "default", at: Sample.time(1), limit: 10).deliveries.map(\.id) == ["a.default"])
        }
    }

    private static func request(_ id: String, at time: Timestamp) -> RequestRecord {
        RequestRecord(
            key: RequestKey(tenant: .default, method: "RedeliverWebhook", requestID: id), payloadDigest: [1],
            instanceID: InstanceID(rawValue: ""), jobID: JobID(rawValue: ""), createdAt: time)
    }

    private static func audit(at time: Timestamp) -> AuditEntry {
        AuditEntry(at: time, tenant: .default, actor: "a", action: "RedeliverWebhook", cause: "REQUESTED", effect: "again")
    }

    @Test("What is due comes by target in order of its time, what has ended does not, and the log is read newest first by tenant")
    func due() async throws {
        try await withFile { file in
            let store = try file.openInline()
            defer { store.close() }
            let (late, early) = (Self.delivery("late", at: Sample.time(20)), Self.delivery("early", at: Sample.time(10)))
            let other = Self.delivery("other", TenantID(rawValue: "b"), at: Sample.time(30))
            let elsewhere = WebhookDelivery(
                WebhookEvent.test(id: "early", tenant: .default, at: Sample.time(10)), target: WebhookTarget(id: "two", url: "u"),
                at: Sample.time(10))
            try await store.advanceWebhooks(WebhookAdvance(position: Revision(1), deliveries: [late, early, elsewhere, other]))
            let due = try await store.dueWebhooks(for: "default", at: Sample.time(25), limit: 10)
            #expect(due.deliveries.map(\.eventID) == ["early", "late"] && due.nextAt == Sample.time(30))
            #expect(
                try await store.pendingWebhooks() == [
                    "default": PendingWebhooks(count: 3, oldest: Sample.time(10)),
                    "two": PendingWebhooks(count: 1, oldest: Sample.time(10)),
                ])
            try await store.settle(early.answered(WebhookAnswer(status: 200), at: Sample.time(26)))
            #expect(
                try await store.dueWebhooks(for: "default", at: Sample.time(26), limit: 10).deliveries.map(\.eventID) == ["late"])
            let records = try await store.webhooks(of: .default, before: nil, limit: 10)
            #expect(records.map(\.delivery.id) == ["early.two", "early.default", "late.default"])
            #expect(
                try await store.webhooks(of: .default, before: records[1].sequence, limit: 10).map(\.delivery.id) == ["late.default"])
        }
    }

    @Test("What has ended is dropped by age and by count; what is on its way stays")
    func trim() async throws {
        try await withFile { file in
            let store = try file.openInline()
            defer { store.close() }
            let all = (0..<10).map { Self.delivery("e\($0)", at: Sample.time(Int64($0))) }
            let ended = all.map { $0.eventID == "e2" ? $0 : $0.answered(WebhookAnswer(status: 200), at: Sample.time(20)) }
            try await store.advanceWebhooks(WebhookAdvance(position: Revision(1), deliveries: ended))
            try await store.trimWebhooks(before: Sample.time(4), keeping: 100)
            func kept() async throws -> [String] {
                try await store.webhooks(of: .default, before: nil, limit: 100).map(\.delivery.eventID).reversed()
            }
            #expect(try await kept() == ["e2", "e4", "e5", "e6", "e7", "e8", "e9"])
            try await store.trimWebhooks(before: Sample.time(0), keeping: 2)
            #expect(try await kept() == ["e2", "e8", "e9"])
        }
    }

    @Test("A redelivery that was asked for during an attempt is not undone by what that attempt brings, and a request id does it once")
    func redelivered() async throws {
        try await withFile { file in
            let store = try file.openInline()
            defer { store.close() }
            let first = Self.delivery("e", at: Sample.time(1))
            try await store.advanceWebhooks(WebhookAdvance(position: Revision(1), deliveries: [first]))
            let again = first.redelivered(by: "r", at: Sample.time(2))
            try await store.write(again, request: Self.request("r", at: Sample.time(2)), audit: Self.audit(at: Sample.time(2)))
            try await store.settle(first.answered(WebhookAnswer(status: 204), at: Sample.time(3)))
            #expect(try await store.webhook(first.id) == again)
            try await store.settle(again.answered(WebhookAnswer(status: 204), at: Sample.time(4)))
            #expect(try await store.webhook(first.id)?.state == .delivered)
            await #expect(throws: StoreError.self) {
                try await store.write(again, request: Self.request("r", at: Sample.time(5)), audit: Self.audit(at: Sample.time(5)))
            }
            #expect(try await store.audit(AuditQuery(limit: 10)).count == 1)
        }
    }
}
