import ArgumentParser
import RPCTransport
import Settings

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Look at the configuration.", subcommands: [Check.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check all settings and print what is in force; secrets are blanked.",
            discussion: "Ends with status 78 and everything that is wrong, one a line.")

        @OptionGroup var arguments: SettingsArguments

        func run() throws {
            let settings: ServerSettings
            do throws(SettingsError) {
                settings = try self.arguments.read()
                _ = try PrincipalTables.read(settings)
                _ = try ServerTLS.open(settings)
            } catch {
                throw ExitStatus.configuration(error)
            }
            for setting in settings.effective {
                let remark = setting.isPlanned ? ", without effect in this version" : ""
                print("\(setting.name)=\(setting.value)  # \(setting.origin?.rawValue ?? "default")\(remark)")
            }
        }
    }
}
