import ArgumentParser
import Services
import Settings

@main
struct Novitaid: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "novitaid",
        abstract: "A control plane for rented GPU machines, over gRPC.",
        discussion: "Without a subcommand it serves. `novitaid serve --help` lists every setting.",
        version: ServerFacts.version,
        subcommands: [Serve.self, Config.self, Probe.self, TokenCommand.self, Restore.self],
        defaultSubcommand: Serve.self)
}

/// Where settings come from, the same for all subcommands.
struct SettingsArguments: ParsableArguments {
    @ArgumentParser.Option(help: ArgumentHelp("Read settings from a file of NAME=value lines.", valueName: "path"))
    var config: String?

    @Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp("Any setting as a flag: --max-instances 5 or --max-instances=5.", valueName: "--setting value"))
    var settings: [String] = []

    func read() throws(SettingsError) -> ServerSettings { try Self.read(flags: self.settings, configPath: self.config) }

    /// For who only asks a server that runs: the key of the provider need not be there.
    func readToFindServer() throws(SettingsError) -> ServerSettings {
        try ServerSettings(
            findingServer: SettingsFiles.sources(flags: self.settings, configPath: self.config), readFile: SettingsFiles.contents)
    }

    static func read(flags: [String], configPath: String?) throws(SettingsError) -> ServerSettings {
        try ServerSettings(SettingsFiles.sources(flags: flags, configPath: configPath), readFile: SettingsFiles.contents)
    }
}

extension EffectiveSetting {
    /// One entry of the list in `--help`.
    var helpText: String {
        let value = self.value.isEmpty ? "" : " Default: \(self.value)."
        let flag = self.isSecret ? "\(flagName(of: self.name + "_FILE")) PATH" : flagName(of: self.name)
        return "  \(self.name), \(flag)\n      \(self.help.prefix(1).uppercased() + self.help.dropFirst()): \(self.rule).\(value)"
    }
}
