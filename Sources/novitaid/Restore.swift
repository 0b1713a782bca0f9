import ArgumentParser
import Fleet
import SQLiteStore
import Services
import Settings

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a backup in the place of the database, which must not be there.",
        discussion: """
            The backup comes from `novitai backup`. It is checked whole before the database gets its name: against the digest that was
            written when it was made, and page by page. The keys of its secrets must be at hand: SECRETS_KEY, or the key file beside the place
            of the database. The restored database has a new history, so that watches begin anew, and its server only observes until
            `novitai server activate`. Ends with status 0 when it is done, with 1 and the reason when nothing was changed, with 75 when a
            novitaid has the database open, with 78 when a setting or a key is wrong or missing.
            """)

    @ArgumentParser.Option(help: ArgumentHelp("The backup.", valueName: "path"))
    var from: String

    @ArgumentParser.Option(help: ArgumentHelp("Its SHA-256 digest, as `novitai backup` printed it.", valueName: "hexadecimal"))
    var sha256: String

    @OptionGroup var arguments: SettingsArguments

    func run() throws {
        let (settings, secrets): (ServerSettings, SecretsFile)
        do throws(SettingsError) {
            settings = try self.arguments.read()
            secrets = try SecretsFile(settings)
        } catch {
            throw ExitStatus.configuration(error)
        }
        guard let digest = SHA256Digest.hexadecimal(ofFile: self.from) else { throw ExitStatus.failed("\(self.from) cannot be read") }
        guard digest == self.sha256.lowercased() else {
            throw ExitStatus.failed("\(self.from) is no intact backup: its digest is \(digest)")
        }
        var random = SystemRandomNumberGenerator()
        do throws(Restoring.Failure) {
            let options = SQLiteOptions(path: settings.databasePath, sealer: secrets.keyring)
            let deployment = try Restoring.restore(from: self.from, to: options, now: SystemClock().now, using: &random)
            print("restored \(settings.databasePath): deployment \(deployment.id.rawValue), history \(deployment.history.rawValue)")
        } catch {
            switch error {
            case .keyMissing(_, let keyID):
                throw ExitStatus.configuration(SettingsError([secrets.violation(keyID: keyID, database: self.from)]))
            case .inUse: throw ExitStatus.failed(error.description, status: ExitStatus.tryAgain)
            default: throw ExitStatus.failed(error.description)
            }
        }
    }
}
