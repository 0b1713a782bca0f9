internal import ArgumentParser
internal import NovitaiProto

struct CredentialsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credentials", abstract: "Access to image registries.",
        subcommands: [ListCredentials.self, CreateCredential.self, DeleteCredential.self])
}

struct ListCredentials: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List registry credentials, without their passwords.")
    @OptionGroup var list: ResourceListOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let items = try await self.connection.withChannel { channel in
            let client = NovitaiV1.CatalogServiceClient(channel)
            return try await pages(of: self.list.message(NovitaiV1.ListRegistryCredentialsRequest.self)) { request in
                let reply = try await client.listRegistryCredentials(request, options: try self.connection.call)
                return (reply.registryCredentials, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(items) { table(items) }
    }
}

struct CreateCredential: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Store access to a registry.",
        discussion: "The password is read from NOVITAI_REGISTRY_PASSWORD: an argument would be seen by everybody on the machine.")
    private static let passwordVariable = "NOVITAI_REGISTRY_PASSWORD"

    @Option(help: "The registry's address, as ghcr.io.")
    var name: String
    @Option(help: "Who to log in as.")
    var username: String
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard let password = environment(Self.passwordVariable) else {
            throw CommandFailure(status: .configuration, message: "\(Self.passwordVariable) holds no password")
        }
        var request = self.change.message(NovitaiV1.CreateRegistryCredentialRequest.self)
        request.name = self.name
        request.username = self.username
        request.password = password
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).createRegistryCredential(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { table([reply.registryCredential ?? NovitaiV1.RegistryCredential()]) }
    }
}

struct DeleteCredential: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a registry credential.")
    @Argument(help: "The credential's id.")
    var id: String
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.DeleteRegistryCredentialRequest.self)
        request.id = self.id
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).deleteRegistryCredential(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { "\(self.id) is deleted" }
    }
}
