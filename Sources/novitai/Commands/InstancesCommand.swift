internal import ArgumentParser
internal import NovitaiProto
internal import RPCCore

struct InstancesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instances",
        abstract: "GPU machines: plan, create, follow, start, stop, restart, delete.",
        subcommands: [
            PlanInstance.self, CreateInstance.self, GetInstance.self, ListInstances.self, WatchInstances.self, StartInstance.self,
            StopInstance.self, StopInstances.self, RestartInstance.self, UpdateInstance.self, MigrateInstance.self, SaveImage.self,
            ChangeBilling.self,
            DeleteInstance.self, TouchInstance.self, InstanceAccess.self, InstanceMetrics.self,
        ]
    )
}

struct PlanInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show which offers fit, at which price, and why the others do not.")

    @OptionGroup var spec: SpecOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.PlanInstanceRequest()
        request.spec = try self.spec.message()
        let plan = try await self.connection.withChannel { channel in
            try await NovitaiV1.InstanceServiceClient(channel).planInstance(request, options: try self.connection.call)
        }
        self.connection.output.print(plan) {
            var table = Table("RANK", "PRODUCT", "REGION", "BILLING", "PRICE/H", "STOCK", "VERDICT", "WHY")
            for candidate in plan.candidates {
                table.add(
                    candidate.rank == 0 ? "-" : String(candidate.rank), candidate.productName, candidate.regionId,
                    candidate.billingMode.word, candidate.hourlyPrice.text, candidate.stock, candidate.verdict.word, candidate.reason)
            }
            let wait = plan.wouldWait ? ["no offer has room now: a create would wait for one"] : []
            return ([table.text] + wait + plan.obstacles.map { "refused now: \($0.message) (\($0.reason))" }).joined(separator: "\n")
        }
    }
}

struct CreateInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Ask for one machine.",
        discussion: "With --wait the command follows the machine until it is ready. A repeated --request-id never makes a second machine."
    )

    @Option(help: "A name, unique among your machines.")
    var name: String = ""

    @Option(help: ArgumentHelp("A label; may be repeated.", valueName: "key=value"))
    var label: [KeyValue] = []

    @Flag(help: "Refuse to delete it unless forced.")
    var protect = false

    @Flag(help: "Check everything, create nothing.")
    var validateOnly = false

    @Option(help: "1-64 characters that make a repetition of this command harmless.")
    var requestID: String = ""

    @Flag(help: "Wait until it is ready.")
    var wait = false

    @OptionGroup var spec: SpecOptions
    @OptionGroup var policies: PolicyOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.CreateInstanceRequest()
        request.policies = self.policies.message
        request.name = self.name
        request.requestId = Retries.requestID(self.requestID)
        request.validateOnly = self.validateOnly
        request.deletionProtection = self.protect
        request.labels = KeyValue.dictionary(self.label)
        request.spec = try self.spec.message()
        try await self.connection.withChannel { channel in
            let reply = try await NovitaiV1.InstanceServiceClient(channel).createInstance(request, options: try self.connection.call)
            let instance = reply.instance ?? NovitaiV1.Instance()
            guard self.wait, !self.validateOnly else { return self.connection.output.print(reply) { table([instance]) } }
            printToStandardError("\(instance.id) is asked for, request id \(reply.requestId)")
            let ready = try await InstanceFollower(channel: channel, connection: self.connection).follow(instance) {
                $0.readiness == .ready
            }
            self.connection.output.print(ready) { table([ready]) }
        }
    }
}

struct GetInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show one machine.")

    @Argument(help: "Id or name.")
    var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.GetInstanceRequest()
        request.id = self.id
        let instance = try await self.connection.withChannel { channel in
            try await NovitaiV1.InstanceServiceClient(channel).getInstance(request, options: try self.connection.call)
        }
        self.connection.output.print(instance) { details(instance) }
    }
}

struct ListInstances: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List machines.")

    @Option(help: "Terms joined by AND, as: state = RUNNING AND labels.team = search")
    var filter: String = ""
    @Option(help: "create_time, name or update_time; followed by \" desc\" for descending.")
    var orderBy: String = ""
    @Flag(help: "Deleted and failed ones too, the newest first.")
    var all = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.ListInstancesRequest()
        request.filter = self.filter
        request.orderBy = self.orderBy
        request.showDeleted = self.all
        let instances = try await self.connection.withChannel { channel in
            let client = NovitaiV1.InstanceServiceClient(channel)
            return try await pages(of: request) { request in
                let reply = try await client.listInstances(request, options: try self.connection.call)
                return (reply.instances, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(instances) { table(instances) }
    }
}

struct WatchInstances: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Show machines as they are now, then every change, until Ctrl-C.")

    @Argument(help: "Ids; all of them when none is given.")
    var ids: [String] = []
    @Option(help: "Terms joined by AND, as in list.")
    var filter: String = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.WatchInstancesRequest()
        request.ids = self.ids
        request.filter = self.filter
        let output = self.connection.output
        try await self.connection.withChannel { channel in
            let client = NovitaiV1.InstanceServiceClient(channel)
            try await Watching.untilDone { () async throws -> Void? in
                try await client.watchInstances(request, options: try self.connection.call(within: nil)) { responses in
                    for try await response in responses {
                        if let token = response.resumeToken { request.resumeToken = token }
                        for event in response.events {
                            guard let instance = event.instance else { continue }
                            output.print(event) { line(event.kind, instance) }
                        }
                    }
                }
                return nil
            }
        }
    }
}

