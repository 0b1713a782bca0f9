/// Novita's GPU service, simulated: machines, stock, prices, a bill, and faults on demand, on a virtual clock.
///
/// A value without a clock of its own: each call says what time it is, and everything due until then happens first, in order of time.
/// Time never goes back; an earlier `now` counts as the latest one seen. The same seed and the same calls give the same answers.
///
/// `call` is the way of a client: it meets the armed faults and is logged. The functions for single endpoints
/// (`createInstance`, `listInstances`, …) are the same API without either.
package struct NovitaSimulator: Sendable {
    enum Event: Sendable {
        case step(id: String, generation: UInt64)
        case reclaim(id: String)
        case expire(id: String)
        case forget(id: String)
        case job(id: String)
        case prewarm(id: String)
        case lateCall(Operation)
    }

    /// The furthest that a list can lag behind. A machine's record is kept so long after its end.
    package static let listLagMax = Duration.seconds(3600)

    package internal(set) var configuration: SimulatorConfiguration
    package internal(set) var now: SimulatorTime
    package internal(set) var requests = RequestLog()

    var catalogue: Catalogue
    var stock: Stock
    var ledger = Ledger()
    var machines = MachineRegistry()
    /// Machines not yet removed.
    var machinesAlive = 0
    var timeline = Timeline<Event>()
    var faults = FaultBook()
    var mishaps: [Mishap] = []
    /// The oldest first.
    var jobs: [ProviderJob] = []
    var jobsMade = 0
    var resources = Resources()
    var nextSequence: UInt64 = 0
    /// For ids, ports, passwords and durations.
    var generator: SeededGenerator
    /// For faults, so that arming one does not change the ids that follow.
    var faultGenerator: SeededGenerator

    package init(configuration: SimulatorConfiguration = SimulatorConfiguration(), seed: UInt64, startingAt now: SimulatorTime) {
        self.configuration = configuration
        self.now = now
        self.catalogue = configuration.catalogue
        self.stock = Stock(of: configuration.catalogue)
        self.generator = SeededGenerator(seed: seed)
        self.faultGenerator = SeededGenerator(seed: seed ^ 0xFA17_FA17_FA17_FA17)
        self.startInitialInstances()
    }

    /// When something happens next by itself; nil when nothing is due.
    package var nextEvent: SimulatorTime? { self.timeline.nextDue }

    /// Lets time pass.
    package mutating func advance(to now: SimulatorTime) {
        while let (due, event) = self.timeline.popDue(at: now) {
            self.now = max(self.now, due)
            self.handle(event)
        }
        self.now = max(self.now, now)
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .step(let id, let generation): self.takeStep(id, generation: generation)
        case .reclaim(let id): self.carryOutReclaim(id)
        case .expire(let id): self.expire(id)
        case .forget(let id): self.machines.remove(id)
        case .job(let id): self.moveOn(job: id)
        case .prewarm(let id): self.moveOn(prewarm: id)
        case .lateCall(let operation): _ = self.perform(operation)
        }
    }
}
