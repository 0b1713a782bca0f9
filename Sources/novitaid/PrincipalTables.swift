import Access
import Glibc
import Services
import Settings

/// The principals of `AUTH_TOKENS_FILE`.
enum PrincipalTables {
    /// Written by others.
    private static let forbiddenMode: mode_t = 0o002

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
            if try PrivateFile.mode(of: path) & self.forbiddenMode != 0 {
                throw SettingsError([
                    SettingsViolation(
                        "AUTH_TOKENS_FILE", "\(path) must not be writable by everybody: whoever writes it lets in whom they like")
                ])
            }
        } catch let error as SettingsError {
            throw error
        } catch {
            throw SettingsError([SettingsViolation("AUTH_TOKENS_FILE", "cannot be read: \(path): \(error)")])
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