/// The arguments of a command that changes one machine.
struct ChangeOptions: ParsableArguments {
    @Argument(help: "Id or name.")
    var id: String
    @Flag(help: "Check everything, change nothing.")
    var validateOnly = false
    @Option(help: "Refuse unless the machine still has this revision.")
    var expectedRevision: Int64 = 0
    @Option(help: "1-64 characters that make a repetition of this command harmless.")
    var requestID: String = ""
    @Flag(help: "Wait until it is done.")
    var wait = false
    @OptionGroup var connection: ConnectionOptions

    /// Makes the call, waits for its job when asked to, and shows the machine.
    func run(
        _ change: (NovitaiV1.InstanceServiceClient) async throws -> (NovitaiV1.Instance?, NovitaiV1.Job?)
    ) async throws {
        try await self.connection.withChannel { channel in
            let client = NovitaiV1.InstanceServiceClient(channel)
            let (instance, job) = try await change(client)
            guard self.wait, !self.validateOnly, let job, let instance else {
                let instance = instance ?? NovitaiV1.Instance()
                return self.connection.output.print(instance) { table([instance]) }
            }
            try await JobFollower(channel: channel, connection: self.connection).succeed(job.id)
            var request = NovitaiV1.GetInstanceRequest()
            request.id = instance.id
            let now = try await client.getInstance(request, options: try self.connection.call)
            self.connection.output.print(now) { table([now]) }
        }
    }
}

struct StartInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "start", abstract: "Start a stopped machine.")
    @OptionGroup var change: ChangeOptions

    func run() async throws {
        var request = NovitaiV1.StartInstanceRequest()
        request.id = self.change.id
        request.validateOnly = self.change.validateOnly
        request.expectedRevision = self.change.expectedRevision
        request.requestId = Retries.requestID(self.change.requestID)
        try await self.change.run {
            let reply = try await $0.startInstance(request, options: try self.change.connection.call)
            return (reply.instance, reply.job)
        }
    }
}

struct StopInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stop", abstract: "Stop a running machine; its disk is kept and billed.")
    @OptionGroup var change: ChangeOptions

    func run() async throws {
        var request = NovitaiV1.StopInstanceRequest()
        request.id = self.change.id
        request.validateOnly = self.change.validateOnly
        request.expectedRevision = self.change.expectedRevision
        request.requestId = Retries.requestID(self.change.requestID)
        try await self.change.run {
            let reply = try await $0.stopInstance(request, options: try self.change.connection.call)
            return (reply.instance, reply.job)
        }
    }
}

struct StopInstances: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop-all", abstract: "Stop every machine that a filter fits; with --validate-only show which these are.")

    @Option(help: "Terms joined by AND, as in list.")
    var filter: String = ""
    @Flag(help: "All of the tenant's machines, instead of a filter.")
    var all = false
    @Flag(help: "Show what would be stopped, stop nothing.")
    var validateOnly = false
    @Option(help: "1-64 characters that make a repetition of this command harmless.")
    var requestID: String = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.BatchStopInstancesRequest()
        (request.filter, request.all) = (self.filter, self.all)
        (request.validateOnly, request.requestId) = (self.validateOnly, Retries.requestID(self.requestID))
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.InstanceServiceClient(channel).batchStopInstances(request, options: try self.connection.call)
        }
        self.connection.output.print(reply) {
            "\(reply.instances.count) machines, \(reply.hourlyPrice.text) per hour\n" + table(reply.instances)
        }
    }
}

struct RestartInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "restart", abstract: "Restart a running machine.")
    @OptionGroup var change: ChangeOptions

    func run() async throws {
        var request = NovitaiV1.RestartInstanceRequest()
        request.id = self.change.id
        request.validateOnly = self.change.validateOnly
        request.expectedRevision = self.change.expectedRevision
        request.requestId = Retries.requestID(self.change.requestID)
        try await self.change.run {
            let reply = try await $0.restartInstance(request, options: try self.change.connection.call)
            return (reply.instance, reply.job)
        }
    }
}

struct DeleteInstance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a machine and everything on its disk.")
    @Flag(help: "Also when it is protected.")
    var force = false
    @OptionGroup var change: ChangeOptions

    func run() async throws {
        var request = NovitaiV1.DeleteInstanceRequest()
        request.id = self.change.id
        request.force = self.force
        request.validateOnly = self.change.validateOnly
        request.expectedRevision = self.change.expectedRevision
        request.requestId = Retries.requestID(self.change.requestID)
        try await self.change.run {
            let reply = try await $0.deleteInstance(request, options: try self.change.connection.call)
            return (reply.instance, reply.job)
        }
    }
}
