internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

extension NovitaiV1.InstanceBilling {
    init(_ facts: BillingFacts) {
        self.init()
        self.paidUntilTime = facts.paidUntil.map { GoogleProtobuf.Timestamp($0) }
        self.autoRenew = facts.autoRenewMonths.map { months in
            var renewal = NovitaiV1.AutoRenewal()
            renewal.months = UInt32(clamping: months)
            return renewal
        }
        self.autoMigration = facts.autoMigration.map { migration in
            var message = NovitaiV1.AutoMigration()
            (message.enabled, message.includeSystemDisk) = (migration.isOn, migration.includesSystemDisk)
            return message
        }
    }
}

extension BillingChange {
    /// What the values must be is the domain's to say.
    init(_ request: NovitaiV1.ChangeInstanceBillingRequest) {
        self.init(
            months: request.months == 0 ? nil : Int(request.months), maxPrice: request.maxPrice.map { MicroUSD(micros: $0.micros) },
            autoRenewMonths: request.autoRenew.map { Int($0.months) },
            autoMigration: request.autoMigration.map { AutoMigration(isOn: $0.enabled, includesSystemDisk: $0.includeSystemDisk) })
    }
}
