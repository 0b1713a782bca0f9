internal import ArgumentParser
internal import NovitaiProto

struct NetworksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "networks", abstract: "Private networks of machines.",
        subcommands: [ListNetworks.self, CreateNetwork.self, DeleteNetwork.self])
}

struct ListNetworks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List private networks.")
    @OptionGroup var list: ResourceListOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let items = try await self.connection.withChannel { channel in
            let client = NovitaiV1.CatalogServiceClient(channel)
            return try await pages(of: self.list.message(NovitaiV1.ListNetworksRequest.self)) { request in
                let reply = try await client.listNetworks(request, options: try self.connection.call)
                return (reply.networks, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(items) { table(items) }
    }
}

struct CreateNetwork: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a private network.")
    @Option(help: "Its name, unique in the account.")
    var name: String
    @Option(help: "The id of its region.")
    var region: String
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.CreateNetworkRequest.self)
        request.name = self.name
        request.regionId = self.region
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).createNetwork(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { table([reply.network ?? NovitaiV1.Network()]) }
    }
}

struct DeleteNetwork: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a private network.")
    @Argument(help: "The network's id.")
    var id: String
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.DeleteNetworkRequest.self)
        request.id = self.id
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).deleteNetwork(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { "\(self.id) is deleted" }
    }
}
