import FoundationEssentials
import Settings

/// The files that settings are read from.
enum SettingsFiles {
    private static let dotEnv = ".env"

    static func sources(flags: [String], configPath: String?) throws(SettingsError) -> SettingsSources {
        var violations: [SettingsViolation] = []
        func collect(_ read: () throws(SettingsError) -> [String: String]) -> [String: String] {
            do throws(SettingsError) {
                return try read()
            } catch {
                violations += error.violations
                return [:]
            }
        }
        let sources = SettingsSources(
            flags: collect { () throws(SettingsError) in try SettingsFlags.parse(flags) },
            environment: ProcessInfo.processInfo.environment,
            dotEnv: FileManager.default.fileExists(atPath: self.dotEnv)
                ? collect { () throws(SettingsError) in try self.parse(self.dotEnv) } : [:],
            file: configPath.map { path in collect { () throws(SettingsError) in try self.parse(path) } } ?? [:])
        guard violations.isEmpty else { throw SettingsError(violations) }
        return sources
    }

    static func contents(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private static func parse(_ path: String) throws(SettingsError) -> [String: String] {
        let text: String
        do {
            text = try self.contents(path)
        } catch {
            throw SettingsError([SettingsViolation(path, "cannot be read")])
        }
        return try DotEnv.parse(text, file: path)
    }
}
