import ArgumentParser
import FoundationEssentials
import Logging
import NovitaSimulator
import NovitaSimulatorHTTP
import ServiceLifecycle
import UnixSignals

@main
struct NovitaSim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "novita-sim",
        abstract: "A simulator of Novita.ai's GPU-instance API.",
        discussion: """
            It serves the API below /gpu-instance/openapi/v1 and /openapi/v1, for any bearer token, and its controls below /_sim/:

              GET  /_sim/ledger     every machine ever billed, with its seconds and its amount
              GET  /_sim/requests   what was called, and what the caller saw
              POST /_sim/faults     arm a fault: {"path": "/gpu/instance/create", "kind": "drop_after", "times": 1}
              POST /_sim/clock      {"advance_seconds": 60} or {"speed": 10}
              POST /_sim/stock      {"product_id": "4090.16c62g", "free": 0}
              POST /_sim/lists      {"page_cap": 100}: the largest page of a list
              POST /_sim/mishaps    {"kind": "stuck_pull"}: what goes wrong with a machine itself
              POST /_sim/spot/ID/notify, /_sim/spot/ID/reclaim, /_sim/instances/ID/fail, /_sim/instances/ID/load, /_sim/reset

            Times are virtual: with --speed 60 a minute of the simulated world passes in a second.
            """)

    @Option(help: "Address: host:port or unix:PATH. Port 0 picks a free one. Default: $SIM_LISTEN, else 127.0.0.1:8090.")
    var listen: String?

    @Option(help: ArgumentHelp("Write the port (or the socket's path) to this file once calls are taken.", valueName: "path"))
    var portFile: String?

    @Option(help: "Seed of ids, ports, durations and faults.")
    var seed: UInt64 = 1

    @Option(help: "Virtual seconds in a real one; 0 stands still.")
    var speed = 1.0

    @Option(help: "Start with so many running machines.")
    var instances = 0

    @Option(help: "Largest page of a list.")
    var pageCap = 100

    @Option(help: "The only API key that is good. Default: any.")
    var apiKey: String?

    @Option(help: "Status of the answer for an unknown instance: 400 or 404.")
    var notFoundStatus = 400

    @Flag(help: "Count pages from 0.")
    var zeroBasedPages = false

    @Flag(help: "Write the total of a list as text.")
    var totalAsString = false

    @Flag(help: "Write 64-bit numbers as numbers, as the documentation has them.")
    var docsNumbers = false

    @Flag(help: "Answer a delete with an empty body.")
    var emptyBodies = false

    @Flag(help: "Leave the state of spot out of lists.")
    var listsWithoutSpot = false

    @Flag(help: "Leave the addresses of ports out of lists.")
    var listsWithoutEndpoints = false

    @Flag(help: "Write fields that no documentation knows.")
    var unknownFields = false

    @Flag(help: "Say pending, a status that no documentation knows, for a machine that has just been asked for.")
    var pendingStatus = false

    @Option(help: "error, warning, info, debug or trace. Default: $LOG_LEVEL, else info.")
    var logLevel: String?

    @Option(help: "json or text. Default: $LOG_FORMAT, else json.")
    var logFormat: String?

    func run() async throws {
        let settings = try self.settings()
        let logger = settings.makeLogger()
        let host = SimulatorHost(
            configuration: self.simulatorConfiguration, seed: self.seed, speed: self.speed, startingAt: Self.wallClock)
        let portFile = self.portFile
        let server = SimulatorServer(
            host: host, address: settings.address, style: self.style, key: self.apiKey, logger: Self.quiet(logger)
        ) { address in
            logger.info("listening", metadata: ["address": "\(address)"])
            Self.write(address, to: portFile, logger)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.quiet(logger)))
        try await group.run()
        logger.info("stopped")
    }

    /// Logs everything that is wrong, at once.
    private func settings() throws(ExitCode) -> SimulatorSettings {
        var settings = SimulatorSettings(
            flags: ["SIM_LISTEN": self.listen, "LOG_LEVEL": self.logLevel, "LOG_FORMAT": self.logFormat].compactMapValues(\.self),
            environment: ProcessInfo.processInfo.environment)
        settings.check("--speed", "must be 0...\(VirtualClock.speedMax)", (0...VirtualClock.speedMax).contains(self.speed))
        settings.check("--instances", "must be \(Self.instancesRange)", Self.instancesRange.contains(self.instances))
        settings.check("--page-cap", "must be \(Self.pageCapRange)", Self.pageCapRange.contains(self.pageCap))
        settings.check("--not-found-status", "must be 400 or 404", [400, 404].contains(self.notFoundStatus))
        guard settings.violations.isEmpty else {
            let logger = settings.makeLogger()
            for violation in settings.violations { logger.error("invalid setting", metadata: ["violation": "\(violation)"]) }
            throw ExitCode(SimulatorSettings.invalidStatus)
        }
        return settings
    }

    /// What the first product's stock can carry.
    private static let instancesRange = 0...20_000
    private static let pageCapRange = 1...10_000

    private var simulatorConfiguration: SimulatorConfiguration {
        var configuration = SimulatorConfiguration()
        configuration.pageSizeMax = self.pageCap
        configuration.initialInstances = self.instances
        configuration.notFoundStatus = self.notFoundStatus
        configuration.hasZeroBasedPages = self.zeroBasedPages
        return configuration
    }

    private var style: WireStyle {
        var style = WireStyle()
        style.writesTotalAsString = self.totalAsString
        style.usesDocumentedNumbers = self.docsNumbers
        style.hasEmptyBodies = self.emptyBodies
        style.listsOmitSpot = self.listsWithoutSpot
        style.listsOmitEndpoints = self.listsWithoutEndpoints
        style.hasUnknownFields = self.unknownFields
        style.saysPending = self.pendingStatus
        return style
    }

    private static var wallClock: SimulatorTime {
        SimulatorTime(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }

    /// The libraries' logger: our own line with the address comes first, so theirs are shown when something is wrong or when asked for.
    private static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = logger.logLevel <= .debug ? logger.logLevel : max(.warning, logger.logLevel)
        return quiet
    }

    private static func write(_ address: SimulatorAddress, to path: String?, _ logger: Logger) {
        guard let path else { return }
        let text: String =
            switch address {
            case .tcp(_, let port): String(port)
            case .unix(let path): path
            }
        do {
            try Data("\(text)\n".utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            logger.error("port file not written", metadata: ["path": "\(path)", "error": "\(error)"])
        }
    }
}
