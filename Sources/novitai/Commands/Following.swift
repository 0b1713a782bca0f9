internal import NovitaiProto
internal import RPCCore

/// Waits for a machine, told by the watch stream, and shows how it goes.
struct InstanceFollower {
    let channel: any RPCChannel
    let connection: ConnectionOptions

    /// - Returns: the machine as soon as `reached` holds.
    /// - Throws: `CommandFailure` when it ended up failed or deleted instead.
    func follow(_ id: String, job: String, until reached: (NovitaiV1.Instance) -> Bool) async throws -> NovitaiV1.Instance {
        var request = NovitaiV1.WatchInstancesRequest()
        request.ids = [id]
        var progress = Progress()
        defer { progress.finish() }
        let client = NovitaiV1.InstanceServiceClient(self.channel)
        return try await client.watchInstances(request, options: try self.connection.call(within: nil)) { responses in
            for try await response in responses {
                for instance in response.events.compactMap(\.instance) where instance.id == id {
                    progress.show(summary(instance))
                    if reached(instance) { return instance }
                    if instance.state == .failed || instance.state == .deleted {
                        throw CommandFailure(
                            status: .refused, message: "\(id) is \(instance.state.word): \(instance.stateMessage) (job \(job))")
                    }
                }
            }
            throw CommandFailure(status: .tryAgain, message: "the server ended the watch; \(id) goes on: novitai instances get \(id)")
        }
    }
}

/// Waits for a job.
struct JobFollower {
    let channel: any RPCChannel
    let connection: ConnectionOptions

    /// One call waits this long; the command repeats it until the job has ended.
    private static let stretch: Duration = .seconds(20)

    /// - Throws: `CommandFailure` unless the job succeeded.
    @discardableResult
    func succeed(_ id: String) async throws -> NovitaiV1.Job {
        var request = NovitaiV1.WaitJobRequest()
        request.id = id
        var timeout = GoogleProtobuf.Duration()
        timeout.seconds = Self.stretch.components.seconds
        request.timeout = timeout
        var progress = Progress()
        defer { progress.finish() }
        let client = NovitaiV1.JobServiceClient(self.channel)
        while true {
            let job = try await client.waitJob(request, options: try self.connection.call(within: Self.stretch + .seconds(10)))
            progress.show(summary(job))
            switch job.state {
            case .succeeded: return job
            case .failed, .cancelled:
                throw CommandFailure(status: .refused, message: "job \(id) \(job.state.word): \(job.errorReason) \(job.errorMessage)")
            default: continue
            }
        }
    }
}

/// Reads all pages of a list.
func pages<Request, Item>(
    of first: Request, fetch: (Request) async throws -> ([Item], String), next: (inout Request, String) -> Void
) async throws -> [Item] {
    var request = first
    var items: [Item] = []
    while true {
        let (page, token) = try await fetch(request)
        items += page
        if token.isEmpty { return items }
        next(&request, token)
    }
}
