internal import ArgumentParser
internal import NovitaiProto
internal import ProtobufWire

struct QueuesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues", abstract: "The jobs of each kind: how they stand, and whether new ones are begun.",
        subcommands: [ListQueues.self, PauseQueue.self, ResumeQueue.self])
}

struct ListQueues: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the queues.")
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let reply = try await self.connection.withChannel { channel in
            try await NovitaiV1.JobServiceClient(channel).listQueues(NovitaiV1.ListQueuesRequest(), options: try self.connection.call)
        }
        self.connection.output.print(reply.queues) { table(reply.queues) }
    }
}

struct PauseQueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Begin no job of one kind; what has been asked of the provider is followed to its end.")
    @OptionGroup var options: QueueOptions

    func run() async throws {
        var request = NovitaiV1.PauseQueueRequest()
        (request.type, request.reason, request.requestId) = (
            try self.options.type, self.options.reason, Retries.requestID(self.options.requestID)
        )
        let connection = self.options.connection
        let queue = try await connection.withChannel { channel in
            try await NovitaiV1.JobServiceClient(channel).pauseQueue(request, options: try connection.call).queue ?? NovitaiV1.Queue()
        }
        connection.output.print(queue) { table([queue]) }
    }
}

struct ResumeQueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Begin jobs of one kind again.")
    @OptionGroup var options: QueueOptions

    func run() async throws {
        var request = NovitaiV1.ResumeQueueRequest()
        (request.type, request.reason, request.requestId) = (
            try self.options.type, self.options.reason, Retries.requestID(self.options.requestID)
        )
        let connection = self.options.connection
        let queue = try await connection.withChannel { channel in
            try await NovitaiV1.JobServiceClient(channel).resumeQueue(request, options: try connection.call).queue ?? NovitaiV1.Queue()
        }
        connection.output.print(queue) { table([queue]) }
    }
}

struct QueueOptions: ParsableArguments {
    @Argument(help: "The kind of jobs, as `queues list` shows it: CREATE_INSTANCE.")
    var queue: String
    @Option(help: "Why, for whoever looks next.")
    var reason: String = ""
    @Option(help: "1-64 characters that make a repetition of this command harmless.")
    var requestID: String = ""
    @OptionGroup var connection: ConnectionOptions

    var type: NovitaiV1.JobType {
        get throws {
            guard let type = NovitaiV1.JobType(name: "JOB_TYPE_" + self.queue.uppercased()), type != .unspecified else {
                throw ValidationError("\(self.queue) is not a kind of jobs; `queues list` shows them")
            }
            return type
        }
    }
}

private func table(_ queues: [NovitaiV1.Queue]) -> String {
    var table = Table("QUEUE", "PRIORITY", "READY", "RUNNING", "WAITING", "NEXT DUE", "DEADLINE", "STATE")
    for queue in queues {
        let state = queue.pause.map { "paused since \($0.since.text) by \($0.actor): \($0.reason)" } ?? "open"
        table.add(
            queue.type.word, String(queue.priority), String(queue.ready), String(queue.running), String(queue.waiting),
            queue.nextDueTime.text, queue.deadline.map { "\($0.seconds) s" } ?? "-", state)
    }
    return table.text
}
