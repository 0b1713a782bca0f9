internal import ArgumentParser
internal import NovitaiProto

struct VolumesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volumes", abstract: "Storage that machines of a region share.",
        subcommands: [ListVolumes.self, CreateVolume.self, UpdateVolume.self, DeleteVolume.self])
}

struct ListVolumes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List network volumes.")
    @OptionGroup var list: ResourceListOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let items = try await self.connection.withChannel { channel in
            let client = NovitaiV1.CatalogServiceClient(channel)
            return try await pages(of: self.list.message(NovitaiV1.ListNetworkVolumesRequest.self)) { request in
                let reply = try await client.listNetworkVolumes(request, options: try self.connection.call)
                return (reply.networkVolumes, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(items) { table(items) }
    }
}

struct CreateVolume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a network volume; it costs as long as it is there.")
    @Option(help: "Its name, unique in the account.")
    var name: String
    @Option(help: "Its size in GB.")
    var size: UInt32
    @Option(help: "The id of its region.")
    var region: String
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.CreateNetworkVolumeRequest.self)
        request.name = self.name
        request.sizeGb = self.size
        request.regionId = self.region
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).createNetworkVolume(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { table([reply.networkVolume ?? NovitaiV1.NetworkVolume()]) }
    }
}

struct UpdateVolume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "update", abstract: "Rename a network volume, or enlarge it.")
    @Argument(help: "The volume's id.")
    var id: String
    @Option(help: "Its new name.")
    var name: String = ""
    @Option(help: "Its new size in GB; a volume can only grow.")
    var size: UInt32 = 0
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.UpdateNetworkVolumeRequest.self)
        request.id = self.id
        request.name = self.name
        request.sizeGb = self.size
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).updateNetworkVolume(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { table([reply.networkVolume ?? NovitaiV1.NetworkVolume()]) }
    }
}

struct DeleteVolume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a network volume with everything on it.")
    @Argument(help: "The volume's id.")
    var id: String
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.DeleteNetworkVolumeRequest.self)
        request.id = self.id
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).deleteNetworkVolume(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { "\(self.id) is deleted" }
    }
}
