import ArgumentParser
import FoundationEssentials
import Hummingbird
import Logging
import RPCTransport
import ServiceLifecycle
import Settings
import Sidecar
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve HTTP/1 until told to end by SIGTERM or SIGINT.")

    @OptionGroup var arguments: SidecarArguments

    @ArgumentParser.Option(
        help: ArgumentHelp("Write the port (or the socket's path) to this file once requests are taken.", valueName: "path"))
    var portFile: String?

    func run() async throws {
        let settings = self.arguments.settings
        let logger = settings.makeLogger()
        try settings.check(logger)
        let channel = HTTP2Channel(configuration: settings.channel)
        let portFile = self.portFile
        let server = SidecarServer(
            routes: try SidecarRoutes(channel: channel, token: settings.token?.reveal(), isLoopback: settings.isLoopback),
            address: settings.bindAddress, logger: Self.quiet(logger)
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
