import ArgumentParser
import FoundationEssentials
import Glibc
import Handover
import Logging
import Settings

/// The socket that the server listens on, and where it comes from: a service manager, the server before, or this process itself.
struct Listening {
    /// Beside the database: whoever runs on the same one is the server before.
    private static let suffix = ".handover"
    /// Above `SHUTDOWN_GRACE`, which bounds the calls of the server before: to give leases back and to close the database.
    private static let closingTime: Duration = .seconds(15)

    private let settings: ServerSettings
    private let secrets: SecretsFile
    private let log: Logger
    private var path: String { self.settings.databasePath + Self.suffix }

    init(_ settings: ServerSettings, _ secrets: SecretsFile, _ log: Logger) {
        self.settings = settings
        self.secrets = secrets
        self.log = log
    }

    /// A socket that is there already; nil when this process has to open one. After a server before has handed over it has ended.
    func inherit(takesOver: Bool) throws -> ListeningSocket? {
        do {
            if let passed = try ListeningSocket.passed(in: ProcessInfo.processInfo.environment, to: getpid()) {
                try self.check(passed)
                return passed
            }
            guard takesOver else { return nil }
            guard let request = try HandoverRequest.make(at: self.path) else {
                self.log.info("nobody to take over from", metadata: ["socket": "\(self.path)"])
                return nil
            }
            return try self.take(over: request)
        } catch let error as HandoverError {
            self.log.critical("cannot take over", metadata: ["reason": "\(error)"])
            throw ExitCode(ExitStatus.tryAgain)
        }
    }

    /// Whoever may write to a socket file may call. Without identities only the server's own user is to; with them every call is judged.
    private var mode: CInt { self.settings.authTokensFile == nil ? 0o600 : 0o666 }

    /// From the address in the settings.
    func open() throws -> ListeningSocket {
        do throws(HandoverError) {
            switch self.settings.listen {
            case .tcp(let host, let port): return try ListeningSocket.open(host: host, port: port)
            case .unix(let path): return try ListeningSocket.open(path: path, mode: self.mode)
            }
        } catch {
            self.log.critical("cannot listen", metadata: ["address": "\(self.settings.listen)", "reason": "\(error)"])
            throw ExitCode(ExitStatus.failure)
        }
    }

    /// Lets the next server take over. One that cannot is no reason not to serve: it is then stopped and started.
    func offer(_ socket: ListeningSocket, onHandover: @escaping @Sendable () -> Void) -> HandoverPoint? {
        do {
            let facts = try HandoverFacts(sealedBy: self.secrets.keyring).text
            return try HandoverPoint(at: self.path, giving: socket, facts: facts, onHandover: onHandover)
        } catch {
            self.log.warning("no server can take over from this one", metadata: ["socket": "\(self.path)", "reason": "\(error)"])
            return nil
        }
    }

    private func take(over request: HandoverRequest) throws -> ListeningSocket {
        do {
            try self.check(request.socket)
            if let obstacle = HandoverFacts(request.facts)?.obstacle(self.secrets, database: self.settings.databasePath) {
                throw ExitStatus.configuration(SettingsError([obstacle]))
            }
        } catch {
            request.decline()
            throw error
        }
        self.log.info("taking over", metadata: ["socket": "\(self.path)"])
        try request.take()
        try request.waitForEnd(timeout: self.settings.shutdownGrace + Self.closingTime)
        // Only now, when nobody without identities serves there any more, it may let in more.
        if case .unix(let path) = self.settings.listen { try ListeningSocket.setMode(self.mode, ofFileAt: path) }
        return request.socket
    }

    /// What the settings say about who may call was checked for their address, so that has to be where the socket listens.
    private func check(_ socket: ListeningSocket) throws {
        let fits =
            switch self.settings.listen {
            case .tcp(let host, let port):
                socket.port != 0 && (port == 0 || port == socket.port) && socket.isOn(host: host)
            case .unix(let path): socket.isAt(path: path, mode: self.mode)
            }
        guard !fits else { return }
        let place =
            socket.port == 0
            ? "another socket file, or one that lets in other users although nobody is identified"
            : "port \(socket.port) of another address, \(socket.isLocal ? "for this machine alone" : "beyond this machine")"
        throw ExitStatus.configuration(
            SettingsError([SettingsViolation("RPC_LISTEN", "is \(self.settings.listen), but the socket that was handed over is \(place)")]))
    }
}
