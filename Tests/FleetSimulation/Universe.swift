import Fleet
import FleetEngine
import NovitaSimulator
import SQLiteStore
import Synchronization

/// One simulated run: provider, servers one after the other, customers and a watcher, on one thread, one clock and one seed.
final class Universe: Sendable {
    let scenario: Scenario
    let dice: Dice
    let clock: VirtualClock
    let executor = SeededExecutor()
    let trace: Trace
    let provider: SimulatedProvider
    let prober: SimulatedProber
    let crashes = CrashTally()
    let path: String
    private let bug: PlantedBug?
    /// Nil: nobody is told of anything.
    private let receiver: SimulatedReceiver?

    private struct State {
        var server: SimulatedServer?
        var past: [SimulatedServer] = []
        var epoch = 0
        var crashesLeft: Int
        /// Jobs until the next crash; nil when none is planned.
        var jobsToCrash: Int?
        var outcomes: [Int: Customer.Outcome] = [:]
        /// When the brake, or a freeze, last kept something from being done.
        var heldAt: Timestamp?
        /// An older backup has taken the place of the database, or does so at the next start.
        var isPutBack = false
        var putsBack = false
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - bug: a mistake that the ports of every server make.
    ///   - jobsMax: more than the run needs: one that goes on longer never ends.
    init(_ scenario: Scenario, directory: String, bug: PlantedBug? = nil, receiver: SimulatedReceiver? = nil, jobsMax: Int = 1_000_000) {
        self.scenario = scenario
        self.jobsMax = jobsMax
        self.bug = bug
        self.receiver = receiver
        self.dice = Dice(seed: scenario.seed)
        self.clock = VirtualClock(startingAt: Timestamp(seconds: 1_800_000_000))
        self.trace = Trace(clock: self.clock)
        self.path = "\(directory)/fleet.db"
        var simulator = NovitaSimulator(
            configuration: scenario.provider, seed: scenario.seed, startingAt: SimulatorTime(microseconds: self.clock.now.microseconds))
        for fault in scenario.faults { simulator.arm(fault) }
        self.provider = SimulatedProvider(simulator: simulator, clock: self.clock, dice: self.dice, trace: self.trace)
        self.prober = SimulatedProber(clock: self.clock, dice: self.dice, scenario: scenario)
        self.state = Mutex(State(crashesLeft: scenario.crashes))
    }

    var server: SimulatedServer? { self.state.withLock { $0.server } }
    var outcomes: [Int: Customer.Outcome] { self.state.withLock { $0.outcomes } }
    var servers: [SimulatedServer] { self.state.withLock { $0.past + ($0.server.map { [$0] } ?? []) } }

    // MARK: The run

    private let jobsMax: Int

    struct Stuck: Error {
        var reason: String
    }

    func run() throws -> Finding {
        self.provider.phase.withLock { $0 = { [weak self] in self?.reached($0, crashWithin: 3) } }
        try NewDatabase.write(to: self.path)
        try self.boot()
        self.planCrash()
        let watcher = Watcher(universe: self)
        let overseer = Overseer(universe: self)
        let reclaimer = Reclaimer(universe: self)
        let neighbour = Neighbour(universe: self)
        let weather = Weather(universe: self)
        let tasks =
            self.startCustomers() + [
                Task(executorPreference: self.executor) { await watcher.run() },
                Task(executorPreference: self.executor) { await overseer.run() },
                Task(executorPreference: self.executor) { await reclaimer.run() },
                Task(executorPreference: self.executor) { await neighbour.run() },
            ]
            // Without a drought the order of everything else stays as it is.
            + (self.scenario.droughts == 0 ? [] : [Task(executorPreference: self.executor) { await weather.run() }])
        try self.drain { self.outcomes.count == self.scenario.customers.count }
        // Whatever may still come late comes now, and is found: listings are whole again.
        self.provider.withSimulator { simulator, _ in simulator.clearFaults() }
        let quietUntil = self.clock.now + self.scenario.quietTime
        self.clock.schedule(at: quietUntil) {}
        self.endCrashes()
        try self.drain { self.clock.now >= max(quietUntil, self.holdsReleased) && self.server?.isServing == true }
        self.server?.beginGracefulShutdown()
        try self.drain { self.server?.hasEnded == true }
        let events = try self.readLog()
        let ledger = self.provider.withSimulator { $0.ledger(at: $1, includingUnbilled: true) }
        let finding = Finding(
            scenario: self.scenario, events: events, watched: watcher.events, account: ledger, neighbours: neighbour.machines,
            outcomes: self.outcomes,
            trace: self.trace.lines, callTimes: self.provider.callTimes,
            crashesByPhase: self.crashes.hits, crashesElsewhere: self.crashes.elsewhere, audit: try self.readAudit(),
            healthyAddresses: self.prober.healthyAddresses)
        self.server?.crash()
        for task in tasks { task.cancel() }
        try self.drain { self.servers.allSatisfy(\.hasEnded) }
        self.dismantle()
        return finding
    }

