import Fleet
import Synchronization

/// Follows the log through every crash by the position it holds, and keeps all that it is told.
final class Watcher: Sendable {
    private let seen = Mutex<[Event]>([])
    private let universe: Universe

    init(universe: Universe) {
        self.universe = universe
    }

    var events: [Event] { self.seen.withLock { $0 } }

    private var position: Revision { self.events.last?.revision ?? .zero }

    func run() async {
        while !Task.isCancelled {
            guard let server = self.universe.server, server.isServing else {
                await self.universe.clock.sleep(until: self.universe.clock.now + .seconds(1))
                continue
            }
            do {
                try await self.read(from: server)
            } catch {
                await self.universe.clock.sleep(until: self.universe.clock.now + .milliseconds(500))
            }
        }
    }

    private func read(from server: SimulatedServer) async throws {
        if let batch = try server.view.changes(after: self.position, everyChange: true, where: { _ in true }) {
            self.seen.withLock { $0.append(contentsOf: batch.changes.map(\.event)) }
            _ = try await server.view.wait(
                after: self.position, until: self.universe.clock.now + .seconds(20), clock: self.universe.clock)
        } else {
            let page = try await server.store.events(after: self.position, limit: 50)
            self.seen.withLock { $0.append(contentsOf: page) }
        }
    }
}
