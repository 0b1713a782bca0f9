import Fleet
import NovitaSimulator
import Synchronization

/// Somebody else on the account: another deployment, or a person at the provider's console. Now and then one has machines that look much like
/// ours. Nobody but the neighbour may ever lay hands on them.
final class Neighbour: Sendable {
    /// One of its machines.
    struct Machine: Sendable, Hashable {
        var id: String
        /// When it was deleted by its owner; nil: it still stands.
        var deletedAt: Timestamp?
    }

    private let universe: Universe
    private let kept = Mutex<[Machine]>([])

    init(universe: Universe) {
        self.universe = universe
    }

    var machines: [Machine] { self.kept.withLock { $0 } }

    func run() async {
        let dice = self.universe.dice
        for number in 0..<self.universe.scenario.neighbourMachines {
            await self.universe.sleep(dice.seconds(0...300))
            guard let id = self.create(number) else { continue }
            self.kept.withLock { $0.append(Machine(id: id)) }
            guard dice.chance(0.5) else { continue }
            await self.universe.sleep(dice.seconds(1...600))
            self.delete(id)
        }
    }

    private func create(_ number: Int) -> String? {
        let dice = self.universe.dice
        // One without a machine yet would rightly take such a copy for a machine of its own that somebody has renamed.
        let living = (self.universe.server?.view.livingInstances().instances ?? []).filter { $0.upstream != nil }
        let ours = living.isEmpty ? nil : living[dice.number(0...living.count - 1)].id
        let deployment = self.universe.server?.view.deployment?.id
        return self.universe.provider.withSimulator { simulator, now in
            guard let product = simulator.listProducts(at: now).first(where: \.isDeployable)?.product else { return nil }
            var request = CreateRequest(
                name: "neighbour-\(number)", productID: product.id, gpuCount: 1, rootfsSize: 60, imageURL: "registry.example/neighbour:1")
            if let ours, let deployment {
                let theirs = OwnershipToken(deployment: DeploymentID(rawValue: "neighbour"), instance: ours, attempt: 1)
                switch dice.number(0...2) {
                // Another deployment that started as a copy of ours: its instances have the ids of ours.
                case 0: (request.name, request.environment) = (theirs.text, [Self.owner(theirs)])
                // A person's copy of one of ours, with all that stands in its environment.
                case 1: request.environment = [Self.owner(OwnershipToken(deployment: deployment, instance: ours, attempt: 1))]
                default: break
                }
            }
            return try? simulator.createInstance(request, at: now)
        }
    }

    private static func owner(_ token: OwnershipToken) -> EnvironmentVariable {
        EnvironmentVariable(key: OwnershipToken.environmentName, value: token.text)
    }

    private func delete(_ id: String) {
        let isDone = self.universe.provider.withSimulator { simulator, now in (try? simulator.deleteInstance(id, at: now)) != nil }
        guard isDone else { return }
        self.kept.withLock { machines in
            for index in machines.indices where machines[index].id == id { machines[index].deletedAt = self.universe.clock.now }
        }
    }
}
