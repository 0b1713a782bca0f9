internal import ArgumentParser
internal import Glibc
internal import RPCCore

/// The command-line client. Its exit statuses are a contract: 0 done, 1 refused by the server or the awaited job did not succeed, 2 usage,
/// 69 server not reachable, 75 try again later, 78 configuration.
@main
struct Novitai: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "novitai",
        abstract: "Run GPU machines through a Novitai server.",
        discussion: """
            The server is named by --target or NOVITAI_TARGET (127.0.0.1:50051), the caller by --token or NOVITAI_TOKEN. These options, and
            --timeout and --output, stand before the command or behind it. Several addresses, with commas between them, are tried in turn.
            The connection is encrypted when NOVITAI_CA_FILE names the authorities that the server's certificate must come from, in PEM;
            NOVITAI_CERT_FILE and NOVITAI_KEY_FILE name a certificate of the caller's own.
            Exit status: 0 done; 1 the server refused, or the job that was waited for did not succeed; 2 usage; 69 the server cannot be
            reached; 75 try again later; 78 configuration.
            """,
        subcommands: [
            InstancesCommand.self, JobsCommand.self, QueuesCommand.self, ProductsCommand.self, RegionsCommand.self, TemplatesCommand.self,
            CredentialsCommand.self, VolumesCommand.self, NetworksCommand.self, PrewarmsCommand.self, WebhooksCommand.self,
            AuditCommand.self,
            ServerCommand.self, BackupCommand.self, CompletionCommand.self,
        ]
    )

    static func main() async {
        do {
            var command = try Self.parseAsRoot(ArgumentOrder.moved(Array(CommandLine.arguments.dropFirst())))
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Glibc.exit(Self.report(error))
        }
    }

    /// Says what went wrong and returns the exit status.
    private static func report(_ error: any Error) -> Int32 {
        switch error {
        case let failure as CommandFailure:
            printToStandardError("error: \(failure.message)")
            return failure.status.rawValue
        case let error as RPCError:
            printToStandardError(describe(error, requestID: Retries.usedRequestID))
            return ExitStatus(error).rawValue
        default:
            let code = Self.exitCode(for: error)
            let message = Self.fullMessage(for: error)
            if code.isSuccess {
                print(message)
                return 0
            }
            if !message.isEmpty { printToStandardError(message) }
            return code == .validationFailure ? ExitStatus.usage.rawValue : code.rawValue
        }
    }
}
