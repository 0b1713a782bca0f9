/// The way of a machine:
///
///     create  ─► toCreate ─► creating ─► pulling ─► running
///     stop    ─► toStop ─► stopping ─► exited
///     start   ─► toStart ─► starting ─► pulling ─► running
///     restart ─► toRestart ─► restarting ─► running
///     delete  ─► toRemove ─► removing ─► removed ─► unknown
///     expiry  ─► freezing ─► exited
///
/// The meter runs from `pulling` until `exited` or `removed`; GPUs are held from create or start until then.
extension NovitaSimulator {
    private static let passwordAlphabet = Array("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")
    private static let publicPorts = 30_000...60_999

    // MARK: Calls

    mutating func create(_ request: CreateRequest) throws(APIError) -> String {
        let checked = try request.checked(against: self.catalogue)
        try self.resources.checkCredential(checked.request.imageAuthID)
        guard self.machinesAlive < self.configuration.instancesMax else { throw .instanceLimit }
        guard self.balance().available > 0 else { throw .balanceNotEnough }
        let index = try self.add(checked)
        self.begin(self.creation(of: self.machines[index]), at: index)
        return self.machines[index].id
    }

    mutating func start(_ id: String) throws(APIError) -> InstanceStatus {
        let index = try self.visibleIndex(of: id)
        guard self.machines[index].status == .exited, self.machines[index].endTime.map({ $0 > self.now }) ?? true else {
            throw .invalidStateChange
        }
        // Its GPUs may have gone to somebody else in the meantime.
        guard !self.strikes(.startRefused, id) else { throw .insufficientResource }
        try self.takeStockBack(at: index)
        self.machines[index].statusError = nil
        if self.machines[index].spot != nil { self.machines[index].set(.undisturbed, at: self.now) }
        let timings = self.configuration.timings
        self.begin(
            [
                .init(status: .toStart, duration: timings.toStart), .init(status: .starting, duration: timings.starting),
                .init(status: .pulling, duration: timings.pullingCached), .init(status: .running),
            ], at: index)
        return .toStart
    }

    mutating func stop(_ id: String) throws(APIError) -> InstanceStatus {
        let index = try self.visibleIndex(of: id)
        guard self.machines[index].status == .running else { throw .invalidStateChange }
        self.beginStop(at: index)
        return .toStop
    }

    mutating func restart(_ id: String) throws(APIError) -> InstanceStatus {
        let index = try self.visibleIndex(of: id)
        guard self.machines[index].status == .running else { throw .invalidStateChange }
        let timings = self.configuration.timings
        self.begin(
            [
                .init(status: .toRestart, duration: timings.toRestart), .init(status: .restarting, duration: timings.restarting),
                .init(status: .running),
            ], at: index)
        return .toRestart
    }

    mutating func delete(_ id: String) throws(APIError) {
        let index = try self.visibleIndex(of: id)
        guard !self.machines[index].status.isLeaving else { throw self.instanceNotFound }
        if let end = self.machines[index].endTime, end > self.now { throw .prepaidRelease }
        let timings = self.configuration.timings
        let before = self.machines[index].status
        self.begin(
            [
                .init(status: .toRemove, duration: timings.toRemove), .init(status: .removing, duration: timings.removing),
                .init(status: self.strikes(.forgottenDelete, id) ? (before == .running ? .running : .exited) : .removed),
            ], at: index)
    }

    // MARK: Creation

    /// Takes the GPUs, opens the bill, and returns where the new machine is; it has no way yet.
    private mutating func add(_ checked: CreateRequest.Checked) throws(APIError) -> Int {
        let machine = self.makeMachine(checked, in: try self.takeStock(for: checked))
        let prepaid =
            machine.billingMode == .monthly
            ? Self.prepayment(for: checked.product, gpus: checked.request.gpuCount, months: checked.request.month) : 0
        self.ledger.open(machine, prepaid: prepaid)
        self.machines.append(machine)
        self.machinesAlive += 1
        if let end = machine.endTime { self.timeline.schedule(.expire(id: machine.id), at: end) }
        return self.machines.indices.upperBound - 1
    }

