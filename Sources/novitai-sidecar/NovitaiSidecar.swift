import ArgumentParser
import FoundationEssentials

@main
struct NovitaiSidecar: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "novitai-sidecar",
        abstract: "The HTTP/1 face of a Novitai server: /livez, /readyz, /health, /metrics, and the web console at /.",
        discussion:
            "It reaches the server by gRPC alone, so what it reports is what a client would see. Exit status 78: a setting is wrong.",
        subcommands: [Serve.self, Probe.self],
        defaultSubcommand: Serve.self)
}

/// What every subcommand can be told.
struct SidecarArguments: ParsableArguments {
    @ArgumentParser.Option(help: "Address: host:port or unix:PATH. Port 0 picks a free one. Default: $SIDECAR_LISTEN, else 127.0.0.1:8080.")
    var listen: String?

    @ArgumentParser.Option(help: "The server: host:port or unix:PATH. Default: $NOVITAI_TARGET, else 127.0.0.1:50051.")
    var target: String?

    @ArgumentParser.Option(help: "error, warning, info, debug or trace. Default: $LOG_LEVEL, else info.")
    var logLevel: String?

    @ArgumentParser.Option(help: "json or text. Default: $LOG_FORMAT, else json.")
    var logFormat: String?

    var settings: SidecarSettings {
        SidecarSettings(
            flags: [
                "SIDECAR_LISTEN": self.listen, "NOVITAI_TARGET": self.target, "LOG_LEVEL": self.logLevel, "LOG_FORMAT": self.logFormat,
            ].compactMapValues(\.self),
            environment: ProcessInfo.processInfo.environment)
    }
}
