/// How a program logs; the same for all programs.
package struct LogSettings: Sendable, Hashable {
    package enum Level: String, Sendable, CaseIterable {
        case error
        case warning
        case info
        case debug
        case trace
    }

    package enum Format: String, Sendable, CaseIterable {
        case json
        case text
    }

    package static let level = Option<Level>("LOG_LEVEL", .word, default: .info, "the least important messages that are logged")
    package static let format = Option<Format>("LOG_FORMAT", .word, default: .json, "how messages are written, one a line")

    package let level: Level
    package let format: Format

    package init(reading reader: inout SettingsReader) {
        self.level = reader.read(Self.level)
        self.format = reader.read(Self.format)
    }
}
