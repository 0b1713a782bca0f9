internal import Fleet
package import NovitaiProto
internal import Synchronization

/// Which services are served: what `grpc.health.v1.Health` answers from. Set by whoever knows, read without suspension.
package final class HealthRegistry: Sendable {
    package typealias Status = GrpcHealthV1.HealthCheckResponse.ServingStatus

    /// More than `watchersMax` are watching already.
    package struct TooManyWatchers: Error {}

    /// Everything has been told; nothing will change any more.
    package struct ShutDown: Error {}

    /// The server as a whole.
    package static let server = ""
    /// Watches at a time; each is an open stream of somebody's balancer or client.
    package static let watchersMax = 1000

    private struct State {
        var statuses: [String: Status]
        var isShutDown = false
        var watcherCount = 0
    }

    private let state: Mutex<State>
    private let waiters = Waiters<String>(limit: HealthRegistry.watchersMax)

    /// The server as a whole is always registered; nothing is served yet.
    package init(services: [String] = []) {
        var statuses = Dictionary(services.map { ($0, Status.notServing) }) { first, _ in first }
        statuses[Self.server] = .notServing
        self.state = Mutex(State(statuses: statuses))
    }

    /// Nil for a service that is not known.
    package func status(of service: String) -> Status? {
        self.state.withLock { $0.statuses[service] }
    }

    private var isShutDown: Bool { self.state.withLock { $0.isShutDown } }

    package var statuses: [String: Status] { self.state.withLock { $0.statuses } }

    /// Without effect after `shutDown`.
    package func set(_ status: Status, for service: String = HealthRegistry.server) {
        self.change { $0[service] = status }
    }

    /// The same status for every service that is registered, without effect after `shutDown`.
    package func setAll(_ status: Status) {
        self.change { $0 = $0.mapValues { _ in status } }
    }

    /// Says of everything that it is not served, for good: later changes are ignored.
    package func shutDown() {
        self.setAll(.notServing)
        self.state.withLock { $0.isShutDown = true }
        self.waiters.wakeAll()
    }

    private func change(_ change: (inout [String: Status]) -> Void) {
        let changed = self.state.withLock { state -> Set<String> in
            guard !state.isShutDown else { return [] }
            let before = state.statuses
            change(&state.statuses)
            return Set(state.statuses.filter { before[$0.key] != $0.value }.keys)
        }
        if !changed.isEmpty { self.waiters.wake(changed) }
    }

    /// Tells the status at once and then each change, until the task is cancelled; nil is a service that is not known (yet). What
    /// changes while `tell` is at work is told with its newest value only. A watch does not outlive `shutDown`, whose status it still tells:
    /// it would hold up the end of the server.
    ///
    /// - Throws: what `tell` throws; ``TooManyWatchers``; ``ShutDown``; `CancellationError`.
    package func watch(_ service: String, _ tell: (Status?) async throws -> Void) async throws {
        try self.enter()
        defer { self.state.withLock { $0.watcherCount -= 1 } }
        while true {
            let told = self.status(of: service)
            try await tell(told)
            while self.status(of: service) == told {
                if self.isShutDown { throw ShutDown() }
                let hasNews = { self.isShutDown || self.status(of: service) != told }
                guard await self.waiters.wait(for: service, unless: hasNews) else { throw TooManyWatchers() }
                try Task.checkCancellation()
            }
        }
    }

    private func enter() throws(TooManyWatchers) {
        let hasRoom = self.state.withLock { state in
            guard state.watcherCount < Self.watchersMax else { return false }
            state.watcherCount += 1
            return true
        }
        guard hasRoom else { throw TooManyWatchers() }
    }
}
