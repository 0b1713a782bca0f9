internal import NovitaiProto
internal import RPCCore

/// Waits for a machine, told by the watch stream, and shows how it goes.
struct InstanceFollower {
    let channel: any RPCChannel
    let connection: ConnectionOptions

    /// - Returns: the machine as soon as `reached` holds.
    /// - Throws: `CommandFailure` when it is, or becomes, failed, deleted, stopped or suspended instead.
    func follow(_ instance: NovitaiV1.Instance, until reached: (NovitaiV1.Instance) -> Bool) async throws -> NovitaiV1.Instance {
        var progress = Progress()
        defer { progress.finish() }
        // A repeated request may answer with what is over already, which no watch tells of.
        if try self.isReached(instance, reached) { return instance }
        var request = NovitaiV1.WatchInstancesRequest()
        request.ids = [instance.id]
        let client = NovitaiV1.InstanceServiceClient(self.channel)
        let question = request
        return try await Watching.untilDone {
            try await self.watch(question, client, &progress, reached)
        }
    }

    /// Nil when the stream has ended before it was reached.
    private func watch(
        _ request: NovitaiV1.WatchInstancesRequest, _ client: NovitaiV1.InstanceServiceClient, _ progress: inout Progress,
        _ reached: (NovitaiV1.Instance) -> Bool
    ) async throws -> NovitaiV1.Instance? {
        let id = request.ids[0]
        return try await client.watchInstances(request, options: try self.connection.call(within: nil)) { responses in
            var isSeen = false
            for try await response in responses {
                for now in response.events.compactMap(\.instance) {
                    isSeen = true
                    progress.show(summary(now))
                    if try self.isReached(now, reached) { return now }
                }
                if response.snapshotComplete, !isSeen {
                    // It ended before the watch began.
                    var question = NovitaiV1.GetInstanceRequest()
                    question.id = id
                    let now = try await client.getInstance(question, options: try self.connection.call)
                    if try self.isReached(now, reached) { return now }
                }
            }
            return nil
        }
    }

    private func isReached(_ instance: NovitaiV1.Instance, _ reached: (NovitaiV1.Instance) -> Bool) throws -> Bool {
        if reached(instance) { return true }
        // What is stopped or suspended becomes nothing by itself.
        guard [.failed, .deleted, .stopped, .suspended].contains(instance.state) else { return false }
        throw CommandFailure(
            status: .refused, message: "\(instance.id) is \(instance.state.word): \(instance.stateMessage) (job \(instance.jobId))")
    }
}

/// Watches go on where they were when the server ends them: it does so when it is replaced, or a connection has grown old.
enum Watching {
    /// Tries in a row to reach a server again, a pause apart: as long as an upgrade takes.
    private static let triesMax = 30
    private static let pause: Duration = .seconds(2)

    /// - Parameter watch: nil when the server has ended the stream.
    static func untilDone<Value>(_ watch: () async throws -> Value?) async throws -> Value {
        var tries = 0
        while true {
            do {
                if let value = try await watch() { return value }
                tries = 0
            } catch let error as RPCError where error.code == .unavailable {
                tries += 1
                guard tries < self.triesMax else { throw error }
            }
            try await Task.sleep(for: self.pause)
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
