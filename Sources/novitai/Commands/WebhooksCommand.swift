internal import ArgumentParser
internal import NovitaiProto

struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks", abstract: "What was delivered to receivers of events, and what came of it.",
        subcommands: [ListDeliveries.self, RedeliverWebhook.self, TestWebhook.self])
}

struct ListDeliveries: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List deliveries, the newest first.")
    @Option(help: "Terms joined by AND, as: state = FAILED AND type = instance.failed")
    var filter: String = ""
    @Option(help: "At most so many.")
    var limit: Int = 100
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard (1...100_000).contains(self.limit) else { throw ValidationError("--limit takes 1 to 100000") }
    }

    func run() async throws {
        var request = NovitaiV1.ListDeliveriesRequest()
        request.filter = self.filter
        request.pageSize = Int32(min(self.limit, 1000))
        var deliveries: [NovitaiV1.WebhookDelivery] = []
        try await self.connection.withChannel { channel in
            let client = NovitaiV1.WebhookServiceClient(channel)
            repeat {
                let reply = try await client.listDeliveries(request, options: try self.connection.call)
                deliveries += reply.deliveries
                request.pageToken = reply.nextPageToken
            } while !request.pageToken.isEmpty && deliveries.count < self.limit
        }
        let shown = Array(deliveries.prefix(self.limit))
        self.connection.output.print(shown) { text(shown) }
    }
}

struct RedeliverWebhook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "redeliver", abstract: "Send an event once more.")
    @Argument(help: "Id of the delivery.")
    var id: String
    @Option(help: "Names the request, so that it can be repeated safely.")
    var requestID: String = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.RedeliverWebhookRequest()
        request.id = self.id
        request.requestId = Retries.requestID(self.requestID)
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.WebhookServiceClient(channel).redeliverWebhook(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { text(reply.delivery.map { [$0] } ?? []) }
    }
}

struct TestWebhook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "test", abstract: "Send an event of the type webhook.test.")
    @Option(help: "Id of the target; the first when none is given.")
    var webhook: String = ""
    @Option(help: "Names the request, so that it can be repeated safely.")
    var requestID: String = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.TestWebhookRequest()
        request.target = self.webhook
        request.requestId = Retries.requestID(self.requestID)
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.WebhookServiceClient(channel).testWebhook(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { text(reply.delivery.map { [$0] } ?? []) }
    }
}

private func text(_ deliveries: [NovitaiV1.WebhookDelivery]) -> String {
    var table = Table("ID", "TYPE", "STATE", "ATTEMPTS", "LAST", "INSTANCE", "CREATED")
    for delivery in deliveries {
        let last = delivery.attempts.last.map { $0.error.isEmpty ? "\($0.status)" : $0.error } ?? "-"
        table.add(
            delivery.id, delivery.type, delivery.state.word, "\(delivery.attemptCount)", last,
            delivery.instanceId.isEmpty ? "-" : delivery.instanceId, delivery.createTime.text)
    }
    return table.text
}
