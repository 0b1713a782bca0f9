internal import ArgumentParser
internal import NovitaiProto

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "The durable work behind every change.",
        subcommands: [GetJob.self, ListJobs.self, WaitJob.self, CancelJob.self, RetryJob.self])
}

struct GetJob: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show one job.")
    @Argument(help: "The job's id.")
    var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.GetJobRequest()
        request.id = self.id
        let job = try await self.connection.withChannel { channel in
            try await NovitaiV1.JobServiceClient(channel).getJob(request, options: try self.connection.call)
        }
        self.connection.output.print(job) { details(job) }
    }
}

struct ListJobs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List jobs, the newest first.")
    @Option(help: "Terms joined by AND, as: state = RUNNING AND type = CREATE_INSTANCE")
    var filter: String = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.ListJobsRequest()
        request.filter = self.filter
        let jobs = try await self.connection.withChannel { channel in
            let client = NovitaiV1.JobServiceClient(channel)
            return try await pages(of: request) { request in
                let reply = try await client.listJobs(request, options: try self.connection.call)
                return (reply.jobs, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(jobs) { table(jobs) }
    }
}

struct WaitJob: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until a job has ended; exit status 1 when it did not succeed.")
    @Argument(help: "The job's id.")
    var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let job = try await self.connection.withChannel { channel in
            try await JobFollower(channel: channel, connection: self.connection).succeed(self.id)
        }
        self.connection.output.print(job) { table([job]) }
    }
}
