import Logging
import NovitaSimulatorHTTP
import Settings
import Telemetry

/// What can be set by the environment as well as by a flag.
struct SimulatorSettings {
    private static let listen = Settings.Option<ListenAddress>(
        "SIM_LISTEN", .listenAddress, default: .tcp(host: "127.0.0.1", port: 8090), "where the simulator takes requests")

    /// The exit status when something is wrong.
    static let invalidStatus = SettingsError.exitStatus

    private let listen: ListenAddress
    private let log: LogSettings
    private(set) var violations: [String]

    /// - Parameter flags: by the variable's name.
    init(flags: [String: String], environment: [String: String]) {
        // No option here is a secret, so no file is read.
        var reader = SettingsReader(SettingsSources(flags: flags, environment: environment), readFile: { _ in "" })
        self.listen = reader.read(Self.listen)
        self.log = LogSettings(reading: &reader)
        self.violations = reader.violations.map(\.description)
    }

    /// Notes a violation of `rule` unless it is kept.
    mutating func check(_ flag: String, _ rule: String, _ isKept: Bool) {
        if !isKept { self.violations.append("\(flag) \(rule)") }
    }

    var address: SimulatorAddress {
        switch self.listen {
        case .tcp(let host, let port): .tcp(host: host, port: port)
        case .unix(let path): .unix(path: path)
        }
    }

    func makeLogger() -> Logger {
        let level = Logger.Level(rawValue: self.log.level.rawValue) ?? .info
        let format = LogFormat(rawValue: self.log.format.rawValue) ?? .json
        return Logger(label: "novita-sim") { LineLogHandler(label: $0, level: level, format: format, write: StandardError.write) }
    }
}
