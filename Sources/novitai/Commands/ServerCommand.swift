internal import ArgumentParser
internal import NovitaiProto

struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "The server itself.",
        subcommands: [
            ShowServerInfo.self, ShowHealth.self, FreezeFleet.self, UnfreezeFleet.self, ActivateDeployment.self, ReconcileInstances.self,
            ListCaches.self, ClearCache.self,
        ])
}

struct ShowServerInfo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "info", abstract: "Version, store, upstream and limits.")
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let info = try await self.connection.withChannel { channel in
            try await NovitaiV1.AdminServiceClient(channel).getServerInfo(
                NovitaiV1.GetServerInfoRequest(), options: try self.connection.call)
        }
        self.connection.output.print(info) {
            var table = Table("SETTING", "VALUE")
            table.add("version", info.version)
            table.add("deployment", info.deploymentId)
            table.add("started", info.startTime.text)
            table.add("store", info.store)
            table.add("upstream", info.upstream)
            table.add("revision", String(info.revision))
            if let limits = info.limits {
                table.add("max instances", String(limits.maxInstances))
                table.add("max hourly spend", dollars(limits.maxHourlySpendMicros))
                table.add("max concurrent jobs", String(limits.maxConcurrentJobs))
            }
            return table.text
        }
    }
}

struct ShowHealth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "The server's checks; exit status 1 when it is unhealthy.")
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let health = try await self.connection.withChannel { channel in
            try await NovitaiV1.AdminServiceClient(channel).getHealth(
                NovitaiV1.GetHealthRequest(), options: try self.connection.call)
        }
        self.connection.output.print(health) {
            var table = Table("CHECK", "STATUS", "CHECKED", "DETAIL")
            for check in health.checks { table.add(check.name, check.status.word, check.checkedAt.text, check.detail) }
            let owed = health.owedMachines == 0 ? "" : ", \(health.owedMachines) machines owed at \(health.leakedHourlyPrice.text) USD/h"
            return "\(health.status.word), \(words(health.control))\(owed)\n\(table.text)"
        }
        if health.status == .unhealthy { throw CommandFailure(status: .refused, message: "the server is unhealthy") }
    }
}
