import Access
import Services
import Settings

/// The principals of `AUTH_TOKENS_FILE`.
enum PrincipalTables {
    /// Nil when no identity is configured.
    static func read(_ settings: ServerSettings) throws(SettingsError) -> PrincipalTable? {
        guard let path = settings.authTokensFile else { return nil }
        let document = try self.document(path)
        do throws(PrincipalDocument.Failure) {
            return try document.table()
        } catch {
            throw self.violation(path, error)
        }
    }

    static func document(_ path: String) throws(SettingsError) -> PrincipalDocument {
        let text: String
        do {
            text = try SettingsFiles.contents(path)
        } catch {
            throw SettingsError([SettingsViolation("AUTH_TOKENS_FILE", "cannot be read: \(path)")])
        }
        do throws(PrincipalDocument.Failure) {
            return try PrincipalDocument(parsing: text)
        } catch {
            throw self.violation(path, error)
        }
    }

    private static func violation(_ path: String, _ failure: PrincipalDocument.Failure) -> SettingsError {
        SettingsError([SettingsViolation("AUTH_TOKENS_FILE", "\(path) \(failure.description)")])
    }
}
