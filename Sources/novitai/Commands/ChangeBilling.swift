internal import ArgumentParser
internal import NovitaiProto

struct ChangeBilling: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "billing", abstract: "Change how a machine is paid for.",
        discussion: """
            One of --months, --auto-renew and --auto-migrate. Months are paid at once; --validate-only with a small --max-price tells what they \
            cost. A machine that is paid by the month can be deleted only when its time is over.
            """)

    @Option(help: "Pay so many months ahead, 1 to 12.")
    var months: UInt32?
    @Option(help: "The most that they may cost in USD, all together, as 250.00.")
    var maxPrice: Dollars?
    @Option(help: ArgumentHelp("Renew it by itself for so many months, 0: no longer.", valueName: "months"))
    var autoRenew: UInt32?
    @Option(help: ArgumentHelp("Have the provider move it by itself when its node fails.", valueName: "on|off"))
    var autoMigrate: Switch?
    @Flag(help: "With --auto-migrate: with its system disk.")
    var withSystemDisk = false
    @OptionGroup var change: ChangeOptions

    enum Switch: String, ExpressibleByArgument {
        case on, off
    }

    func run() async throws {
        var request = NovitaiV1.ChangeInstanceBillingRequest()
        request.id = self.change.id
        request.months = self.months ?? 0
        request.maxPrice = self.maxPrice.map { price in
            var money = NovitaiV1.Money()
            (money.currencyCode, money.micros) = ("USD", price.micros)
            return money
        }
        request.autoRenew = self.autoRenew.map { months in
            var renewal = NovitaiV1.AutoRenewal()
            renewal.months = months
            return renewal
        }
        request.autoMigration = self.autoMigrate.map { word in
            var migration = NovitaiV1.AutoMigration()
            (migration.enabled, migration.includeSystemDisk) = (word == .on, self.withSystemDisk)
            return migration
        }
        request.validateOnly = self.change.validateOnly
        request.expectedRevision = self.change.expectedRevision
        request.requestId = Retries.requestID(self.change.requestID)
        try await self.change.run {
            let reply = try await $0.changeInstanceBilling(request, options: try self.change.connection.call)
            return (reply.instance, reply.job)
        }
    }
}
