/// How a machine is paid for beyond its price per hour, as far as that is known.
package struct BillingFacts: Hashable, Sendable, Codable {
    /// It is paid by the month, and so long; nil: it is not.
    package var paidUntil: Timestamp?
    /// Renewed by itself for so many months, as last asked for here; 0: no longer. Nil: nobody has said so here.
    package var autoRenewMonths: Int?
    /// Moved by the provider by itself, as last asked for here. Nil: nobody has said so here.
    package var autoMigration: AutoMigration?
    /// The renewal that a delete has ended, since the provider keeps a machine that renews itself: months that are asked for again once nobody
    /// wants it deleted any more. Nil: none, or it has been asked for.
    package var endedRenewalMonths: Int?

    package init(paidUntil: Timestamp? = nil, autoRenewMonths: Int? = nil, autoMigration: AutoMigration? = nil) {
        self.paidUntil = paidUntil
        self.autoRenewMonths = autoRenewMonths
        self.autoMigration = autoMigration
        self.endedRenewalMonths = nil
    }
}

/// Whether the provider moves a machine by itself when its node fails.
package struct AutoMigration: Hashable, Sendable, Codable {
    package var isOn: Bool
    package var includesSystemDisk: Bool

    package init(isOn: Bool, includesSystemDisk: Bool = false) {
        self.isOn = isOn
        self.includesSystemDisk = includesSystemDisk
    }
}

/// What is asked for: one of the three.
package struct BillingChange: Hashable, Sendable, Codable {
    /// Months that are paid ahead at once.
    package var months: Int?
    /// They may cost so much, all together.
    package var maxPrice: MicroUSD?
    /// 0: no longer.
    package var autoRenewMonths: Int?
    package var autoMigration: AutoMigration?
    /// What the machine was read to be just before the months were asked for: what it is after is compared with that.
    package var before: BillingFacts?

    package init(
        months: Int? = nil, maxPrice: MicroUSD? = nil, autoRenewMonths: Int? = nil, autoMigration: AutoMigration? = nil
    ) {
        self.months = months
        self.maxPrice = maxPrice
        self.autoRenewMonths = autoRenewMonths
        self.autoMigration = autoMigration
        self.before = nil
    }

    /// For the provider; nil for a change that asks for nothing.
    package var terms: MachineTerms? {
        if let months { return self.before?.paidUntil == nil ? .monthly(months: months) : .renewal(months: months) }
        if let autoRenewMonths { return .automaticRenewal(months: autoRenewMonths == 0 ? nil : autoRenewMonths) }
        return self.autoMigration.map { .automaticMigration(isOn: $0.isOn, includesSystemDisk: $0.includesSystemDisk) }
    }

    /// For people.
    package var effect: String {
        if let months, let maxPrice { return "\(months) months are to be paid ahead, for at most \(maxPrice)" }
        if let autoRenewMonths {
            return autoRenewMonths == 0
                ? "it is no longer to be renewed by itself" : "it is to be renewed by itself for \(autoRenewMonths) months"
        }
        return "the provider is \(self.autoMigration?.isOn == true ? "" : "no longer ")to move it by itself"
    }
}

extension SpecRules {
    package static let monthsPaidAhead = 1...12

    package static func violations(of change: BillingChange) -> [FieldViolation] {
        var found: [FieldViolation] = []
        let asked = [change.months != nil, change.autoRenewMonths != nil, change.autoMigration != nil].count { $0 }
        if asked != 1 { found.append(FieldViolation("months", "name one of months, auto_renew and auto_migration")) }
        let range = "\(self.monthsPaidAhead.lowerBound) to \(self.monthsPaidAhead.upperBound)"
        if let months = change.months {
            if !self.monthsPaidAhead.contains(months) { found.append(FieldViolation("months", "must be \(range)")) }
            if change.maxPrice.map({ $0 <= .zero }) ?? true {
                found.append(FieldViolation("max_price", "is required: months are paid at once"))
            }
        } else if change.maxPrice != nil {
            found.append(FieldViolation("max_price", "goes with months alone"))
        }
        if let months = change.autoRenewMonths, months != 0, !self.monthsPaidAhead.contains(months) {
            found.append(FieldViolation("auto_renew.months", "must be \(range)"))
        }
        return found
    }
}

extension Catalogue {
    /// What so many months of a machine cost; nil when it is not sold by the month. Whether the provider's number is for a month or for all
    /// of them is not documented: it is taken for one, which is the dearer reading.
    package func price(ofMonths months: Int, product id: String, gpuCount: Int) -> MicroUSD? {
        let prices = self.products.first { $0.id == id }?.monthlyPrices ?? [:]
        return (prices[months] ?? prices[1]).map { $0 * months * max(1, gpuCount) }
    }
}

extension Instance {
    /// The provider keeps the machine for months that are paid: it cannot be given back before.
    func isPaid(at now: Timestamp) -> Bool { self.billing?.paidUntil.map { $0 > now } ?? false }

    /// Takes over what the provider shows. A machine that is not paid by the month has no such time.
    mutating func observeBilling(of machine: Machine) {
        guard machine.paidUntil != self.billing?.paidUntil, machine.paidUntil != nil || machine.billingMode != nil else { return }
        var billing = self.billing ?? BillingFacts()
        billing.paidUntil = machine.paidUntil
        self.billing = billing == BillingFacts() ? nil : billing
    }
}
