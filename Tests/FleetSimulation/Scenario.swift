import Fleet
import NovitaSimulator

/// What happens in one run.
struct Scenario: Sendable {
    let seed: UInt64
    var provider = SimulatorConfiguration()
    let customers: [Customer.Plan]
    let settings: FleetSettings
    let faults: [ProviderFault]
    let crashes: Int
    /// Milliseconds.
    let downTimeMax: Int
    /// Of an operation of the store to fail, and of its answer to be lost.
    let storeFailures: Double
    /// Leases cannot be renewed, and calls may take longer than a lease: workers go on that nobody believes to live.
    let hasDeafHeart: Bool
    /// Milliseconds that an operation of the store may take.
    let storeDelayMax: Int
    /// Milliseconds within which the customers arrive.
    let arrivalSpread: Int
    /// A create shows later than the provider is trusted to show it: then there may be two, and one must go.
    let isBeyondSettleWindow: Bool
    /// Times that somebody freezes the fleet for a while.
    let freezes: Int
    /// Machines that the provider takes back.
    let reclaims: Int
    /// Machines on a page of a listing: pages of one make every listing a long one.
    let listPageSize: Int
    /// Machines of somebody else's on the account.
    let neighbourMachines: Int
    /// Times that the provider has no room for a while: everybody waits for it then.
    let droughts: Int
    /// Of a probe of a program that is up to fail all the same.
    let probeFailures: Double
    /// An older backup is put back while the customers are there; see `Universe.runRestored`.
    let isRestored: Bool

    static let settleWindow: Duration = .seconds(600)
    /// How far a listing may lag: the window must hold the delay of a create and the lag together.
    static let listLagMax = 60

    /// Nothing goes wrong by itself.
    init(
        settings: FleetSettings = FleetSettings(), provider: SimulatorConfiguration = SimulatorConfiguration(), listPageSize: Int = 100
    ) {
        self.seed = 1
        self.provider = provider
        self.customers = []
        self.settings = settings
        self.faults = []
        self.crashes = 0
        self.downTimeMax = 1000
        self.storeFailures = 0
        self.hasDeafHeart = false
        self.storeDelayMax = 0
        self.arrivalSpread = 0
        self.isBeyondSettleWindow = false
        self.freezes = 0
        self.probeFailures = 0
        self.reclaims = 0
        self.listPageSize = listPageSize
        self.neighbourMachines = 0
        self.droughts = 0
        self.isRestored = false
    }

    /// Drawn from the seed.
    init(seed: UInt64) {
        let dice = Dice(seed: seed ^ 0x5CE7_A810)
        self.seed = seed
        let count = dice.number(1...3)
        // Drawn apart, so that what else a seed means stays as it is.
        let weather = Dice(seed: seed ^ 0xD607_47A1)
        let archive = Dice(seed: seed ^ 0xA2C4_17E5)
        let isRestored = archive.chance(0.125)
        self.isRestored = isRestored
        let isDry = weather.chance(0.25) && !isRestored
        self.droughts = isDry ? weather.number(1...3) : 0
        self.customers = (0..<count).map { _ in
            let plan = Self.plan(dice)
            return isRestored ? plan.kept(archive) : isDry ? plan.inDrought : plan
        }
        self.isBeyondSettleWindow = dice.chance(0.1) && !isRestored
        self.hasDeafHeart = dice.chance(0.2)
        self.storeDelayMax = dice.chance(0.5) ? 40 : 0
        self.settings = FleetSettings(
            // A machine that is being replaced counts twice.
            ceilings: Ceilings(
                maxInstances: isRestored ? 2 * count : dice.chance(0.2) ? max(1, count - 1) : count, maxHourlySpend: .dollars(100)),
            pollInterval: .seconds(60), maxConcurrentJobs: dice.number(1...4), requestTimeout: .seconds(self.hasDeafHeart ? 100 : 30),
            settleWindow: Self.settleWindow,
            startupTimeout: .seconds(4 * 3600))
        self.faults =
            Self.createFaults(dice, isBeyondWindow: self.isBeyondSettleWindow, delayMax: self.hasDeafHeart ? 120 : 45)
            + Self.otherFaults(dice)
        self.crashes = dice.chance(0.2) ? 0 : dice.number(1...5)
        self.downTimeMax = dice.chance(0.5) ? 1000 : 60_000
        self.storeFailures = dice.chance(0.3) ? 0.01 : 0
        self.arrivalSpread = dice.chance(0.5) ? 100 : 60_000
        self.freezes = dice.chance(0.3) && !isRestored ? dice.number(1...2) : 0
        self.probeFailures = dice.chance(0.5) ? 0.2 : 0
        self.reclaims = self.customers.contains { $0.recovery != nil } ? dice.number(1...4) : 0
        self.listPageSize = dice.chance(0.25) ? 1 : 100
        self.neighbourMachines = dice.chance(0.3) ? dice.number(1...3) : 0
    }

    /// Time for three of them, with the calls that follow from what they see: one deletes a machine too many, two prove it gone.
    static let threeSweeps: Duration = .seconds(210)

    /// After the last customer has gone: at least three sweeps, and as long as a create may be late.
    var quietTime: Duration {
        if self.isBeyondSettleWindow { return .seconds(1660) }
        // Machines that were replaced go by sweeps.
        return self.reclaims > 0 ? .seconds(460) : Self.threeSweeps
    }

