import Fleet
import SQLiteStore
import Secrets
import Settings

/// What the next server has to know before it takes over: whether it will be able to open the database, which is in use until then.
struct HandoverFacts {
    /// What the seal of the proof belongs to; nothing else is sealed for it.
    private static let context = "handover"

    /// Of the database's schema, as this release writes it.
    let generation: Int
    /// Something that was sealed with the key that the secrets in the database are sealed with.
    let proof: String

    init(sealedBy keyring: Keyring) throws(SealError) {
        self.generation = SQLiteOptions.schemaGeneration
        self.proof = try keyring.seal([], for: Self.context)
    }

    /// nil for what another release may say in other words.
    init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 2, let generation = Int(words[0]) else { return nil }
        (self.generation, self.proof) = (generation, String(words[1]))
    }

    var text: String { "\(self.generation) \(self.proof)" }

    /// Why this process could not open the database; nil when nothing speaks against it.
    func obstacle(_ secrets: SecretsFile, database: String) -> SettingsViolation? {
        guard self.generation <= SQLiteOptions.schemaGeneration else {
            let error = SQLiteOpenError.schemaTooNew(path: database, generation: self.generation, supported: SQLiteOptions.schemaGeneration)
            return SettingsViolation("DATABASE_URL", "\(error)")
        }
        do throws(SealError) {
            _ = try secrets.keyring.open(self.proof, for: Self.context)
            return nil
        } catch {
            if case .unknownKey(let id) = error { return secrets.violation(keyID: id, database: database) }
            return SettingsViolation("SECRETS_KEY", "does not open what the server that runs has sealed")
        }
    }
}
