internal import ArgumentParser
internal import NovitaiProto

struct CancelJob: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End a job that is not over.",
        discussion: """
            What has been asked of the provider cannot be taken back: a stop, restart or update that was is no longer followed; a start, a
            move, a payment and a delete that were cannot be cancelled. A create becomes a delete, since a machine may come of it.
            """)
    @OptionGroup var options: JobChangeOptions

    func run() async throws {
        var request = NovitaiV1.CancelJobRequest()
        (request.id, request.requestId, request.validateOnly) = (
            self.options.id, Retries.requestID(self.options.requestID), self.options.validateOnly
        )
        let connection = self.options.connection
        let job = try await connection.withChannel { channel in
            try await NovitaiV1.JobServiceClient(channel).cancelJob(request, options: try connection.call).job ?? NovitaiV1.Job()
        }
        connection.output.print(job) { table([job]) }
    }
}

struct RetryJob: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Do once more what a failed or cancelled create, start, stop, restart or delete was to do.")
    @OptionGroup var options: JobChangeOptions

    func run() async throws {
        var request = NovitaiV1.RetryJobRequest()
        (request.id, request.requestId, request.validateOnly) = (
            self.options.id, Retries.requestID(self.options.requestID), self.options.validateOnly
        )
        let connection = self.options.connection
        let job = try await connection.withChannel { channel in
            try await NovitaiV1.JobServiceClient(channel).retryJob(request, options: try connection.call).job ?? NovitaiV1.Job()
        }
        connection.output.print(job) { table([job]) }
    }
}

/// The arguments of a command that changes one job.
struct JobChangeOptions: ParsableArguments {
    @Argument(help: "The job's id.")
    var id: String
    @Flag(help: "Check everything, change nothing.")
    var validateOnly = false
    @Option(help: "1-64 characters that make a repetition of this command harmless.")
    var requestID: String = ""
    @OptionGroup var connection: ConnectionOptions
}
