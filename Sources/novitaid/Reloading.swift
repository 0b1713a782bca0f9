import Access
import Logging
import RPCTransport
import Settings
import Telemetry

/// What is read again on SIGHUP. A file that is wrong changes nothing: better what was good a moment ago than nothing.
struct Reloading: Sendable {
    private let settings: ServerSettings
    private let authenticator: Authenticator
    private let tls: ServerTLS?
    private let threshold: LogThreshold
    private let log: Logger
    private let readAgain: @Sendable () throws(SettingsError) -> ServerSettings

    init(
        _ settings: ServerSettings, _ authenticator: Authenticator, _ tls: ServerTLS?, _ threshold: LogThreshold, _ log: Logger,
        readAgain: @escaping @Sendable () throws(SettingsError) -> ServerSettings
    ) {
        self.threshold = threshold
        self.readAgain = readAgain
        self.settings = settings
        self.authenticator = authenticator
        self.tls = tls
        self.log = log
    }

    func run() {
        self.attempt("tokens") { () throws(SettingsError) in self.authenticator.replace(try PrincipalTables.read(self.settings)) }
        // From .env or the file of --config: a process' flags and environment stay what they are.
        self.attempt("log level") { () throws(SettingsError) in self.threshold.level = Logger.Level(try self.readAgain().log.level) }
        guard let tls = self.tls else { return }
        self.attempt("certificate") { () throws(SettingsError) in try tls.reload(self.settings) }
    }

    private func attempt(_ what: String, _ body: () throws(SettingsError) -> Void) {
        do throws(SettingsError) {
            try body()
            self.log.info("\(what) reloaded")
        } catch {
            self.log.error("\(what) not reloaded", metadata: ["reason": "\(error)"])
        }
    }
}
