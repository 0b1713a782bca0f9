/// What one machine has cost so far.
package struct LedgerEntry: Hashable, Sendable {
    package let id: String
    package let name: String
    package let productID: String
    package let billingMode: BillingMode
    package let gpuCount: Int
    /// 1/100 000 USD per GPU and hour; zero for a monthly machine, which is paid ahead.
    package let hourlyPrice: Int64
    /// Micro-USD, charged ahead: when it was created, or since.
    package fileprivate(set) var prepaid: Int64
    fileprivate var isPaidAhead = false
    package let created: SimulatorTime
    /// When it was gone for good; nil while it exists.
    package fileprivate(set) var released: SimulatorTime?
    /// True once it has reached `pulling`.
    package fileprivate(set) var wasBilled = false
    /// Full seconds metered; a second that has begun counts.
    package fileprivate(set) var billedSeconds: Int64 = 0
    fileprivate var meteredSince: SimulatorTime?

    /// True while it costs money.
    package var isMetered: Bool { self.meteredSince != nil }

    /// Micro-USD: price × seconds / 3600 × GPUs, rounded half up.
    package var amount: Int64 {
        // The price's unit is ten micro-USD.
        let microUSDSeconds = self.billedSeconds * Int64(self.gpuCount) * self.hourlyPrice * 10
        return self.prepaid + (microUSDSeconds + 1800) / 3600
    }

    /// The entry as it stands at `now`, the running second included.
    fileprivate func settled(at now: SimulatorTime) -> Self {
        guard let since = self.meteredSince, now > since else { return self }
        var settled = self
        settled.billedSeconds += (now.microseconds - since.microseconds + 999_999) / 1_000_000
        return settled
    }
}

/// The provider's bill: every machine that ever existed, in order of creation. Entries are never dropped.
struct Ledger: Sendable {
    private var entries: [LedgerEntry] = []
    private var positions: [String: Int] = [:]

    mutating func open(_ machine: Machine, prepaid: Int64) {
        self.positions[machine.id] = self.entries.count
        self.entries.append(
            LedgerEntry(
                id: machine.id, name: machine.name, productID: machine.product.id, billingMode: machine.billingMode,
                gpuCount: machine.request.gpuCount, hourlyPrice: machine.hourlyPrice, prepaid: prepaid, created: machine.createdAt))
    }

    mutating func startMeter(of id: String, at now: SimulatorTime) {
        self.update(id) { entry in
            guard entry.meteredSince == nil else { return }
            entry.wasBilled = true
            if !entry.isPaidAhead { entry.meteredSince = now }
        }
    }

    mutating func stopMeter(of id: String, at now: SimulatorTime) {
        self.update(id) { entry in
            entry = entry.settled(at: now)
            entry.meteredSince = nil
        }
    }

    /// From now on the machine costs nothing by the second.
    mutating func payAhead(_ id: String, _ amount: Int64, at now: SimulatorTime) {
        self.stopMeter(of: id, at: now)
        self.update(id) { entry in
            entry.prepaid += amount
            entry.isPaidAhead = true
        }
    }

    mutating func release(_ id: String, at now: SimulatorTime) {
        self.stopMeter(of: id, at: now)
        self.update(id) { $0.released = now }
    }

    func entries(at now: SimulatorTime) -> [LedgerEntry] {
        self.entries.map { $0.settled(at: now) }
    }

    /// Micro-USD over all machines.
    func total(at now: SimulatorTime) -> Int64 {
        self.entries.reduce(0) { $0 + $1.settled(at: now).amount }
    }

    private mutating func update(_ id: String, _ change: (inout LedgerEntry) -> Void) {
        guard let position = self.positions[id] else { return }
        change(&self.entries[position])
    }
}
