internal import CivilTime
package import Logging

/// One log message, as it is written.
package struct LogRecord: Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    package var time: Int64
    package var level: Logger.Level
    package var label: String
    /// A constant text; what varies is in the metadata.
    package var message: String
    package var metadata: Logger.Metadata

    package init(time: Int64, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata) {
        self.time = time
        self.level = level
        self.label = label
        self.message = message
        self.metadata = metadata
    }

    /// In UTC, with milliseconds: `2027-01-31T23:59:59.000Z`.
    var timeText: String {
        let (seconds, microseconds) = self.time.quotientAndRemainder(dividingBy: 1_000_000)
        let isEarlier = microseconds < 0
        return RFC3339.text(
            seconds: isEarlier ? seconds - 1 : seconds,
            nanoseconds: Int32(isEarlier ? microseconds + 1_000_000 : microseconds) * 1000, digits: 3)
    }
}

/// How a record becomes a line. Whatever stands in a message or in metadata, the result is one line without control characters.
package enum LogFormat: String, Sendable, CaseIterable {
    /// An object with `time`, `level`, `label`, `message` and the metadata beside them, its keys sorted and nested ones joined by a point.
    case json
    /// For people: time, level, label, message, then `key=value`.
    case text

    /// Bytes of one value beyond this are cut off: a record must not fill a disk.
    package static let valueBytesMax = 8192

    /// With a newline at its end.
    package func line(_ record: LogRecord) -> [UInt8] {
        switch self {
        case .json: Self.jsonLine(record)
        case .text: Self.textLine(record)
        }
    }

    private static let ownKeys: Set<String> = ["time", "level", "label", "message"]

    private static func jsonLine(_ record: LogRecord) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line.append(contentsOf: #"{"time":""#.utf8)
        line.append(contentsOf: record.timeText.utf8)
        line.append(UInt8(ascii: "\""))
        self.appendMember("level", record.level.rawValue, to: &line)
        self.appendMember("label", record.label, to: &line)
        self.appendMember("message", record.message, to: &line)
        for (key, value) in self.flattened(record.metadata) {
            self.appendMember(self.ownKeys.contains(key) ? key + "_" : key, value, to: &line)
        }
        line.append(contentsOf: "}\n".utf8)
        return line
    }

    private static func appendMember(_ key: String, _ value: String, to line: inout [UInt8]) {
        line.append(contentsOf: ",\"".utf8)
        self.appendEscaped(key, to: &line)
        line.append(contentsOf: "\":\"".utf8)
        self.appendEscaped(value, to: &line)
        line.append(UInt8(ascii: "\""))
    }

    private static func textLine(_ record: LogRecord) -> [UInt8] {
        var line = Array("\(record.timeText) \(record.level.rawValue) \(record.label): ".utf8)
        self.appendEscaped(record.message, to: &line)
        for (key, value) in self.flattened(record.metadata) {
            line.append(UInt8(ascii: " "))
            self.appendEscaped(key, to: &line)
            line.append(UInt8(ascii: "="))
            let needsQuotes = value.isEmpty || value.utf8.contains { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "=") }
            if needsQuotes { line.append(UInt8(ascii: "\"")) }
            self.appendEscaped(value, to: &line)
            if needsQuotes { line.append(UInt8(ascii: "\"")) }
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// RFC 8259, section 7, with DEL and the C1 controls escaped too: a terminal must not obey what stands in a log.
    private static func appendEscaped(_ text: String, to line: inout [UInt8]) {
        let cut = text.utf8.count > self.valueBytesMax
        var bytes = 0
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            if cut, bytes > self.valueBytesMax { break }
            switch scalar.value {
            case 0x22: line.append(contentsOf: "\\\"".utf8)
            case 0x5c: line.append(contentsOf: "\\\\".utf8)
            case 0x0a: line.append(contentsOf: "\\n".utf8)
            case 0x0d: line.append(contentsOf: "\\r".utf8)
            case 0x09: line.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029:
                let digits = String(scalar.value, radix: 16)
                line.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
            default: line.append(contentsOf: String(scalar).utf8)
            }
        }
        if cut { line.append(contentsOf: "…".utf8) }
    }

    private static func flattened(_ metadata: Logger.Metadata) -> [(key: String, value: String)] {
        var flat: [(key: String, value: String)] = []
        for (key, value) in metadata { self.flatten(value, as: key, into: &flat) }
        flat.sort { $0.key < $1.key }
        return flat
    }

    private static func flatten(_ value: Logger.MetadataValue, as key: String, into flat: inout [(key: String, value: String)]) {
        switch value {
        case .string(let text): flat.append((key, text))
        case .stringConvertible(let value): flat.append((key, value.description))
        case .array(let values):
            for (index, value) in values.enumerated() { self.flatten(value, as: "\(key).\(index)", into: &flat) }
        case .dictionary(let members):
            for (member, value) in members { self.flatten(value, as: "\(key).\(member)", into: &flat) }
        }
    }
}
