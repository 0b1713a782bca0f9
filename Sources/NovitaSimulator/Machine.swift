/// The words of the API for what a machine is doing. A stopped one is `exited`.
package enum InstanceStatus: String, CaseIterable, Sendable {
    case toCreate, creating, pulling, running, toStart, starting, toStop, stopping, exited
    case toRestart, restarting, toRemove, removing, removed, toReset, resetting, migrating, freezing

    var isProvisioning: Bool { self == .toCreate || self == .creating || self == .pulling }
    var isLeaving: Bool { self == .toRemove || self == .removing || self == .removed }
}

package struct StatusError: Hashable, Sendable {
    package var state: String
    package var message: String
}

package struct SpotState: Hashable, Sendable {
    package enum Status: String, Sendable {
        case running, notified, reclaiming, terminated
    }

    package var status: Status = .running
    /// Planned while `notified`, actual afterwards; nil while no reclaim is under way.
    package var reclaimTime: SimulatorTime?

    package static let undisturbed = SpotState()

    package static func notified(until time: SimulatorTime) -> Self {
        SpotState(status: .notified, reclaimTime: time)
    }
}

/// How to reach a running machine. New at each start.
package struct Connection: Hashable, Sendable {
    package var sshPort: Int
    package var sshPassword: String
    /// The public port behind `proxy.<cluster>…` for each exposed tcp port, in the order of the request.
    package var tcpPorts: [ExposedPort: Int]
}

/// One rented machine as the provider keeps it.
package struct Machine: Sendable {
    /// A stretch of a machine's way: a status and how long it lasts; nil means until something happens.
    struct Step: Sendable {
        var status: InstanceStatus
        var duration: Duration?
    }

    /// What a list showed from `time` on, kept so that a lagging list can be told from the truth.
    private struct Observation: Sendable {
        var time: SimulatorTime
        var status: InstanceStatus
        var spot: SpotState?
    }

    /// Enough for the longest way a machine takes within the lag of a list; older ones are dropped.
    private static let observationsMax = 16

    /// 16 lower-case hexadecimal digits.
    package let id: String
    /// Order of creation.
    package let sequence: UInt64
    /// As it was asked for, with the provider's corrections.
    package internal(set) var request: CreateRequest
    package internal(set) var ports: [ExposedPort]
    package let product: Product
    package internal(set) var cluster: Cluster
    package internal(set) var billingMode: BillingMode
    package let createdAt: SimulatorTime
    /// When a monthly machine's time is over; nil for the others.
    package internal(set) var endTime: SimulatorTime?
    /// Renewed by itself for so many months; nil: not.
    package internal(set) var autoRenewMonths: Int?
    package internal(set) var migratesByItself = false
    /// Those that run.
    package internal(set) var jobs: [ProviderJob] = []
    package private(set) var status: InstanceStatus = .toCreate
    package var statusError: StatusError?
    /// Nil for a machine that is not spot.
    package private(set) var spot: SpotState?
    package var connection: Connection?
    package var lastStartedAt: SimulatorTime?
    package var lastStoppedAt: SimulatorTime?
    package var removedAt: SimulatorTime?

    /// What comes after the present status.
    var itinerary: ArraySlice<Step> = []
    /// Grows with each change of plan, so that steps scheduled under an older plan are known as stale.
    var generation: UInt64 = 0
    /// True while its GPUs are taken from the stock.
    var holdsStock = true
    private var observations: [Observation] = []
    private var loads: [(time: SimulatorTime, load: MachineLoad)] = []

    init(
        id: String, sequence: UInt64, checked: CreateRequest.Checked, cluster: Cluster, createdAt: SimulatorTime, endTime: SimulatorTime?
    ) {
        self.id = id
        self.sequence = sequence
        self.request = checked.request
        self.ports = checked.ports
        self.product = checked.product
        self.cluster = cluster
        self.billingMode = checked.billingMode
        self.createdAt = createdAt
        self.endTime = endTime
        self.autoRenewMonths = checked.request.autoRenew ? checked.request.autoRenewMonth : nil
        self.spot = checked.billingMode == .spot ? SpotState.undisturbed : nil
    }

    package var name: String { self.request.name }

    /// 1/100 000 USD per GPU and hour, fixed at creation; zero for a monthly machine.
    package var hourlyPrice: Int64 {
        self.billingMode == .monthly ? 0 : self.product.price(for: self.billingMode) ?? 0
    }

    var pool: StockPool {
        StockPool(clusterID: self.cluster.id, productID: self.product.id, isSpot: self.billingMode == .spot)
    }

    mutating func set(_ status: InstanceStatus, at now: SimulatorTime) {
        self.status = status
        self.observe(at: now)
    }

    mutating func set(_ spot: SpotState, at now: SimulatorTime) {
        self.spot = spot
        self.observe(at: now)
    }

    /// Changes of how busy it is that are remembered.
    private static let loadsMax = 64

    mutating func set(_ load: MachineLoad, at now: SimulatorTime) {
        self.loads.append((now, load))
        if self.loads.count > Self.loadsMax { self.loads.removeFirst() }
    }

    func load(at time: SimulatorTime) -> MachineLoad {
        self.loads.last { $0.time <= time }?.load ?? MachineLoad()
    }

    private mutating func observe(at now: SimulatorTime) {
        self.observations.append(Observation(time: now, status: self.status, spot: self.spot))
        if self.observations.count > Self.observationsMax { self.observations.removeFirst() }
    }

    /// Whether it could be seen at `time`: from creation until `retention` after it was removed.
    func isVisible(at time: SimulatorTime, retention: Duration) -> Bool {
        guard self.createdAt <= time else { return false }
        guard let removedAt = self.removedAt else { return true }
        return time < removedAt + retention
    }

    /// The machine as it looked at `time`, for a list that lags behind.
    func observed(at time: SimulatorTime) -> Self {
        guard let seen = self.observations.last(where: { $0.time <= time }) ?? self.observations.first else { return self }
        var past = self
        past.status = seen.status
        past.spot = seen.spot
        if let stopped = past.lastStoppedAt, stopped > time { past.lastStoppedAt = nil }
        if let started = past.lastStartedAt, started > time { past.lastStartedAt = nil }
        if seen.status != .running { past.connection = nil }
        return past
    }
}
