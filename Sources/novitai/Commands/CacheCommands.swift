internal import ArgumentParser
internal import NovitaiProto

struct ListCaches: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "caches", abstract: "What the server keeps of the provider's lists, and how old it is.")
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.AdminServiceClient(channel).listCaches(NovitaiV1.ListCachesRequest(), options: try self.connection.call)
        }
        self.connection.output.print(reply) { words(reply.caches) }
    }
}

struct ClearCache: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear-cache", abstract: "Forget what is kept of the provider's lists: who needs it next asks the provider.")
    @Argument(help: "As `server caches` names it; all of them without.")
    var name = ""
    @Flag(help: "Only say what is kept.")
    var validateOnly = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.ClearCacheRequest()
        request.requestId = Retries.requestID("")
        request.validateOnly = self.validateOnly
        request.name = self.name
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.AdminServiceClient(channel).clearCache(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { words(reply.caches) }
    }
}

private func words(_ caches: [NovitaiV1.Cache]) -> String {
    var table = Table("CACHE", "ENTRIES", "FETCHED", "EXPIRES", "HITS", "FETCHES")
    for cache in caches {
        table.add(
            cache.name, String(cache.entryCount), cache.fetchTime.text, cache.expireTime.text, String(cache.hitCount),
            String(cache.fetchCount))
    }
    return table.text
}
