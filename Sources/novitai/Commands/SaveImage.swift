internal import ArgumentParser
internal import NovitaiProto

struct SaveImage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save-image", abstract: "Push a machine's container disk to a registry as an image.",
        discussion: "For a consistent image stop the machine before. Volumes are not in it.")

    @Option(help: ArgumentHelp("Where to push it to.", valueName: "repository:tag"))
    var image: String
    @Option(help: "Id of a stored registry credential.")
    var registryCredential: String = ""
    @OptionGroup var change: ChangeOptions

    func run() async throws {
        var request = NovitaiV1.SaveInstanceImageRequest()
        request.id = self.change.id
        request.image = self.image
        request.registryCredentialId = self.registryCredential
        request.validateOnly = self.change.validateOnly
        request.expectedRevision = self.change.expectedRevision
        request.requestId = Retries.requestID(self.change.requestID)
        try await self.change.run {
            let reply = try await $0.saveInstanceImage(request, options: try self.change.connection.call)
            return (reply.instance, reply.job)
        }
    }
}
