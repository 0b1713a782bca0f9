internal import ArgumentParser
internal import NovitaiProto

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who changed what, why, and what it does to the bill.", subcommands: [ListAuditEvents.self])
}

struct ListAuditEvents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List changes, the newest first.")
    @Option(help: "Terms joined by AND, as: actor = ci AND action = DeleteInstance")
    var filter: String = ""
    @Option(help: "At most so many.")
    var limit: Int = 100
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard (1...100_000).contains(self.limit) else { throw ValidationError("--limit takes 1 to 100000") }
    }

    func run() async throws {
        var request = NovitaiV1.ListAuditEventsRequest()
        request.filter = self.filter
        request.pageSize = Int32(min(self.limit, 1000))
        var events: [NovitaiV1.AuditEvent] = []
        try await self.connection.withChannel { channel in
            let client = NovitaiV1.AdminServiceClient(channel)
            repeat {
                let reply = try await client.listAuditEvents(request, options: try self.connection.call)
                events += reply.events
                request.pageToken = reply.nextPageToken
            } while !request.pageToken.isEmpty && events.count < self.limit
        }
        let shown = Array(events.prefix(self.limit))
        self.connection.output.print(shown) {
            var table = Table("TIME", "ACTOR", "ACTION", "CAUSE", "INSTANCE", "JOB", "USD/H", "EFFECT")
            for event in shown {
                table.add(
                    event.time.text, event.actor, event.action, event.cause, event.instanceId.isEmpty ? "-" : event.instanceId,
                    event.jobId.isEmpty ? "-" : event.jobId, event.hourlyPrice.text, event.effect)
            }
            return table.text
        }
    }
}
