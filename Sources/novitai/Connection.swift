internal import ArgumentParser
internal import FoundationEssentials
internal import NovitaiProto
internal import ProtobufJSON
internal import RPCCore
internal import RPCTransport

/// How the server is reached and how answers are shown; the same for every command.
struct ConnectionOptions: ParsableArguments {
    /// What the options are called: they may stand before the command too.
    static let names: Set<String> = ["--target", "--token", "--timeout", "--output"]

    @Option(help: "The server: host:port or unix:PATH; several with commas. [NOVITAI_TARGET, else 127.0.0.1:50051]")
    var target: String?

    @Option(help: "The bearer token. [NOVITAI_TOKEN]")
    var token: String?

    @Option(help: "How long one call may take, in seconds.")
    var timeout: Int = 30

    @Option(help: "table, json or yaml.")
    var output: OutputFormat = .table

    func validate() throws {
        guard (1...3600).contains(self.timeout) else { throw ValidationError("--timeout takes 1 to 3600 seconds") }
    }

    private var resolvedTarget: String { self.target ?? environment("NOVITAI_TARGET") ?? "127.0.0.1:50051" }

    /// Options of a call that ends within `--timeout`.
    var call: CallOptions {
        get throws { try self.call(within: .seconds(self.timeout)) }
    }

    /// Options of a call that follows something: nil goes on until it is over.
    func call(within timeout: Duration?) throws -> CallOptions {
        var options = CallOptions(timeout: timeout)
        if let token = self.token ?? environment("NOVITAI_TOKEN") {
            do throws(RPCError) {
                try options.metadata.append("Bearer \(token)", for: "authorization")
            } catch {
                throw CommandFailure(status: .configuration, message: "the token has characters that no token may have")
            }
        }
        return options
    }

    /// Connects, runs the body, and closes the connection.
    func withChannel<Result>(_ body: (any RPCChannel) async throws -> Result) async throws -> Result {
        var configuration = HTTP2ChannelConfiguration(addresses: try Self.addresses(self.resolvedTarget))
        configuration.tls = try Self.tls()
        configuration.serviceConfig = try Retries.policy()
        // A watch may say nothing for hours, through what forgets connections that say nothing.
        configuration.keepalive.interval = .seconds(30)
        let channel = HTTP2Channel(configuration: configuration)
        do {
            let result = try await body(channel)
            await channel.shutDown()
            return result
        } catch {
            await channel.shutDown()
            throw error
        }
    }
}

extension ConnectionOptions {
    private static func addresses(_ target: String) throws -> [RPCAddress] {
        try target.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let address = RPCAddress(String(text)) else {
                throw CommandFailure(status: .configuration, message: "\(text): not host:port or unix:PATH")
            }
            return address
        }
    }

    /// nil unless the environment names a file for it.
    private static func tls() throws -> ClientTLS? {
        let variables: [TLSFiles.Part: String] = [
            .authorities: "NOVITAI_CA_FILE", .certificate: "NOVITAI_CERT_FILE", .key: "NOVITAI_KEY_FILE",
        ]
        let paths = variables.compactMapValues { environment($0) }
        guard !paths.isEmpty else { return nil }
        do throws(TLSFileError) {
            return try ClientTLS(TLSFiles(certificate: paths[.certificate], key: paths[.key], authorities: paths[.authorities]))
        } catch {
            let name = [variables[error.part], paths[error.part]].compactMap(\.self).joined(separator: " ")
            throw CommandFailure(status: .configuration, message: "\(name) \(error.reason)")
        }
    }
}

/// A variable that is set and not empty.
func environment(_ name: String) -> String? {
    guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { return nil }
    return value
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
    case yaml

    /// Shows a reply: the message whole, or the text for people.
    func print(_ message: Any, text: () -> String) {
        switch self {
        case .table: printToStandardOutput(text())
        case .json: printToStandardOutput(MessageJSON(message, .indented).text)
        case .yaml: printToStandardOutput(MessageYAML(message).text)
        }
    }
}
