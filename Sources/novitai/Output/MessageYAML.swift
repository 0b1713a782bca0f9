internal import JSONText
internal import ProtobufJSON

/// A message as a document of YAML 1.2, in blocks, with the names and values of its JSON form. Each begins with `---`, so that one may follow
/// another, as those of a watch do.
struct MessageYAML {
    let text: String

    init(_ message: Any) {
        let text = MessageJSON(message, .compact).text
        // What is JSON is YAML too.
        let lines = (try? JSON(parsing: Array(text.utf8))).map { Self.lines($0) } ?? [text]
        self.text = (["---"] + lines).joined(separator: "\n")
    }

    private static func lines(_ value: JSON) -> [String] {
        switch value {
        case .null: ["null"]
        case .bool(let flag): ["\(flag)"]
        // Readers of YAML 1.1 take a number with an exponent for text where it has no point.
        case .number(let digits): [digits.contains(".") ? digits : digits.replacing("e", with: ".0e")]
        case .string(let text): [self.scalar(text)]
        case .array(let elements):
            elements.isEmpty ? ["[]"] : elements.flatMap { self.block(under: "- ", self.lines($0)) }
        case .object(let members):
            members.isEmpty ? ["{}"] : members.flatMap { self.member($0) }
        }
    }

    private static func member(_ member: JSON.Member) -> [String] {
        let (key, lines) = (self.scalar(member.key), self.lines(member.value))
        switch member.value {
        case .array(let elements) where !elements.isEmpty: return ["\(key):"] + lines
        case .object(let members) where !members.isEmpty: return ["\(key):"] + lines.map { "  " + $0 }
        default: return ["\(key): \(lines.joined())"]
        }
    }

    private static func block(under mark: String, _ lines: [String]) -> [String] {
        lines.enumerated().map { ($0 == 0 ? mark : "  ") + $1 }
    }

    /// Words that are no strings, in YAML 1.1 too, which many still read.
    private static let reserved: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]

    /// Plain where nothing could take it for something else; quoted as JSON does it, which is YAML too.
    private static func scalar(_ text: String) -> String {
        func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
        let isPlain =
            text.utf8.first.map(isLetter) ?? false
            && text.utf8.allSatisfy { isLetter($0) || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) || "_-./".utf8.contains($0) }
        return isPlain && !self.reserved.contains(text.lowercased()) ? text : self.quoted(text)
    }

    /// What YAML does not print as it is, beside what JSON escapes: delete, the controls of Latin-1 and the separators of lines.
    private static func quoted(_ text: String) -> String {
        JSON.string(text).text.unicodeScalars.reduce(into: "") { quoted, scalar in
            switch scalar.value {
            case 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
    }
}
