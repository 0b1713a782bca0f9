internal import AsyncAlgorithms
internal import NovitaiProto
internal import ProtobufJSON
internal import RPCCore
internal import ServiceLifecycle

/// What one open page is told: the instances and jobs that its person may see, as they are and as they change, and the server's health.
///
/// Nothing is kept for a page that reads slowly: it slows its watches down, and the server then tells it the latest state of each object. A
/// page that does not read at all gives its watches up until it does, so that they do not fill the connection that all pages share.
struct EventFeed: Sendable {
    private enum Part: Sendable {
        /// A source begins with a snapshot: what the page has of it is old.
        case begun(EventPosition.Source)
        case told(EventPosition.Source, json: String, NovitaiV1.ResumeToken?)
        case cutOff(Problem)
        /// The server does not let this person watch.
        case refused(Problem)
        case health(String)
        /// The page reads again, after it had not for a while.
        case readAgain
    }

    /// The page has not taken what it was to be told in time.
    private struct Stalled: Error {}

    let channel: any RPCChannel
    let options: CallOptions
    let health: @Sendable () async -> String
    /// Whether the session still is.
    let isAllowed: @Sendable () -> Bool

    /// Goes on until the program is to end, the task is cancelled, `write` throws or the session is over.
    ///
    /// - Parameter position: up to where the page was told everything before.
    func run(from start: EventPosition, _ write: (String) async throws -> Void) async throws {
        let parts = AsyncChannel<Part>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await self.watchInstances(after: start.token(of: .instances), parts) }
            group.addTask { await self.watchJobs(after: start.token(of: .jobs), parts) }
            group.addTask { await self.pushHealth(parts) }
            // A sidecar that is to end does not wait for people to close their pages; they come back to its successor.
            group.addTask {
                try? await gracefulShutdown()
                parts.finish()
            }
            var position = start
            for await part in parts {
                guard self.isAllowed() else { return try await write(PageEvent(name: "over", json: "{}").text(at: position)) }
                let event = Self.event(part, &position)
                try await write(event.text(at: position))
            }
        }
    }

    private static func event(_ part: Part, _ position: inout EventPosition) -> PageEvent {
        switch part {
        case .begun(let source):
            position.forget(source)
            return PageEvent(name: "begin", json: "{\"source\":\"\(source)\"}")
        case .told(let source, let json, let token):
            position.advance(source, to: token)
            return PageEvent(name: "\(source)", json: json)
        case .cutOff(let problem): return PageEvent(name: "cutoff", json: problem.json)
        case .refused(let problem): return PageEvent(name: "refused", json: problem.json)
        case .health(let json): return PageEvent(name: "health", json: json)
        case .readAgain: return PageEvent(name: "again", json: "{}")
        }
    }

    private func watchInstances(after token: NovitaiV1.ResumeToken?, _ parts: AsyncChannel<Part>) async {
        let client = NovitaiV1.InstanceServiceClient(self.channel)
        await self.follow(.instances, after: token, parts) { token, tell in
            var request = NovitaiV1.WatchInstancesRequest()
            request.resumeToken = token
            try await client.watchInstances(request, options: self.options) { responses in
                for try await response in responses { try await tell(MessageJSON(response, .compact).text, response.resumeToken) }
            }
        }
    }

    private func watchJobs(after token: NovitaiV1.ResumeToken?, _ parts: AsyncChannel<Part>) async {
        let client = NovitaiV1.JobServiceClient(self.channel)
        await self.follow(.jobs, after: token, parts) { token, tell in
            var request = NovitaiV1.WatchJobsRequest()
            request.resumeToken = token
            try await client.watchJobs(request, options: self.options) { responses in
                for try await response in responses { try await tell(MessageJSON(response, .compact).text, response.resumeToken) }
            }
        }
    }

    private typealias Tell = (_ json: String, NovitaiV1.ResumeToken?) async throws -> Void

    /// Watches, and takes up a watch that was cut off where it was.
    private func follow(
        _ source: EventPosition.Source, after token: NovitaiV1.ResumeToken?, _ parts: AsyncChannel<Part>,
        _ watch: (NovitaiV1.ResumeToken?, Tell) async throws -> Void
    ) async {
        var last = token
        while !Task.isCancelled {
            if last == nil { await parts.send(.begun(source)) }
            do {
                try await watch(last) { json, token in
                    try await Self.send(.told(source, json: json, token), parts)
                    last = token ?? last
                }
            } catch is Stalled {
                await parts.send(.readAgain)
                continue
            } catch {
                let error = RPCError(describing: error)
                switch error.code {
                // Trimmed, or of a database that was replaced: begin with a snapshot.
                case .outOfRange: last = nil
                case .unauthenticated, .permissionDenied: return await parts.send(.refused(Problem(error)))
                default: await parts.send(.cutOff(Problem(error)))
                }
            }
            // Cancellation ends the pause and the loop.
            try? await Task.sleep(for: ConsoleLimits.watchRetryDelay)
        }
    }

    private static func send(_ part: Part, _ parts: AsyncChannel<Part>) async throws(Stalled) {
        let isTaken = await withTaskGroup(of: Bool.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await parts.send(part)
                return !Task.isCancelled
            }
            group.addTask {
                try? await Task.sleep(for: ConsoleLimits.stallTime)
                return false
            }
            return await group.next() ?? false
        }
        guard isTaken else { throw Stalled() }
    }

    private func pushHealth(_ parts: AsyncChannel<Part>) async {
        while !Task.isCancelled {
            await parts.send(.health(await self.health()))
            try? await Task.sleep(for: ConsoleLimits.healthInterval)
        }
    }
}
