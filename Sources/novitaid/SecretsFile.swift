import FoundationEssentials
import Glibc
import SQLiteStore
import Secrets
import Settings

/// Where the keys of sealed secrets come from: `SECRETS_KEY`, or else a file beside the database. The file's first line is the key in use;
/// those behind it open what was sealed before.
struct SecretsFile {
    private static let suffix = ".key"
    /// Others must not even read it.
    private static let forbiddenMode: mode_t = 0o077

    let keyring: Keyring
    /// A key that was made now, to be written down before anything is sealed with it.
    private let newKey: SecretsKey?
    private let path: String

    init(_ settings: ServerSettings) throws(SettingsError) {
        self.path = settings.databasePath + Self.suffix
        if let given = settings.secretsKeys {
            (self.keyring, self.newKey) = (try Self.keyring(given.reveal(), "SECRETS_KEY", ""), nil)
        } else if FileManager.default.fileExists(atPath: self.path) {
            (self.keyring, self.newKey) = (try Self.read(self.path), nil)
        } else {
            let key = SecretsKey.random()
            (self.keyring, self.newKey) = (Keyring(current: key), key)
        }
    }

    /// Secrets that are sealed with a key that is not written down would be lost with the process.
    @Sendable func keep() throws {
        guard let newKey else { return }
        do {
            try PrivateFile.write(Array("\(newKey.reveal())\n".utf8), to: self.path)
        } catch {
            throw SQLiteOpenError.failed(path: self.path, reason: "the key of the database's secrets cannot be written: \(error)")
        }
    }

    /// What to do about a key that is not at hand.
    func violation(keyID: String, database: String) -> SettingsViolation {
        SettingsViolation(
            "SECRETS_KEY",
            "must have the key \(keyID), with which secrets in \(database) are sealed; set it, or put the file \(self.path) back that belongs to it"
        )
    }

    private static func read(_ path: String) throws(SettingsError) -> Keyring {
        let (text, mode): (String, mode_t)
        do {
            text = try SettingsFiles.contents(path)
            mode = try PrivateFile.mode(of: path)
        } catch {
            throw SettingsError([SettingsViolation("SECRETS_KEY", "the file \(path) cannot be read")])
        }
        guard mode & self.forbiddenMode == 0 else {
            throw SettingsError([SettingsViolation("SECRETS_KEY", "the file \(path) must not be open to others: its mode must be 0600")])
        }
        return try self.keyring(text, "SECRETS_KEY", "the file \(path) ")
    }

    private static func keyring(_ text: String, _ name: String, _ place: String) throws(SettingsError) -> Keyring {
        guard let keyring = Keyring(text) else {
            throw SettingsError([SettingsViolation(name, "\(place)must be 32 bytes in base64, or several such keys")])
        }
        return keyring
    }
}
