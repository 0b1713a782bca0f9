internal import CivilTime
internal import NovitaiProto
internal import ProtobufWire

/// A message as JSON by the rules of protobuf's JSON mapping (https://protobuf.dev/programming-guides/json/): lowerCamelCase names, enum
/// names, 64-bit integers and times as strings, defaults left out.
package struct MessageJSON {
    package enum Layout: Sendable {
        /// A field a line, for people.
        case indented
        /// One line, without blanks.
        case compact
    }

    package private(set) var text = ""
    private let layout: Layout
    private var depth = 0

    package init(_ value: Any, _ layout: Layout) {
        self.layout = layout
        self.write(value)
    }

    private mutating func write(_ value: Any) {
        switch value {
        case let text as String: self.quote(text)
        case let number as Bool: self.text += number ? "true" : "false"
        case let number as Int64: self.quote(String(number))
        case let number as UInt64: self.quote(String(number))
        case let number as any BinaryInteger: self.text += "\(number)"
        case let number as Double: self.write(number)
        case let number as Float: self.write(Double(number))
        case let value as any ProtobufEnum: self.quote(value.description)
        case let time as GoogleProtobuf.Timestamp: self.quote(RFC3339.text(seconds: time.seconds, nanoseconds: time.nanos, digits: 6))
        case let span as GoogleProtobuf.Duration: self.quote(Self.text(span))
        case let list as [Any]: self.write(list: list)
        case let map as [String: String]: self.write(fields: map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        default: self.write(fields: Self.fields(of: value))
        }
    }

    private mutating func write(_ number: Double) {
        guard !number.isFinite else { return self.text += "\(number)" }
        self.quote(number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")
    }

    private mutating func write(list: [Any]) {
        self.enclosed("[", "]", list) { $0.write($1) }
    }

    private mutating func write(fields: [(name: String, value: Any)]) {
        self.enclosed("{", "}", fields) { json, field in
            json.quote(field.name)
            json.text += json.layout == .compact ? ":" : ": "
            json.write(field.value)
        }
    }

    private mutating func enclosed<Item>(_ open: String, _ close: String, _ items: [Item], _ write: (inout Self, Item) -> Void) {
        guard !items.isEmpty else { return self.text += open + close }
        self.text += open
        self.depth += 1
        for (index, item) in items.enumerated() {
            if index > 0 { self.text += "," }
            self.breakLine()
            write(&self, item)
        }
        self.depth -= 1
        self.breakLine()
        self.text += close
    }

    private mutating func breakLine() {
        guard self.layout == .indented else { return }
        self.text += "\n" + String(repeating: "  ", count: self.depth)
    }

    /// The set fields: generated messages are structs whose properties are named as JSON wants them.
    private static func fields(of message: Any) -> [(name: String, value: Any)] {
        Mirror(reflecting: message).children.compactMap { child in
            guard let name = child.label, let value = Self.unwrapped(child.value), !Self.isDefault(value) else { return nil }
            return (name, value)
        }
    }

    private static func unwrapped(_ value: Any) -> Any? {
        let mirror = Mirror(reflecting: value)
        guard mirror.displayStyle == .optional else { return value }
        return mirror.children.first?.value
    }

    private static func isDefault(_ value: Any) -> Bool {
        switch value {
        case let text as String: text.isEmpty
        case let flag as Bool: !flag
        case let number as any BinaryInteger: "\(number)" == "0"
        case let value as any ProtobufEnum: value.rawValue == 0
        case let list as [Any]: list.isEmpty
        case let map as [String: String]: map.isEmpty
        default: false
        }
    }

    /// Seconds with up to nine decimals and an `s`.
    private static func text(_ span: GoogleProtobuf.Duration) -> String {
        let sign = span.seconds < 0 || span.nanos < 0 ? "-" : ""
        let nanos = String(span.nanos.magnitude)
        let fraction = span.nanos == 0 ? "" : "." + String(repeating: "0", count: 9 - nanos.count) + nanos
        return "\(sign)\(span.seconds.magnitude)\(fraction)s"
    }

    /// RFC 8259, section 7: quotation marks, backslashes and control characters are escaped.
    private mutating func quote(_ string: String) {
        self.text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": self.text += "\\\""
            case "\\": self.text += "\\\\"
            case "\n": self.text += "\\n"
            case "\r": self.text += "\\r"
            case "\t": self.text += "\\t"
            case "\u{00}"..."\u{1F}", "\u{7F}":
                let hex = String(scalar.value, radix: 16)
                self.text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: self.text.unicodeScalars.append(scalar)
            }
        }
        self.text += "\""
    }
}