    private static func plan(_ dice: Dice) -> Customer.Plan {
        var plan = Customer.Plan()
        if dice.chance(0.35) { plan.impatience = dice.milliseconds(0...[1, 1500, 60_000][dice.number(0...2)]) }
        plan.stopsAndStarts = dice.chance(0.3)
        plan.restarts = dice.chance(0.3)
        plan.cancels = dice.chance(0.5)
        if plan.impatience == nil, dice.chance(0.5) {
            plan.policies = Self.policies(dice)
            plan.signs = dice.number(0...4)
        }
        if dice.chance(0.3) {
            // What it would say to such a machine may come while it is taken back.
            (plan.stopsAndStarts, plan.restarts) = (false, false)
            plan.recovery = SpotRecovery.allCases[dice.number(0...SpotRecovery.allCases.count - 1)]
            plan.stay = dice.seconds(0...2400)
        }
        if dice.chance(0.5) {
            let probe = dice.chance(0.5) ? PortProbe(path: "/healthz") : nil
            plan.ports = [PortSpec(port: 8080, protocol: .http, probe: probe)]
        }
        return plan
    }

    /// Whatever else they do, they delete it in the end.
    private static func policies(_ dice: Dice) -> InstancePolicies {
        let start = Timestamp(seconds: 1_800_000_000)
        return switch dice.number(0...3) {
        case 0: InstancePolicies(lease: dice.seconds(60...200))
        case 1: InstancePolicies(idleStop: dice.seconds(60...300), maxLifetime: dice.seconds(60...1200))
        // Ahead of the create, as a server demands.
        case 2: Self.times(stopAt: start + dice.seconds(60...1200), deleteAt: start + dice.seconds(200...1200))
        default: InstancePolicies(idleStop: dice.seconds(60...300), lease: dice.seconds(200...400))
        }
    }

    /// Between a stop and the delete it is started again.
    private static func times(stopAt: Timestamp, deleteAt: Timestamp) -> InstancePolicies {
        let startAt = deleteAt > stopAt ? stopAt + (deleteAt - stopAt) / 2 : nil
        return InstancePolicies(stopAt: stopAt, deleteAt: deleteAt, startAt: startAt)
    }

    private static func createFaults(_ dice: Dice, isBeyondWindow: Bool, delayMax: Int) -> [ProviderFault] {
        if isBeyondWindow {
            return [ProviderFault(.late(by: Self.settleWindow + dice.seconds(40...600)), on: .createInstance, times: 1)]
        }
        let within = Int(Self.settleWindow.components.seconds) - Self.listLagMax - 10
        return (0..<dice.number(0...2)).map { _ in
            let effect: ProviderFault.Effect =
                switch dice.number(0...7) {
                case 0: .dropBefore
                case 1: .dropAfter
                case 2: .late(by: dice.seconds(1...within))
                case 3: .statusBefore(ProviderError(status: 500, reason: "UNKNOWN", message: "unknown error"))
                case 4: .statusAfter(ProviderError(status: 502, reason: "UNKNOWN", message: "bad gateway"))
                case 5: .rateLimit(retryAfter: dice.chance(0.5) ? dice.number(1...20) : nil)
                case 6: .html(status: 503)
                default: .delay
                }
            let delay = dice.chance(0.4) ? dice.seconds(1...delayMax) : .zero
            return ProviderFault(effect, on: .createInstance, times: 1, probability: 0.8, delay: delay)
        }
    }

    private static func otherFaults(_ dice: Dice) -> [ProviderFault] {
        var faults: [ProviderFault] = []
        if dice.chance(0.4) {
            faults.append(
                ProviderFault(
                    .staleList(lag: dice.seconds(1...Self.listLagMax)), on: .listInstances, times: dice.number(1...8), probability: 0.5))
        }
        if dice.chance(0.3) { faults.append(ProviderFault(.shortPage, on: .listInstances, times: dice.number(1...5), probability: 0.5)) }
        if dice.chance(0.25) {
            // The same page is lost for longer than a create is settled.
            faults.append(ProviderFault(.shortPage, on: .listInstances, times: dice.number(60...250)))
        }
        if dice.chance(0.3) { faults.append(ProviderFault(.dropBefore, on: .getInstance, times: dice.number(1...5), probability: 0.5)) }
        if dice.chance(0.4) { faults.append(ProviderFault(Self.actionFault(dice), on: .deleteInstance, times: dice.number(1...3))) }
        if dice.chance(0.4) { faults.append(ProviderFault(Self.actionFault(dice), on: .stopInstance, times: dice.number(1...2))) }
        if dice.chance(0.4) { faults.append(ProviderFault(Self.actionFault(dice), on: .startInstance, times: dice.number(1...2))) }
        if dice.chance(0.4) { faults.append(ProviderFault(Self.actionFault(dice), on: .restartInstance, times: dice.number(1...2))) }
        return faults
    }

    private static func actionFault(_ dice: Dice) -> ProviderFault.Effect {
        switch dice.number(0...4) {
        case 0: .dropBefore
        case 1: .dropAfter
        case 2: .statusBefore(ProviderError(status: 503, reason: "UNKNOWN", message: "service unavailable"))
        case 3: .statusAfter(ProviderError(status: 500, reason: "UNKNOWN", message: "unknown error"))
        default: .rateLimit(retryAfter: 3)
        }
    }
}

extension Customer.Plan {
    /// Keeps its machine for a while, or has another made in its place, so that much has happened since any backup.
    fileprivate func kept(_ dice: Dice) -> Self {
        var plan = self
        (plan.policies, plan.recovery, plan.signs) = (nil, nil, 0)
        if !dice.chance(0.1) { plan.impatience = nil }
        plan.replaces = dice.chance(0.5)
        plan.stay = dice.seconds(0...2400)
        return plan
    }

    /// Nobody but a create waits for room: who starts a machine again may be refused.
    fileprivate var inDrought: Self {
        var plan = self
        plan.waitsForCapacity = true
        (plan.stopsAndStarts, plan.recovery) = (false, nil)
        return plan
    }
}
