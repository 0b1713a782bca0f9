internal import ArgumentParser
internal import NovitaiProto

struct UpdateInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Change what a machine is called and made of.",
        discussion: """
            What is not given stays as it is. Ports and disk change while the machine goes on; for another image, command, entry point or \
            environment its container is made anew, with the disk kept.
            """)

    @Option(help: "Another name.")
    var name: String?
    @Option(help: ArgumentHelp("A label; all of them are replaced; may be repeated.", valueName: "key=value"))
    var label: [KeyValue] = []
    @Flag(inversion: .prefixedNo, help: "Refuse to delete it unless forced.")
    var protect: Bool?
    @Option(help: ArgumentHelp("A port to reach from outside: 8080/http or 22/tcp; all of them are replaced.", valueName: "port"))
    var port: [PortOption] = []
    @Option(help: "Container disk in GB; it can only grow.")
    var disk: UInt32?
    @Option(help: "Another image.")
    var image: String?
    @Option(help: "Id of a stored registry credential.")
    var registryCredential: String?
    @Option(help: "Replaces the image's command.")
    var command: String?
    @Option(help: "Replaces the image's entry point.")
    var entrypoint: String?
    @Option(help: ArgumentHelp("A variable of the environment; all of them are replaced.", valueName: "name=value"))
    var env: [KeyValue] = []
    @OptionGroup var policies: PolicyOptions
    @Option(
        help: ArgumentHelp(
            "A policy that ends: idle_stop, idle_percent, max_lifetime, stop_at, delete_at, start_at, lease or spot_recovery.",
            valueName: "policy"))
    var endPolicy: [String] = []
    @OptionGroup var change: ChangeOptions

    func run() async throws {
        let request = self.request
        try await self.change.run {
            let reply = try await $0.updateInstance(request, options: try self.change.connection.call)
            return (reply.instance, reply.job)
        }
    }

    private var request: NovitaiV1.UpdateInstanceRequest {
        var request = NovitaiV1.UpdateInstanceRequest()
        request.id = self.change.id
        request.validateOnly = self.change.validateOnly
        request.expectedRevision = self.change.expectedRevision
        request.requestId = Retries.requestID(self.change.requestID)
        request.name = self.name
        request.deletionProtection = self.protect
        request.diskGb = self.disk
        request.image = self.image
        request.registryCredentialId = self.registryCredential
        request.command = self.command
        request.entrypoint = self.entrypoint
        request.policiesFields = self.policies.fields + self.endPolicy
        request.policies = self.policies.message ?? (self.endPolicy.isEmpty ? nil : NovitaiV1.InstancePolicies())
        // As absent the server's default would take its place.
        if self.endPolicy.contains("idle_stop") { request.policies?.neverIdleStop = true }
        if self.endPolicy.contains("idle_percent") { request.policies?.neverIdlePercent = true }
        if !self.label.isEmpty {
            var labels = NovitaiV1.LabelSet()
            labels.labels = KeyValue.dictionary(self.label)
            request.labels = labels
        }
        if !self.port.isEmpty {
            var ports = NovitaiV1.PortSet()
            ports.ports = self.port.map(\.message)
            request.ports = ports
        }
        if !self.env.isEmpty {
            var environment = NovitaiV1.EnvironmentSet()
            environment.environment = KeyValue.dictionary(self.env)
            request.environment = environment
        }
        return request
    }
}
