/// Reads options from the sources one by one, and remembers what is wrong and what is in force. A value that breaks its rule is reported
/// once and stands as its default, so that everything else is still checked.
package struct SettingsReader {
    /// Reads a secret's file; throws when it cannot be read. Handed in, so that reading settings is a pure function in tests.
    package typealias FileReader = (String) throws -> String

    private let sources: SettingsSources
    private let readFile: FileReader
    private var known: Set<String> = []
    package private(set) var violations: [SettingsViolation] = []
    package private(set) var effective: [EffectiveSetting] = []

    package init(_ sources: SettingsSources, readFile: @escaping FileReader) {
        self.sources = sources
        self.readFile = readFile
    }

    package mutating func read<Value>(_ option: Option<Value>) -> Value {
        self.known.insert(option.name)
        if option.isSecret { self.known.insert(option.name + "_FILE") }
        let given = self.given(option.name, isSecret: option.isSecret)
        let value = given.flatMap { option.form.parse($0.text) }
        if let given, value == nil {
            let shown = option.isSecret ? "" : ", not \"\(given.text)\""
            self.report(option.name, "must be \(option.form.rule)\(shown) (\(given.origin.rawValue))")
        }
        let shown = option.form.print(value ?? option.defaultValue)
        self.effective.append(
            EffectiveSetting(
                name: option.name, value: shown, origin: given?.origin, rule: option.form.rule, help: option.help,
                isSecret: option.isSecret))
        return value ?? option.defaultValue
    }

    package mutating func report(_ name: String, _ message: String) {
        self.violations.append(SettingsViolation(name, message))
    }

    /// Reports flags and lines of the configuration file that name no option. The environment and `.env` are shared with other
    /// programs and may hold anything.
    package mutating func reportUnknownNames() {
        for name in self.sources.flags.keys.sorted() where !self.known.contains(name) {
            self.report(flagName(of: name), "is not a setting")
        }
        for name in self.sources.file.keys.sorted() where !self.known.contains(name) {
            self.report(name, "is not a setting (\(SettingsOrigin.file.rawValue))")
        }
    }

    /// Whether the variable was given a value.
    package func isSet(_ name: String) -> Bool {
        self.effective.contains { $0.name == name && $0.origin != nil }
    }

    private mutating func given(_ name: String, isSecret: Bool) -> (text: String, origin: SettingsOrigin)? {
        for origin in SettingsOrigin.allCases {
            let direct = self.sources.value(of: name, from: origin)
            if isSecret, direct != nil, origin == .flag {
                self.report(flagName(of: name), "would show a secret to everybody on this machine; use \(flagName(of: name + "_FILE"))")
                continue
            }
            let path = isSecret ? self.sources.value(of: name + "_FILE", from: origin) : nil
            if direct != nil, path != nil { self.report(name, "and \(name)_FILE must not both be set (\(origin.rawValue))") }
            if let direct { return (direct, origin) }
            if let path { return self.contents(of: path, for: name).map { ($0, origin) } }
        }
        return nil
    }

    private mutating func contents(of path: String, for name: String) -> String? {
        do {
            let text = String(trimmed(try self.readFile(path)[...]))
            if text.isEmpty { self.report(name + "_FILE", "names an empty file: \(path)") }
            return text.isEmpty ? nil : text
        } catch {
            self.report(name + "_FILE", "names a file that cannot be read: \(path)")
            return nil
        }
    }
}
