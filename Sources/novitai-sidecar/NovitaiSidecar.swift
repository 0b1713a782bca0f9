import ArgumentParser
import FoundationEssentials
import Hummingbird
import Logging
import RPCTransport
import ServiceLifecycle
import Settings
import Sidecar
import Telemetry
import UnixSignals

@main
struct NovitaiSidecar: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "novitai-sidecar",
        abstract: "The HTTP/1 face of a Novitai server: /livez, /readyz, /health, /metrics.",
        discussion:
            "It reaches the server by gRPC alone, so what it reports is what a client would see. Exit status 78: a setting is wrong.")

    @ArgumentParser.Option(help: "Address: host:port or unix:PATH. Port 0 picks a free one. Default: $SIDECAR_LISTEN, else 127.0.0.1:8080.")
    var listen: String?

    @ArgumentParser.Option(help: "The server: host:port or unix:PATH. Default: $NOVITAI_TARGET, else 127.0.0.1:50051.")
    var target: String?

    @ArgumentParser.Option(
        help: ArgumentHelp("Write the port (or the socket's path) to this file once requests are taken.", valueName: "path"))
    var portFile: String?

    @ArgumentParser.Option(help: "error, warning, info, debug or trace. Default: $LOG_LEVEL, else info.")
    var logLevel: String?

    @ArgumentParser.Option(help: "json or text. Default: $LOG_FORMAT, else json.")
    var logFormat: String?

    func run() async throws {
        let settings = SidecarSettings(
            flags: [
                "SIDECAR_LISTEN": self.listen, "NOVITAI_TARGET": self.target, "LOG_LEVEL": self.logLevel, "LOG_FORMAT": self.logFormat,
            ].compactMapValues(\.self),
            environment: ProcessInfo.processInfo.environment)
        let logger = settings.makeLogger()
        guard settings.violations.isEmpty else {
            for violation in settings.violations { logger.error("invalid setting", metadata: ["violation": "\(violation)"]) }
            throw ExitCode(SettingsError.exitStatus)
        }
        let channel = HTTP2Channel(configuration: settings.channel)
        let portFile = self.portFile
        let server = SidecarServer(
            routes: try SidecarRoutes(channel: channel, token: settings.token?.reveal()), address: settings.bindAddress,
            logger: Self.quiet(logger)
        ) { address in
            logger.info("listening", metadata: ["address": "\(address.text)"])
            Self.write(address.port, to: portFile, logger)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.quiet(logger)))
        try await group.run()
        await channel.shutDown()
        logger.info("stopped")
    }

    /// The libraries' logger: our own line with the address comes first, so theirs are shown when something is wrong or when asked for.
    private static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = logger.logLevel <= .debug ? logger.logLevel : max(.warning, logger.logLevel)
        return quiet
    }

    private static func write(_ port: String, to path: String?, _ logger: Logger) {
        guard let path else { return }
        do {
            try Data("\(port)\n".utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            logger.error("port file not written", metadata: ["path": "\(path)", "error": "\(error)"])
        }
    }
}