    /// Lets everything that still waits come to its end, and forgets what points back here: a run that stays in memory is one of many thousand.
    func dismantle() {
        var jobs = 0
        while jobs < self.jobsMax, self.executor.runOne(self.dice) || self.clock.advance() { jobs += 1 }
        self.state.withLock { ($0.server, $0.past) = (nil, []) }
    }

    /// The brake, and whoever freezes the fleet, keep nothing back for more than ten minutes: that is waited for, and so are three sweeps after it.
    private var holdsReleased: Timestamp {
        self.state.withLock { $0.heldAt }.map { $0 + Scenario.threeSweeps } ?? self.clock.now
    }

    func startCustomers() -> [Task<Void, Never>] {
        self.scenario.customers.enumerated().map { number, plan in
            Task(executorPreference: self.executor) {
                await self.clock.sleep(until: self.clock.now + self.dice.milliseconds(0...self.scenario.arrivalSpread))
                let outcome = await Customer(number: number, plan: plan, universe: self).run()
                self.state.withLock { $0.outcomes[number] = outcome }
            }
        }
    }

    func drain(until isDone: () -> Bool) throws {
        var jobs = 0
        while !isDone() {
            if self.executor.runOne(self.dice) {
                jobs += 1
                self.jobRan()
            } else if !self.clock.advance() {
                throw Stuck(reason: "nothing is left to happen")
            }
            if jobs > self.jobsMax { throw Stuck(reason: "the run does not end") }
        }
    }

    // MARK: Lives

    var isPutBack: Bool { self.state.withLock { $0.isPutBack } }

    /// The server dies, and the next one finds an older backup in the place of the database.
    func crashAndPutBack() {
        self.state.withLock { state in
            (state.isPutBack, state.putsBack) = (true, true)
            state.crashesLeft += 1
        }
        self.crash()
    }

    func endCrashes() {
        self.state.withLock { $0.crashesLeft = 0 }
    }

    func boot() throws {
        if self.state.withLock({ $0.putsBack }) {
            try self.putBack()
            self.state.withLock { $0.putsBack = false }
        }
        var dice = self.dice
        let inner = try InlineSQLiteStore(
            opening: SQLiteOptions(path: self.path, isDurable: false), now: self.clock.now, using: &dice)
        let epoch = self.state.withLock { state in
            state.epoch += 1
            return state.epoch
        }
        let life = Life(epoch: epoch)
        let store = CrashableStore(
            inner: inner, life: life, dice: self.dice, trace: self.trace, clock: self.clock, scenario: self.scenario
        ) { self.committed($0) }
        let cloud = SimulatedCloud(
            provider: self.provider, clock: self.clock, life: life, settings: self.scenario.settings,
            pageSize: self.scenario.listPageSize)
        let server = SimulatedServer(
            store: store, cloud: cloud, clock: self.clock, dice: self.dice,
            settings: self.scenario.settings, prober: self.prober, trace: self.trace, life: life, bug: self.bug,
            webhooks: self.webhooks(store, life)
        ) { self.reported($0) }
        self.state.withLock { $0.server = server }
        self.trace.add("server \(epoch) starts")
        server.start(on: self.executor)
    }