    /// Takes the GPUs from the wanted cluster, or from the first of the product's that has enough.
    private mutating func takeStock(for checked: CreateRequest.Checked) throws(APIError) -> Cluster {
        let wanted = checked.request.clusterID.isEmpty ? checked.product.clusterIDs : [checked.request.clusterID]
        for id in wanted {
            let pool = StockPool(clusterID: id, productID: checked.product.id, isSpot: checked.billingMode == .spot)
            guard let cluster = self.catalogue.cluster(id), self.stock[pool] >= checked.request.gpuCount else { continue }
            try self.resources.check(checked.request.networkStorages, in: id)
            try self.resources.checkNetwork(checked.request.networkID, in: id)
            _ = self.stock.take(checked.request.gpuCount, from: pool)
            return cluster
        }
        throw .insufficientResource
    }

    private mutating func makeMachine(_ checked: CreateRequest.Checked, in cluster: Cluster) -> Machine {
        let end = checked.billingMode == .monthly ? self.now + .seconds(30 * 86_400 * checked.request.month) : nil
        defer { self.nextSequence += 1 }
        return Machine(
            id: self.makeID(), sequence: self.nextSequence, checked: checked, cluster: cluster, createdAt: self.now, endTime: end)
    }

    private mutating func makeID() -> String {
        while true {
            let digits = String(self.generator.next(), radix: 16)
            let id = String(repeating: "0", count: 16 - digits.count) + digits
            if !self.machines.contains(id) { return id }
        }
    }

    private func creation(of machine: Machine) -> [Machine.Step] {
        let timings = self.configuration.timings
        return [
            .init(status: .toCreate, duration: timings.toCreate), .init(status: .creating, duration: timings.creating),
            .init(status: .pulling, duration: self.pullingTime(of: machine)), .init(status: .running),
        ]
    }

    func pullingTime(of machine: Machine) -> Duration {
        let timings = self.configuration.timings
        guard !self.resources.isPrewarmed(machine.request.imageURL, in: machine.cluster.id) else { return timings.pullingPrewarmed }
        return Self.pullingTime(of: machine.request.imageURL, in: timings.pulling)
    }

    /// Stands for the image's size: a place in `range` that depends on its name alone (FNV-1a).
    private static func pullingTime(of image: String, in range: ClosedRange<Duration>) -> Duration {
        let hash = image.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        let spread = (range.upperBound - range.lowerBound).wholeMicroseconds / 1000
        return range.lowerBound + .milliseconds(Int64(hash % UInt64(spread + 1)))
    }

    /// Machines that run from the start. Stops at the first that the stock cannot carry.
    mutating func startInitialInstances() {
        guard self.configuration.initialInstances > 0, let product = self.catalogue.products.first else { return }
        for number in 1...self.configuration.initialInstances {
            let request = CreateRequest(name: "sim-\(number)", productID: product.id, imageURL: "ubuntu:24.04")
            guard let checked = try? request.checked(against: self.catalogue), let index = try? self.add(checked) else { return }
            self.begin([.init(status: .running)], at: index)
        }
    }

    // MARK: Steps

    mutating func beginStop(at index: Int) {
        let timings = self.configuration.timings
        self.begin(
            [
                .init(status: .toStop, duration: timings.toStop),
                .init(status: .stopping, duration: self.generator.duration(in: timings.stopping)), .init(status: .exited),
            ], at: index)
    }

    /// Gives the machine a new way and takes its first step.
    mutating func begin(_ itinerary: [Machine.Step], at index: Int) {
        self.machines[index].itinerary = itinerary[...]
        self.machines[index].generation += 1
        self.enterNextStep(at: index)
    }

    mutating func takeStep(_ id: String, generation: UInt64) {
        guard let index = self.machines.index(of: id), self.machines[index].generation == generation else { return }
        self.enterNextStep(at: index)
    }

    private mutating func enterNextStep(at index: Int) {
        guard let step = self.machines[index].itinerary.popFirst() else { return }
        self.machines[index].set(step.status, at: self.now)
        self.entered(step.status, at: index)
        if self.isStuck(at: index) { return self.machines[index].itinerary = [] }
        guard let duration = step.duration else { return }
        let event = Event.step(id: self.machines[index].id, generation: self.machines[index].generation)
        self.timeline.schedule(event, at: self.now + duration)
    }

