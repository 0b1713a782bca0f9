/// What a test does behind the API's back. Each takes effect at once and is not logged.
extension NovitaSimulator {
    // MARK: Faults

    /// Arms a fault and returns its number. Faults strike in the order of arming.
    @discardableResult
    package mutating func arm(_ fault: Fault) -> UInt64 {
        self.faults.arm(fault)
    }

    package var armedFaults: [ArmedFault] { self.faults.armed }

    package mutating func clearFaults() {
        self.faults.clear()
    }

    // MARK: Bill

    /// Every machine ever billed, in order of creation; with `includingUnbilled` also those that never came to `pulling`.
    package mutating func ledger(at now: SimulatorTime, includingUnbilled: Bool = false) -> [LedgerEntry] {
        self.advance(to: now)
        return self.ledger.entries(at: self.now).filter { $0.wasBilled || $0.prepaid > 0 || includingUnbilled }
    }

    // MARK: Stock

    /// Free GPUs for each pool of the catalogue.
    package var freeStock: [(pool: StockPool, free: Int)] {
        Stock.pools(of: self.catalogue).map { ($0, self.stock[$0]) }
    }

    /// Sets the free GPUs of every pool that fits; nil fits all. Returns how many pools that were.
    @discardableResult
    package mutating func setStock(
        _ free: Int, productID: String? = nil, clusterID: String? = nil, isSpot: Bool? = nil, at now: SimulatorTime
    ) -> Int {
        self.advance(to: now)
        let pools = Stock.pools(of: self.catalogue).filter {
            (productID == nil || $0.productID == productID) && (clusterID == nil || $0.clusterID == clusterID)
                && (isSpot == nil || $0.isSpot == isSpot)
        }
        for pool in pools { self.stock[pool] = free }
        return pools.count
    }

    /// Changes what a product costs from now on; machines that exist keep their price.
    package mutating func setPrice(ofProduct id: String, price: Int64?, spotPrice: Int64?) throws(APIError) {
        guard let index = self.catalogue.products.firstIndex(where: { $0.id == id }) else { throw .productNotFound }
        if let price { self.catalogue.products[index].price = price }
        if let spotPrice { self.catalogue.products[index].spotPrice = spotPrice }
    }

    // MARK: Lists

    /// Cuts pages of lists to this from now on.
    package mutating func setPageSizeMax(_ size: Int) {
        self.configuration.pageSizeMax = size
    }

    // MARK: Machines

    /// Announces a reclaim: by default after the usual notice, and not before the guaranteed run is over. Returns the planned time.
    @discardableResult
    package mutating func notifySpot(_ id: String, notice: Duration? = nil, at now: SimulatorTime) throws(APIError) -> SimulatorTime {
        let index = try self.runningSpot(id, at: now)
        let usual = self.configuration.timings.spotNotice
        let guaranteedUntil = (self.machines[index].lastStartedAt ?? self.now) + usual
        let planned = notice.map { self.now + $0 } ?? max(self.now + usual, guaranteedUntil)
        self.machines[index].set(.notified(until: planned), at: self.now)
        self.timeline.schedule(.reclaim(id: id), at: planned)
        return planned
    }

    /// Takes a spot machine away now, noticed or not.
    package mutating func reclaimSpot(_ id: String, at now: SimulatorTime) throws(APIError) {
        let index = try self.runningSpot(id, at: now)
        self.reclaim(at: index)
    }

    /// Breaks a machine. One that has never run stays in its status, with the error, and goes on costing if it costs already; any other
    /// exits. With `message` nil there is no word about it: a machine that has never run is just stuck.
    package mutating func failInstance(_ id: String, message: String?, at now: SimulatorTime) throws(APIError) {
        self.advance(to: now)
        let index = try self.visibleIndex(of: id)
        let status = self.machines[index].status
        guard !status.isLeaving, status != .exited else { throw .invalidStateChange }
        self.machines[index].statusError = message.map { StatusError(state: "failed", message: $0) }
        if self.machines[index].lastStartedAt == nil, status.isProvisioning {
            self.machines[index].itinerary = []
            self.machines[index].generation += 1
        } else {
            self.begin([.init(status: .exited)], at: index)
        }
    }

    /// Makes a machine disappear without a trace, as if it had never been; its bill ends.
    package mutating func vanishInstance(_ id: String, at now: SimulatorTime) throws(APIError) {
        self.advance(to: now)
        let index = try self.visibleIndex(of: id)
        guard self.machines[index].status != .removed else { throw self.instanceNotFound }
        self.begin([.init(status: .removed)], at: index)
        self.machines[index].removedAt = self.now - self.configuration.timings.removedRetention
    }

    // MARK: Events

    mutating func carryOutReclaim(_ id: String) {
        guard let index = self.machines.index(of: id), self.machines[index].status == .running,
            let spot = self.machines[index].spot, spot.status == .notified, spot.reclaimTime == self.now
        else { return }
        self.reclaim(at: index)
    }

    /// The end of what was paid for a month.
    mutating func expire(_ id: String) {
        guard let index = self.machines.index(of: id), !self.machines[index].status.isLeaving,
            self.machines[index].status != .exited, self.machines[index].endTime == self.now
        else { return }
        if let months = self.machines[index].autoRenewMonths, self.extend(at: index, months: months) != nil { return }
        let freezing = self.configuration.timings.freezing
        self.begin([.init(status: .freezing, duration: freezing), .init(status: .exited)], at: index)
    }

    private mutating func reclaim(at index: Int) {
        self.machines[index].set(SpotState(status: .reclaiming, reclaimTime: self.now), at: self.now)
        self.beginStop(at: index)
    }

    private mutating func runningSpot(_ id: String, at now: SimulatorTime) throws(APIError) -> Int {
        self.advance(to: now)
        let index = try self.visibleIndex(of: id)
        guard self.machines[index].spot != nil else { throw .unsupportedBillingMode }
        guard self.machines[index].status == .running else { throw .invalidStateChange }
        return index
    }
}
