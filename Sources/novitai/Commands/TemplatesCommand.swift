internal import ArgumentParser
internal import NovitaiProto

struct TemplatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "templates", abstract: "Stored ways to run an image.",
        subcommands: [ListTemplates.self, GetTemplate.self, CreateTemplate.self, UpdateTemplate.self, DeleteTemplate.self])
}

struct ListTemplates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List templates: the account's own and those that the provider offers.")
    @OptionGroup var list: ResourceListOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let items = try await self.connection.withChannel { channel in
            let client = NovitaiV1.CatalogServiceClient(channel)
            return try await pages(of: self.list.message(NovitaiV1.ListTemplatesRequest.self)) { request in
                let reply = try await client.listTemplates(request, options: try self.connection.call)
                return (reply.templates, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(items) { table(items) }
    }
}

struct GetTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show one template.")
    @Argument(help: "The template's id.")
    var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.GetTemplateRequest()
        request.id = self.id
        let template = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).getTemplate(request, options: try self.connection.call)
        }
        self.connection.output.print(template) { details(template) }
    }
}

struct CreateTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Store a template.")
    @Option(help: "Its name, unique in the account.")
    var name: String
    @Option(help: "The image to run.")
    var image: String
    @Option(help: "What it is for.")
    var readme: String = ""
    @Option(help: ArgumentHelp("A port to reach from outside: 8080/http or 22/tcp; may be repeated.", valueName: "port"))
    var port: [PortOption] = []
    @Option(help: ArgumentHelp("A variable of the container's environment; may be repeated.", valueName: "name=value"))
    var env: [KeyValue] = []
    @Option(help: "Container disk in GB.")
    var disk: UInt32 = 60
    @Option(help: "Replaces the image's command.")
    var command: String = ""
    @Option(help: "Id of a stored registry credential.")
    var registryCredential: String = ""
    @Option(help: "Lowest CUDA version, as 12.4.")
    var minCuda: String = ""
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.CreateTemplateRequest.self)
        request.name = self.name
        request.image = self.image
        request.readme = self.readme
        request.ports = self.port.map(\.message)
        request.environment = KeyValue.dictionary(self.env)
        request.diskGb = self.disk
        request.command = self.command
        request.registryCredentialId = self.registryCredential
        request.minCudaVersion = self.minCuda
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).createTemplate(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { table([reply.template ?? NovitaiV1.Template()]) }
    }
}

struct UpdateTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Change a template of the account. What is not given stays as it is.")
    @Argument(help: "The template's id.")
    var id: String
    @Option(help: "Another name, unique in the account.")
    var name: String = ""
    @Option(help: "Another image.")
    var image: String = ""
    @Option(help: "What it is for.")
    var readme: String?
    @Option(help: ArgumentHelp("A port to reach from outside: 8080/http or 22/tcp; all of them are replaced.", valueName: "port"))
    var port: [PortOption] = []
    @Flag(help: "No port is reached from outside any more.")
    var noPorts = false
    @Option(help: ArgumentHelp("A variable of the environment; all of them are replaced.", valueName: "name=value"))
    var env: [KeyValue] = []
    @Flag(help: "The environment is emptied.")
    var noEnv = false
    @Option(help: "Container disk in GB.")
    var disk: UInt32 = 0
    @Option(help: "Replaces the image's command.")
    var command: String?
    @Option(help: "Id of a stored registry credential.")
    var registryCredential: String?
    @Option(help: "Lowest CUDA version, as 12.4.")
    var minCuda: String?
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if self.noPorts, !self.port.isEmpty { throw ValidationError("--port and --no-ports exclude each other") }
        if self.noEnv, !self.env.isEmpty { throw ValidationError("--env and --no-env exclude each other") }
    }

    func run() async throws {
        var request = self.change.message(NovitaiV1.UpdateTemplateRequest.self)
        request.id = self.id
        request.name = self.name
        request.image = self.image
        request.readme = self.readme
        request.diskGb = self.disk
        request.command = self.command
        request.registryCredentialId = self.registryCredential
        request.minCudaVersion = self.minCuda
        if self.noPorts || !self.port.isEmpty {
            var ports = NovitaiV1.PortSet()
            ports.ports = self.port.map(\.message)
            request.ports = ports
        }
        if self.noEnv || !self.env.isEmpty {
            var environment = NovitaiV1.EnvironmentSet()
            environment.environment = KeyValue.dictionary(self.env)
            request.environment = environment
        }
        let wanted = request
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).updateTemplate(wanted, options: try self.connection.call)
        }
        self.connection.output.print(reply) { table([reply.template ?? NovitaiV1.Template()]) }
    }
}

struct DeleteTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a template of the account.")
    @Argument(help: "The template's id.")
    var id: String
    @OptionGroup var change: ResourceChangeOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = self.change.message(NovitaiV1.DeleteTemplateRequest.self)
        request.id = self.id
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.CatalogServiceClient(channel).deleteTemplate(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { "\(self.id) is deleted" }
    }
}
