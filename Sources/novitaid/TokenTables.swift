import Access
import Services
import Settings

/// The principals of `AUTH_TOKENS_FILE`.
enum TokenTables {
    /// Nil when no identity is configured.
    static func read(_ settings: ServerSettings) throws(SettingsError) -> TokenTable? {
        guard let path = settings.authTokensFile else { return nil }
        let text: String
        do {
            text = try SettingsFiles.contents(path)
        } catch {
            throw SettingsError([SettingsViolation("AUTH_TOKENS_FILE", "cannot be read: \(path)")])
        }
        do throws(TokenFile.Failure) {
            return try TokenFile.parse(text)
        } catch {
            throw SettingsError([SettingsViolation("AUTH_TOKENS_FILE", "\(path) \(error.description)")])
        }
    }
}
