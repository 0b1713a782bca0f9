/// One setting: its name in the environment, its form and what it is without being set.
package struct Option<Value: Sendable>: Sendable {
    /// As in the environment: `MAX_INSTANCES`. The flag is made of it: `--max-instances`.
    package let name: String
    package let form: Form<Value>
    package let defaultValue: Value
    /// For people: what it does.
    package let help: String
    /// Never shown, never taken from a flag (others on the machine see those), and also taken from the file named by `NAME_FILE`.
    package let isSecret: Bool

    package init(
        _ name: String, _ form: Form<Value>, default defaultValue: Value, isSecret: Bool = false, _ help: String
    ) {
        self.name = name
        self.form = form
        self.defaultValue = defaultValue
        self.isSecret = isSecret
        self.help = help
    }
}

/// The flag for a variable: `--max-instances` for `MAX_INSTANCES`.
package func flagName(of variable: String) -> String {
    "--" + variable.lowercased().split(separator: "_").joined(separator: "-")
}

/// A setting as it is in force, for people. Secrets are blanked.
package struct EffectiveSetting: Hashable, Sendable {
    package let name: String
    /// Empty when it is not set and has no default.
    package let value: String
    /// Nil: the default.
    package let origin: SettingsOrigin?
    package let rule: String
    package let help: String
    package let isSecret: Bool
}

/// What is wrong with one setting.
package struct SettingsViolation: Hashable, Sendable, CustomStringConvertible {
    /// The variable, or the place in a file.
    package let name: String
    package let message: String

    package init(_ name: String, _ message: String) {
        self.name = name
        self.message = message
    }

    package var description: String { "\(self.name) \(self.message)" }
}

/// Everything that is wrong with a configuration: the program ends with status 78 (`EX_CONFIG` of sysexits(3)).
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    package static let exitStatus: Int32 = 78

    package let violations: [SettingsViolation]

    package init(_ violations: [SettingsViolation]) {
        self.violations = violations
    }

    package var description: String { self.violations.map(\.description).joined(separator: "\n") }
}
