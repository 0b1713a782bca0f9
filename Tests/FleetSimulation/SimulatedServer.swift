import Fleet
import FleetEngine
import SQLiteStore
import Synchronization

/// One life of the server, from opening the file to its crash or its end.
final class SimulatedServer: Sendable {
    let store: CrashableStore
    let view = View()
    let mutations: Mutations
    let governor: FleetGovernor
    let life: Life
    private let world: World
    var monitor: FleetMonitor { self.world.monitor }
    private let engine = Mutex<FleetEngine?>(nil)
    private let root = Mutex<Task<Void, Never>?>(nil)
    private let ended = Mutex(false)

    init(
        store: CrashableStore, cloud: SimulatedCloud, clock: VirtualClock, dice: Dice, settings: FleetSettings, prober: SimulatedProber,
        trace: Trace, life: Life, bug: PlantedBug?, webhooks: Webhooks? = nil,
        onEvent: @escaping @Sendable (EngineEvent) -> Void
    ) {
        self.store = store
        self.life = life
        let random = RandomSource(dice)
        let ports: (store: any Store, cloud: any Cloud) =
            if let bug {
                (BuggyStore(inner: store, bug: bug, view: self.view), BuggyCloud(inner: cloud, bug: bug, view: self.view))
            } else {
                (store, cloud)
            }
        self.world = World(
            store: ports.store, cloud: ports.cloud, clock: clock, random: random, settings: settings, view: self.view,
            cooldowns: Cooldowns(),
            prober: prober, webhooks: webhooks
        ) { event in
            trace.add("\(event.words), engine \(life.epoch)")
            if life.isAlive { onEvent(event) }
        }
        self.mutations = Mutations(store: ports.store, view: self.view, clock: clock, settings: settings, random: random)
        self.governor = FleetGovernor(store: store, view: self.view, clock: clock)
    }

    /// Serves callers once it has attached.
    var isServing: Bool { self.life.isAlive && self.engine.withLock { $0 != nil } }

    var hasEnded: Bool { self.ended.withLock { $0 } }

    func start(on executor: SeededExecutor) {
        let root = Task(executorPreference: executor) {
            if (try? await self.view.attach(to: self.store)) != nil, let deployment = self.view.deployment {
                let engine = FleetEngine(world: self.world, deployment: deployment.id)
                self.engine.withLock { $0 = engine }
                await engine.run()
            }
            self.ended.withLock { $0 = true }
        }
        self.root.withLock { $0 = root }
    }

    /// Nothing that it still does has an effect.
    func crash() {
        self.life.end()
        self.store.inner.abandon()
        self.root.withLock { $0 }?.cancel()
    }

    func reconcile(isDryRun: Bool) async throws -> ReconciliationReport? {
        try await self.engine.withLock { $0 }?.reconcile(isDryRun: isDryRun, requestID: "asked")
    }

    func beginGracefulShutdown() {
        self.engine.withLock { $0 }?.beginGracefulShutdown()
    }
}

extension EngineEvent {
    var words: String {
        switch self {
        case .stepBegan(let job): "began \(job.id) \(job.step.name)"
        case .stepEnded(let job): "ended \(job.id) \(job.step.name)"
        case .stepAbandoned(let job, let reason): "abandoned \(job.id) \(job.step.name): \(reason)"
        case .createCalled(_, let token): "create called \(token.text)"
        case .storeFailed(let text): "store failed: \(text)"
        case .swept(let sweep): "swept \(sweep.machines) machines, \(sweep.questions) questions"
        case .suspectFound(let instance, let machine): "suspect \(instance) \(machine)"
        case .sweepFailed(let text): "sweep failed: \(text)"
        case .webhooksSkipped(let from, let to): "webhooks skipped \(from.number) to \(to.number)"
        case .releasing(let instance, let machine): "releasing \(machine) of \(instance)"
        case .wouldRecover(let instance, let way): "would recover \(instance): \(way)"
        case .recoveryRefused(let instance, let ceiling): "recovery of \(instance) refused: \(ceiling)"
        case .held(let instance, let hold): "held \(instance): \(hold)"
        case .usageUnknown(let instance, let reason): "use of \(instance) unknown: \(reason)"
        case .debtOverdue(let machine, let level): "debt of \(machine.instanceID) overdue, level \(level)"
        case .orphans(let count, _): "\(count) orphans"
        }
    }
}
