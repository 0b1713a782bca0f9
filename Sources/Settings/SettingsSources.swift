/// Where a value came from.
package enum SettingsOrigin: String, Sendable, CaseIterable {
    case flag = "flag"
    case environment = "environment"
    case dotEnv = ".env"
    case file = "config file"
}

/// All values that were given, by variable name, from every source. A source earlier in `SettingsOrigin` wins; an empty text is
/// no value.
package struct SettingsSources: Sendable {
    package var flags: [String: String]
    package var environment: [String: String]
    package var dotEnv: [String: String]
    package var file: [String: String]

    package init(
        flags: [String: String] = [:], environment: [String: String] = [:], dotEnv: [String: String] = [:], file: [String: String] = [:]
    ) {
        self.flags = flags
        self.environment = environment
        self.dotEnv = dotEnv
        self.file = file
    }

    func value(of name: String, from origin: SettingsOrigin) -> String? {
        let values =
            switch origin {
            case .flag: self.flags
            case .environment: self.environment
            case .dotEnv: self.dotEnv
            case .file: self.file
            }
        return values[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// Flags of the form `--max-instances 5` or `--max-instances=5`, by variable name.
package enum SettingsFlags {
    /// - Throws: every argument that is not such a flag, and every flag without a value.
    package static func parse(_ arguments: [String]) throws(SettingsError) -> [String: String] {
        var values: [String: String] = [:]
        var violations: [SettingsViolation] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument.count > 2 else {
                violations.append(SettingsViolation(argument, "is not a flag"))
                continue
            }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].split(separator: "-", omittingEmptySubsequences: false).joined(separator: "_").uppercased()
            if parts.count == 2 {
                values[name] = String(parts[1])
            } else if let value = rest.popFirst() {
                values[name] = value
            } else {
                violations.append(SettingsViolation(argument, "needs a value"))
            }
        }
        guard violations.isEmpty else { throw SettingsError(violations) }
        return values
    }
}
