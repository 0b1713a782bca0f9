internal import ArgumentParser
internal import NovitaiProto

struct FreezeFleet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze", abstract: "Stop creates, starts and automatic stops and deletes while people look.",
        discussion: "Machines that run go on running and billing; stops and deletes that somebody asks for are carried out.")
    @OptionGroup var options: ControlOptions

    func run() async throws { try await self.options.setFreeze(true) }
}

struct UnfreezeFleet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unfreeze", abstract: "Let creates, starts and policies go on.")
    @OptionGroup var options: ControlOptions

    func run() async throws { try await self.options.setFreeze(false) }
}

struct ActivateDeployment: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "activate", abstract: "Let a restored or copied database change things again.",
        discussion: """
            Look at `server reconcile --dry-run` first, and make sure that no other server works for the same deployment: both would take its
            machines for theirs.
            """)
    @Argument(help: "The deployment's id, as `server info` shows it.")
    var deployment: String
    @OptionGroup var options: ControlOptions

    func run() async throws {
        var request = NovitaiV1.ActivateDeploymentRequest()
        request.deploymentId = self.deployment
        request.requestId = Retries.requestID(self.options.requestID)
        request.validateOnly = self.options.validateOnly
        request.reason = self.options.reason
        let connection = self.options.connection
        let reply = try await connection.withChannel { channel in
            try await NovitaiV1.AdminServiceClient(channel).activateDeployment(request, options: try connection.call)
        }
        connection.output.print(reply) { words(reply.control) }
    }
}

struct ReconcileInstances: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile", abstract: "Compare the provider's account with the records now, and show the differences.")
    @Flag(help: "Only show them: nothing is looked into, nothing is written.")
    var dryRun = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.ReconcileInstancesRequest()
        request.dryRun = self.dryRun
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.AdminServiceClient(channel).reconcileInstances(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) {
            var table = Table("WHAT", "INSTANCE", "MACHINE", "STATUS", "NAME")
            for difference in reply.differences {
                let machine = difference.machine ?? NovitaiV1.UpstreamMachine()
                table.add(difference.kind.word, difference.instanceId, machine.id, machine.status, machine.name)
            }
            for machine in reply.foreign { table.add("FOREIGN", "-", machine.id, machine.status, machine.name) }
            let left = reply.left > 0 ? ", \(reply.left) of them left for a later sweep" : ""
            let doubt = reply.suspicious ? "\nthe listing lacks most of what is known: it is not believed" : ""
            return
                "\(reply.machines) machines, \(reply.differenceCount) differences\(left), \(reply.foreignCount) not ours\(doubt)\n\(table.text)"
        }
    }
}

/// The arguments of what is said about the fleet as a whole.
struct ControlOptions: ParsableArguments {
    @Option(help: "Why, for whoever looks at the fleet next.")
    var reason: String = ""
    @Flag(help: "Check everything, change nothing.")
    var validateOnly = false
    @Option(help: "1-64 characters that make a repetition of this command harmless.")
    var requestID: String = ""
    @OptionGroup var connection: ConnectionOptions

    func setFreeze(_ isFrozen: Bool) async throws {
        var request = NovitaiV1.SetFreezeRequest()
        request.frozen = isFrozen
        request.reason = self.reason
        request.requestId = Retries.requestID(self.requestID)
        request.validateOnly = self.validateOnly
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.AdminServiceClient(channel).setFreeze(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) { words(reply.control) }
    }
}

/// What is said about the fleet as a whole, in a line.
func words(_ control: NovitaiV1.FleetControl?) -> String {
    if let observation = control?.observation { return "observing since \(observation.since.text): \(observation.reason)" }
    guard let freeze = control?.freeze else { return "active" }
    return "frozen since \(freeze.since.text) by \(freeze.actor): \(freeze.reason)"
}
