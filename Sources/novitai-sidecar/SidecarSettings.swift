import ArgumentParser
import FoundationEssentials
import Hummingbird
import Logging
import RPCCore
import RPCTransport
import Settings
import Sidecar
import Telemetry

/// What can be set by the environment as well as by a flag.
struct SidecarSettings {
    private static let listen = Settings.Option<ListenAddress>(
        "SIDECAR_LISTEN", .listenAddress, default: .tcp(host: "127.0.0.1", port: 8080), "where the sidecar takes requests")
    private static let target = Settings.Option<ListenAddress>(
        "NOVITAI_TARGET", .listenAddress, default: .tcp(host: "127.0.0.1", port: 50051), "the server")
    private static let token = Settings.Option<Secret?>(
        "NOVITAI_TOKEN", Form<Secret>.headerSecret.optional, default: nil, isSecret: true, "the bearer token for the server")
    private static let authorities = Settings.Option<String?>(
        "NOVITAI_CA_FILE", Form<String>.path.optional, default: nil, "who must have signed the server's certificate, PEM; encrypts")
    private static let certificate = Settings.Option<String?>(
        "NOVITAI_CERT_FILE", Form<String>.path.optional, default: nil, "the sidecar's own certificate, PEM")
    private static let key = Settings.Option<String?>("NOVITAI_KEY_FILE", Form<String>.path.optional, default: nil, "its key, PEM")
    /// The longest pause between two attempts to reach a server that is down: a server that is back is to be seen at once.
    private static let reconnectDelayMax: Duration = .seconds(2)
    /// Between two questions whether the server is still there, as often as the command line asks.
    private static let keepaliveInterval: Duration = .seconds(30)

    private let listen: ListenAddress
    private let target: ListenAddress
    let token: Secret?
    private let tls: ClientTLS?
    private let log: LogSettings
    private let violations: [String]

    /// - Parameter flags: by the variable's name.
    init(flags: [String: String], environment: [String: String]) {
        var reader = SettingsReader(SettingsSources(flags: flags, environment: environment)) { path in
            try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        }
        self.listen = reader.read(Self.listen)
        self.target = reader.read(Self.target)
        self.token = reader.read(Self.token)
        self.tls = Self.readTLS(&reader)
        self.log = LogSettings(reading: &reader)
        self.violations = reader.violations.map(\.description)
    }

    /// nil when no file is named.
    private static func readTLS(_ reader: inout SettingsReader) -> ClientTLS? {
        let files = TLSFiles(
            certificate: reader.read(Self.certificate), key: reader.read(Self.key), authorities: reader.read(Self.authorities))
        guard files != TLSFiles() else { return nil }
        do throws(TLSFileError) {
            return try ClientTLS(files)
        } catch {
            switch error.part {
            case .certificate: reader.report(Self.certificate.name, "\(files.certificate ?? "") \(error.reason)")
            case .key: reader.report(Self.key.name, "\(files.key ?? "") \(error.reason)")
            case .authorities: reader.report(Self.authorities.name, "\(files.authorities ?? "") \(error.reason)")
            }
            return nil
        }
    }

    /// Whether only this machine reaches the sidecar.
    var isLoopback: Bool { self.listen.isLoopback }

    var bindAddress: BindAddress {
        switch self.listen {
        case .tcp(let host, let port): .hostname(host, port: port)
        case .unix(let path): .unixDomainSocket(path: path)
        }
    }

    var probeAddress: SidecarProbe.Address {
        switch self.listen.asTarget {
        case .tcp(let host, let port): .host(host, port: port)
        case .unix(let path): .unix(path: path)
        }
    }

    var channel: HTTP2ChannelConfiguration {
        let address: RPCAddress =
            switch self.target {
            case .tcp(let host, let port): .host(host, port: port)
            case .unix(let path): .unix(path: path)
            }
        var configuration = HTTP2ChannelConfiguration(address: address)
        configuration.tls = self.tls
        configuration.backoff.maximum = Self.reconnectDelayMax
        // A server whose machine is gone says nothing: its watches would wait for it for ever.
        configuration.keepalive.interval = Self.keepaliveInterval
        return configuration
    }

    /// Logs everything that is wrong, and ends the program when anything is.
    func check(_ logger: Logger) throws {
        guard !self.violations.isEmpty else { return }
        for violation in self.violations { logger.error("invalid setting", metadata: ["violation": "\(violation)"]) }
        throw ExitCode(SettingsError.exitStatus)
    }

    func makeLogger() -> Logger {
        let level = Logger.Level(rawValue: self.log.level.rawValue) ?? .info
        let format = LogFormat(rawValue: self.log.format.rawValue) ?? .json
        return Logger(label: "novitai-sidecar") { LineLogHandler(label: $0, level: level, format: format, write: StandardError.write) }
    }
}
