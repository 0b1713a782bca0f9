import Access
import Services
import Settings

/// The principals of `AUTH_TOKENS_FILE`.
enum PrincipalTables {
    /// Nil when no identity is configured.
    static func read(_ settings: ServerSettings) throws(SettingsError) -> PrincipalTable? {
        guard let path = settings.authTokensFile else { return nil }
        let text: String
        do {
            text = try SettingsFiles.contents(path)
        } catch {
            throw SettingsError([SettingsViolation("AUTH_TOKENS_FILE", "cannot be read: \(path)")])
        }
        do throws(PrincipalDocument.Failure) {
            return try PrincipalDocument(parsing: text).table()
        } catch {
            throw SettingsError([SettingsViolation("AUTH_TOKENS_FILE", "\(path) \(error.description)")])
        }
    }
}