    private func webhooks(_ store: CrashableStore, _ life: Life) -> Webhooks? {
        self.receiver.map { receiver in
            Webhooks(
                targets: [SimulatedReceiver.target, SimulatedReceiver.silent],
                store: CrashableWebhooks(store: store, receiver: receiver),
                sender: ReceiverLine(receiver: receiver, clock: self.clock, dice: self.dice, life: life))
        }
    }

    private func reported(_ event: EngineEvent) {
        switch event {
        case .stepBegan(let job) where job.step == .place:
            self.reached(.beforeIntent, crashWithin: 4)
        case .stepEnded(let job) where job.type == .createInstance && job.step == .boot: self.crashes.reached(nil)
        case .held(_, .brake), .held(_, .control): self.state.withLock { $0.heldAt = self.clock.now }
        default: break
        }
    }

    private func committed(_ commit: Commit) {
        for write in commit.jobs where write.job.type == .createInstance {
            if write.keepsLease, write.job.step.isSettling {
                self.reached(.intent, crashWithin: 4)
            } else if write.job.step == .boot, write.isVisible {
                self.reached(.applied, crashWithin: 3)
            }
        }
    }

    /// The moments around a create call are where money is lost: many of the crashes go there.
    func reached(_ phase: CreatePhase, crashWithin jobsMax: Int) {
        self.crashes.reached(phase)
        guard self.dice.chance(0.15) else { return }
        let jobs = self.dice.number(1...jobsMax)
        self.state.withLock { if $0.crashesLeft > 0 { $0.jobsToCrash = jobs } }
    }

    func planCrash() {
        let jobs = self.dice.number(1...1500)
        self.state.withLock { if $0.crashesLeft > 0 { $0.jobsToCrash = jobs } }
    }

    private func jobRan() {
        let isTime = self.state.withLock { state in
            guard let jobs = state.jobsToCrash, state.server != nil, state.crashesLeft > 0 else { return false }
            state.jobsToCrash = jobs - 1
            return jobs <= 1
        }
        if isTime { self.crash() }
    }

    /// - Parameter down: until another server starts; nil: drawn.
    func crash(downFor down: Duration? = nil) {
        let server = self.state.withLock { state in
            defer {
                state.past += state.server.map { [$0] } ?? []
                state.server = nil
            }
            state.crashesLeft -= 1
            state.jobsToCrash = nil
            return state.server
        }
        guard let server else { return }
        self.trace.add("server \(server.life.epoch) crashes")
        self.crashes.crashed()
        server.crash()
        self.provider.serverDied(server.life.epoch)
        self.clock.schedule(at: self.clock.now + (down ?? self.dice.milliseconds(0...self.scenario.downTimeMax))) {
            do {
                try self.boot()
            } catch {
                self.trace.add("cannot boot: \(error)")
            }
            self.planCrash()
        }
    }

    // MARK: The end

    /// Runs the world until `body` has ended.
    func result<Value: Sendable>(of body: @escaping @Sendable () async -> Value) throws -> Value {
        let result = Mutex<Value?>(nil)
        let task = Task(executorPreference: self.executor) {
            let value = await body()
            result.withLock { $0 = value }
        }
        try self.drain { result.withLock { $0 != nil } }
        _ = task
        guard let value = result.withLock({ $0 }) else { throw Stuck(reason: "no result") }
        return value
    }

    private func readAudit() throws -> [AuditEntry] {
        let inner = self.server?.store.inner
        return try self.result { ((try? await inner?.audit(AuditQuery(limit: 100_000))) ?? []).reversed().map(\.entry) }
    }

    private func readLog() throws -> [Event] {
        let inner = self.server?.store.inner
        return try self.result { (try? await inner?.events(after: .zero, limit: 1_000_000)) ?? [] }
    }
}
