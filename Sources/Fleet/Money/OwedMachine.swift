/// A machine that nobody wants and that the provider has not been seen without: it is taken to be billed until it has.
package struct OwedMachine: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        /// The second of two that one request brought about.
        case extra
        /// The instance's own, which is to be deleted; or the one that an unsettled create may yet bring.
        case deleting
    }

    package var kind: Kind
    package var instanceID: InstanceID
    package var tenant: TenantID
    /// Nil while it is not known whether there is one.
    package var upstreamID: UpstreamID?
    /// By quoted price.
    package var hourlyPrice: MicroUSD
    /// Since when nobody wants it.
    package var since: Timestamp
}

/// A machine too many that is gone, and what it has cost.
package struct WastedMachine: Hashable, Sendable, Codable {
    package var upstreamID: UpstreamID
    package var hourlyPrice: MicroUSD
    package var since: Timestamp
    /// When it was proven gone: what is counted is never less than what was billed.
    package var until: Timestamp
    package var cost: MicroUSD

    package init(upstreamID: UpstreamID, hourlyPrice: MicroUSD, since: Timestamp, until: Timestamp, cost: MicroUSD) {
        self.upstreamID = upstreamID
        self.hourlyPrice = hourlyPrice
        self.since = since
        self.until = until
        self.cost = cost
    }
}

extension Instance {
    /// Its machines that must go, the oldest debt first.
    package var owedMachines: [OwedMachine] {
        var owed = self.debts.map { debt in
            OwedMachine(
                kind: .extra, instanceID: self.id, tenant: self.tenant, upstreamID: debt.upstreamID, hourlyPrice: debt.hourlyPrice,
                since: debt.owedSince ?? debt.since)
        }
        if self.desiredState == .deleted, !self.state.isFinal {
            owed.append(
                OwedMachine(
                    kind: .deleting, instanceID: self.id, tenant: self.tenant, upstreamID: self.upstream?.id,
                    hourlyPrice: self.placement?.hourlyPrice ?? .zero, since: self.deleteAskedAt ?? self.updatedAt))
        }
        return owed.sorted { ($0.since, $0.upstreamID?.rawValue ?? "") < ($1.since, $1.upstreamID?.rawValue ?? "") }
    }

    /// An orphan that was found while the provider's prices could not be read.
    var lacksPrice: Bool { self.isOrphan && self.placement == nil }

    /// Found at the provider without a record here, and not taken over by a command since.
    package var isOrphan: Bool { self.orphanedSince != nil && !self.state.isFinal }

    mutating func findAgain(_ machine: Machine, at now: Timestamp) {
        self.orphanedSince = now
        self.observe(machine, because: .orphaned, at: now)
        self.stateReason = .orphaned
    }

    /// Somebody has asked for something: it is theirs.
    mutating func claim() {
        guard self.orphanedSince != nil else { return }
        self.orphanedSince = nil
        self.stateReason = .requested
        self.stateMessage = ""
    }
}

/// What the fleet owes and what nobody has asked for, in one look over the living instances.
package struct FleetDebts: Hashable, Sendable {
    /// The oldest first.
    package var machines: [OwedMachine]
    package var orphans: Int
    /// Of orphans whose price is known.
    package var orphanedHourly: MicroUSD
    /// Orphans whose price is not: they cost something all the same.
    package var orphansUnpriced: Int

    package init(of instances: [Instance]) {
        self.machines = instances.flatMap(\.owedMachines).sorted { ($0.since, $0.instanceID) < ($1.since, $1.instanceID) }
        let orphans = instances.filter(\.isOrphan)
        self.orphans = orphans.count
        self.orphansUnpriced = orphans.count(where: \.lacksPrice)
        self.orphanedHourly = orphans.reduce(.zero) { $0 + ($1.placement?.hourlyPrice ?? .zero) }
    }

    /// Dollars per hour for machines that nobody wants.
    package var leakedHourly: MicroUSD { self.machines.reduce(.zero) { $0 + $1.hourlyPrice } }
}

/// How loud a debt has become. An unconfirmed delete is nothing after a minute, and everybody's business after an hour.
package enum DebtAlarm {
    /// Deletes are normally confirmed within seconds; nobody is called before this.
    package static let patience: Duration = .seconds(600)
    static let levelMax = 16

    /// 0: quiet; 1 after `patience`, and one more with each doubling of the age.
    package static func level(of machine: OwedMachine, at now: Timestamp) -> Int {
        let age = now - machine.since
        var level = 0
        while level < self.levelMax, age >= self.patience * (1 << level) { level += 1 }
        return level
    }
}
