import ArgumentParser
import RPCTransport
import Settings

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Look at the configuration.", subcommands: [Check.self, Reference.self])

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
                print("\(setting.name)=\(setting.value)  # \(setting.origin?.rawValue ?? "default")")
            }
        }
    }

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the reference of all settings, a Markdown table.",
            discussion: "docs/configuration.md holds it; a test compares the two.")

        func run() {
            print("| variable | default | rule | |\n| --- | --- | --- | --- |")
            for setting in ServerSettings.options { print(setting.referenceRow) }
        }
    }
}

extension EffectiveSetting {
    /// One row of the reference. A bar would end the cell.
    fileprivate var referenceRow: String {
        let secret = self.isSecret ? "; a secret, also from `\(self.name)_FILE`" : ""
        let value = self.value.isEmpty ? "" : "`\(self.value)`"
        let help = self.help.prefix(1).uppercased() + self.help.dropFirst()
        let cells = ["`\(self.name)`", value, self.rule + secret, help + "."]
        return "| "
            + cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }.joined(separator: " | ")
            + " |"
    }
}
