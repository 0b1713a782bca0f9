import ArgumentParser
import RPCTransport
import Settings

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve gRPC until told to end by SIGTERM or SIGINT.",
        discussion: """
            Settings come from flags, then the environment, then .env in the working directory, then the file of --config. An empty text
            is no value. A duration is a bare number in the unit that is named, or a number with ms, s, m or h. Secrets are not taken from
            flags; the variable NAME_FILE names a file that holds the secret NAME.

            """ + ServerSettings.options.map(\.helpText).joined(separator: "\n"))

    @OptionGroup var arguments: SettingsArguments

    @ArgumentParser.Option(
        help: ArgumentHelp("Write the port (or the socket's path) to this file once calls are taken.", valueName: "path"))
    var portFile: String?

    @Flag(
        help: ArgumentHelp(
            "Take over from the server that runs on the same database: its listening socket, once it has ended its calls.",
            discussion: "No call fails: who calls in between waits. Where none runs, it starts as always."))
    var takeOver = false

    func run() async throws {
        let settings: ServerSettings
        do throws(SettingsError) {
            settings = try self.arguments.read()
        } catch {
            throw ExitStatus.configuration(error)
        }
        FreedMemory.keep(loops: settings.eventLoops)
        let (flags, path) = (self.arguments.settings, self.arguments.config)
        try await ServerProcess(settings, portFile: self.portFile, takesOver: self.takeOver) { () throws(SettingsError) in
            try SettingsArguments.read(flags: flags, configPath: path)
        }.run()
    }
}
