internal import ArgumentParser
internal import NovitaiProto
internal import RPCCore

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "The durable work behind every change.",
        subcommands: [GetJob.self, ListJobs.self, WaitJob.self, WatchJobs.self, CancelJob.self, RetryJob.self])
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

struct WatchJobs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Show the unfinished jobs as they are now, then every change, until Ctrl-C.")
    @Argument(help: "Ids; all of them when none is given.")
    var ids: [String] = []
    @Option(help: "Terms joined by AND, as in list.")
    var filter: String = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.WatchJobsRequest()
        request.ids = self.ids
        request.filter = self.filter
        let output = self.connection.output
        try await self.connection.withChannel { channel in
            let client = NovitaiV1.JobServiceClient(channel)
            try await Watching.untilDone { () async throws -> Void? in
                try await client.watchJobs(request, options: try self.connection.call(within: nil)) { responses in
                    for try await response in responses {
                        if let token = response.resumeToken { request.resumeToken = token }
                        for event in response.events {
                            guard let job = event.job else { continue }
                            output.print(event) { "\(job.updateTime.text)  \(event.kind.word)  \(summary(job))" }
                        }
                    }
                }
                return nil
            }
        }
    }
}
