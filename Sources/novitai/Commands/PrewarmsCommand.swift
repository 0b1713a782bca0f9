internal import ArgumentParser
internal import NovitaiProto

struct PrewarmsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prewarms", abstract: "Images that are brought to a region ahead.",
        subcommands: [ListPrewarms.self, CreatePrewarm.self, DeletePrewarm.self])
}

struct ListPrewarms: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List prewarmed images.")
    @OptionGroup var list: ResourceListOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let items = try await self.connection.withChannel { channel in
            let client = NovitaiV1.CatalogServiceClient(channel)
            return try await pages(of: self.list.message(NovitaiV1.ListImagePrewarmsRequest.self)) { request in
                let reply = try await client.listImagePrewarms(request, options: try self.connection.call)
                return (reply.imagePrewarms, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(items) { table(items) }
    }
}

struct CreatePrewarm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Bring an image to a region ahead.")
    @Option(help: "The image.")
    var image: String
    @Option(help: "The id of the region.")
    var region: String
    @Option(help: "A product, by id, on whose nodes it shall be; may be repeated. Every product when none is given.")
    var product: [String] = []
    @Option(help: "Id of a stored registry credential.")
    var registryCredential: String = ""
    @Option(help: "A note.")
    var note: String = ""
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.CreateImagePrewarmRequest.self)
        request.image = self.image
        request.regionId = self.region
        request.productIds = self.product
        request.registryCredentialId = self.registryCredential
        request.note = self.note
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).createImagePrewarm(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { table([reply.imagePrewarm ?? NovitaiV1.ImagePrewarm()]) }
    }
}

struct DeletePrewarm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a prewarm task.")
    @Argument(help: "The task's id.")
    var id: String
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.DeleteImagePrewarmRequest.self)
        request.id = self.id
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).deleteImagePrewarm(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { "\(self.id) is deleted" }
    }
}
