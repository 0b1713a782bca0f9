internal import ArgumentParser
internal import NovitaiProto

struct MigrateInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring an instance to another machine, and run it there.",
        discussion: """
            A stopped machine is moved by the provider, with its disk. With --replace another one is made, and the first is deleted once that \
            runs: the disk begins empty, and for a while there are two.
            """)

    @Flag(help: "Make another machine instead of moving this one.")
    var replace = false
    @OptionGroup var change: ChangeOptions

    func run() async throws {
        var request = NovitaiV1.MigrateInstanceRequest()
        request.id = self.change.id
        request.mode = self.replace ? .replace : .move
        request.validateOnly = self.change.validateOnly
        request.expectedRevision = self.change.expectedRevision
        request.requestId = Retries.requestID(self.change.requestID)
        try await self.change.run {
            let reply = try await $0.migrateInstance(request, options: try self.change.connection.call)
            return (reply.instance, reply.job)
        }
    }
}