    /// A mishap keeps the machine where it is.
    private mutating func isStuck(at index: Int) -> Bool {
        let (id, status) = (self.machines[index].id, self.machines[index].status)
        switch status {
        case .pulling: return self.strikes(.stuckPull, id)
        case .creating:
            guard self.strikes(.failedCreation, id) else { return false }
            self.machines[index].statusError = StatusError(state: "failed", message: "the container could not be created")
            return true
        default: return false
        }
    }

    private mutating func entered(_ status: InstanceStatus, at index: Int) {
        switch status {
        case .pulling:
            self.ledger.startMeter(of: self.machines[index].id, at: self.now)
        case .running:
            self.ledger.startMeter(of: self.machines[index].id, at: self.now)
            self.connect(at: index)
        case .exited:
            self.ledger.stopMeter(of: self.machines[index].id, at: self.now)
            self.machines[index].lastStoppedAt = self.now
            self.machines[index].connection = nil
            self.leaveGPUs(at: index)
            self.settleSpot(at: index)
        case .removed:
            self.ledger.release(self.machines[index].id, at: self.now)
            self.machines[index].removedAt = self.now
            self.machines[index].connection = nil
            self.leaveGPUs(at: index)
            self.machinesAlive -= 1
            let retention = self.configuration.timings.removedRetention
            self.timeline.schedule(.forget(id: self.machines[index].id), at: self.now + retention + Self.listLagMax)
        case .toCreate, .creating, .toStart, .starting, .toStop, .stopping, .toRestart, .restarting, .toRemove, .removing, .toReset,
            .resetting, .migrating, .freezing:
            break
        }
    }

    /// Gives a machine that has come up its ports and password. A restart keeps them.
    private mutating func connect(at index: Int) {
        guard self.machines[index].connection == nil else { return }
        let tcpPorts = self.machines[index].ports.filter { $0.kind == .tcp }
        var numbers = self.publicPorts(tcpPorts.count + 1, besides: [])
        self.machines[index].connection = Connection(
            sshPort: numbers.removeLast(), sshPassword: self.generator.text(count: 16, of: Self.passwordAlphabet),
            tcpPorts: Dictionary(zip(tcpPorts, numbers)) { first, _ in first })
        self.machines[index].lastStartedAt = self.now
    }

    /// Ports that were opened on a machine that is up get their numbers; the others keep theirs.
    mutating func mapNewPorts(at index: Int) {
        guard var connection = self.machines[index].connection else { return }
        let tcpPorts = self.machines[index].ports.filter { $0.kind == .tcp }
        let kept = connection.tcpPorts.filter { tcpPorts.contains($0.key) }
        let new = tcpPorts.filter { kept[$0] == nil }
        let numbers = self.publicPorts(new.count, besides: Set(kept.values).union([connection.sshPort]))
        connection.tcpPorts = kept.merging(zip(new, numbers)) { first, _ in first }
        self.machines[index].connection = connection
    }

    private mutating func publicPorts(_ count: Int, besides taken: Set<Int>) -> [Int] {
        var numbers: [Int] = []
        while numbers.count < count {
            let number = Int.random(in: Self.publicPorts, using: &self.generator)
            if !numbers.contains(number), !taken.contains(number) { numbers.append(number) }
        }
        return numbers
    }

    mutating func giveStockBack(at index: Int) { self.leaveGPUs(at: index) }

    /// Gives the GPUs back; those of a reclaimed machine went to somebody else and do not come back to the stock.
    private mutating func leaveGPUs(at index: Int) {
        guard self.machines[index].holdsStock else { return }
        self.machines[index].holdsStock = false
        guard self.machines[index].spot?.status != .reclaiming else { return }
        self.stock[self.machines[index].pool] += self.machines[index].request.gpuCount
    }

    /// Says how a spot machine came to its stop. One that its owner stopped shows no reclaim, even if one was announced.
    private mutating func settleSpot(at index: Int) {
        guard var spot = self.machines[index].spot else { return }
        if spot.status == .reclaiming {
            spot.status = .terminated
        } else if spot.status == .notified {
            spot = .undisturbed
        }
        self.machines[index].set(spot, at: self.now)
    }
}
