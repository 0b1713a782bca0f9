/// Changes of a machine that stands: ports and disk in place, a new container, another node, other terms.
extension NovitaSimulator {
    private static let renewalMonths = 1...12

    /// Takes effect at once, without a restart.
    mutating func edit(_ request: EditRequest) throws(APIError) {
        let index = try self.standingIndex(of: request.id)
        let machine = self.machines[index]
        guard request.expandRootDisk >= 0 else { throw .invalid("expandRootDisk", "value must be greater than or equal to 0") }
        let size = (machine.request.rootfsSize ?? 0) + request.expandRootDisk
        guard size <= min(6144, machine.product.maxRootFS) else { throw .invalid("expandRootDisk", "the disk would be too large") }
        try FieldRules.check(request.ports, tools: machine.request.tools.count)
        self.machines[index].request.rootfsSize = size
        self.machines[index].ports = request.ports
        self.mapNewPorts(at: index)
    }

    /// The container is made anew on the same GPUs; one that is stopped needs them back first.
    mutating func upgrade(_ request: UpgradeRequest) throws(APIError) -> InstanceStatus {
        let index = try self.standingIndex(of: request.id)
        let status = self.machines[index].status
        guard status == .running || status == .exited else { throw .invalidStateChange }
        try FieldRules.check(request.imageURL, "imageUrl", length: 1...500)
        try FieldRules.check(request.command, "command", length: 0...2047)
        try FieldRules.check(request.entrypoint, "entrypoint", length: 0...2047)
        try FieldRules.check(request.environment)
        try self.resources.check(request.volumes, in: self.machines[index].cluster.id)
        if status == .exited { try self.takeStockBack(at: index) }
        self.machines[index].request.imageURL = request.imageURL
        self.machines[index].request.imageAuthID = request.imageAuthID
        self.machines[index].request.environment = request.environment
        self.machines[index].request.command = request.command
        self.machines[index].request.entrypoint = request.entrypoint
        self.machines[index].request.networkStorages = request.volumes
        self.machines[index].connection = nil
        let timings = self.configuration.timings
        self.begin(
            [
                .init(status: .toReset, duration: timings.toReset), .init(status: .resetting, duration: timings.resetting),
                .init(status: .pulling, duration: self.pullingTime(of: self.machines[index])), .init(status: .running),
            ], at: index)
        return .toReset
    }

    /// Moves a stopped machine to a node that has room, as a job. Should the job fail, the machine stays in `migrating`.
    mutating func migrate(_ id: String) throws(APIError) {
        let index = try self.standingIndex(of: id)
        guard self.machines[index].status == .exited else { throw .invalidStateChange }
        let cluster = try self.takeStockElsewhere(at: index)
        self.machines[index].cluster = cluster
        self.machines[index].holdsStock = true
        self.begin([.init(status: .migrating)], at: index)
        self.startJob(.instanceMigrate, at: index)
    }

    mutating func changeTerms(_ request: TermsRequest) throws(APIError) {
        switch request {
        case .renew(let id, let months): try self.renew(id, months: months)
        case .makeMonthly(let id, let months): try self.makeMonthly(id, months: months)
        case .autoRenew(let ids, let months):
            if let months { try Self.check(months: months, "autoRenewMonth") }
            for id in ids {
                let index = try self.standingIndex(of: id)
                guard self.machines[index].billingMode == .monthly else { throw .unsupportedBillingMode }
                self.machines[index].autoRenewMonths = months
            }
        case .autoMigrate(let id, let isOn, _):
            self.machines[try self.standingIndex(of: id)].migratesByItself = isOn
        }
    }

    /// Extends what is paid ahead; nil when the account does not carry it. For the machine's own end as well.
    @discardableResult
    mutating func extend(at index: Int, months: Int) -> SimulatorTime? {
        let machine = self.machines[index]
        let price = Self.prepayment(for: machine.product, gpus: machine.request.gpuCount, months: months)
        guard self.balance().available >= price else { return nil }
        let end = max(machine.endTime ?? self.now, self.now) + .seconds(30 * 86_400 * months)
        self.ledger.payAhead(machine.id, price, at: self.now)
        self.machines[index].endTime = end
        self.timeline.schedule(.expire(id: machine.id), at: end)
        return end
    }

    /// Micro-USD; the price's unit is ten of them.
    static func prepayment(for product: Product, gpus: Int, months: Int) -> Int64 {
        (product.monthlyPrice ?? 0) * 10 * Int64(gpus * months)
    }

    // MARK: Parts

    private mutating func renew(_ id: String, months: Int) throws(APIError) {
        try Self.check(months: months, "month")
        let index = try self.standingIndex(of: id)
        guard self.machines[index].billingMode == .monthly else { throw .unsupportedBillingMode }
        guard !self.machines[index].status.isProvisioning else { throw .creatingNotRenewable }
        guard self.extend(at: index, months: months) != nil else { throw .balanceNotEnough }
    }

    private mutating func makeMonthly(_ id: String, months: Int) throws(APIError) {
        try Self.check(months: months, "month")
        let index = try self.standingIndex(of: id)
        guard self.machines[index].billingMode == .onDemand, self.machines[index].product.monthlyPrice != nil else {
            throw .unsupportedBillingMode
        }
        guard self.extend(at: index, months: months) != nil else { throw .balanceNotEnough }
        self.machines[index].billingMode = .monthly
    }

    private static func check(months: Int, _ field: String) throws(APIError) {
        guard self.renewalMonths.contains(months) else { throw .invalid(field, "value must be inside range [1, 12]") }
    }

    /// Where a machine is that is not on its way out.
    func standingIndex(of id: String) throws(APIError) -> Int {
        let index = try self.visibleIndex(of: id)
        guard !self.machines[index].status.isLeaving else { throw self.instanceNotFound }
        return index
    }

    /// The GPUs that a stopped machine needs to run again.
    mutating func takeStockBack(at index: Int) throws(APIError) {
        guard self.stock.take(self.machines[index].request.gpuCount, from: self.machines[index].pool) else { throw .insufficientResource }
        self.machines[index].holdsStock = true
    }

    /// A node of the same cluster, or of another that has the product; a network volume keeps a machine where it is.
    private mutating func takeStockElsewhere(at index: Int) throws(APIError) -> Cluster {
        let machine = self.machines[index]
        let others = machine.request.networkStorages.isEmpty ? machine.product.clusterIDs.filter { $0 != machine.cluster.id } : []
        for id in [machine.cluster.id] + others {
            let pool = StockPool(clusterID: id, productID: machine.product.id, isSpot: machine.billingMode == .spot)
            guard let cluster = self.catalogue.cluster(id), self.stock.take(machine.request.gpuCount, from: pool) else { continue }
            return cluster
        }
        throw .migrateInsufficientResource
    }
}
