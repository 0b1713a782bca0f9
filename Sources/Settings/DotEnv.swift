/// Reads lines of `NAME=value`: the form of `.env` and of the file given by `--config`.
///
/// Empty lines and lines that begin with `#` say nothing; `export ` before a name is allowed. A bare value ends before ` #` and is
/// trimmed; in single quotes everything stands for itself; in double quotes `\n`, `\t`, `\"`, `\\` and `\$` are escapes. Nothing is expanded.
/// A later line overrides an earlier one.
package enum DotEnv {
    /// - Throws: every line that cannot be read, by file name and number.
    package static func parse(_ text: String, file: String) throws(SettingsError) -> [String: String] {
        var values: [String: String] = [:]
        var violations: [SettingsViolation] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }).enumerated() {
            do throws(LineError) {
                if let (name, value) = try self.assignment(in: trimmed(line)) { values[name] = value }
            } catch {
                violations.append(SettingsViolation("\(file):\(index + 1)", error.message))
            }
        }
        guard violations.isEmpty else { throw SettingsError(violations) }
        return values
    }

    private struct LineError: Error {
        let message: String
    }

    private static func assignment(in line: Substring) throws(LineError) -> (String, String)? {
        guard let first = line.first, first != "#" else { return nil }
        let body = line.hasPrefix("export ") ? trimmed(line.dropFirst(7)) : line
        guard let equals = body.firstIndex(of: "=") else { throw LineError(message: "must be NAME=value") }
        let name = trimmed(body[..<equals])
        guard self.isName(name) else { throw LineError(message: "must begin with a name of letters, digits and '_'") }
        return (String(name), try self.value(trimmed(body[body.index(after: equals)...])))
    }

    private static func value(_ text: Substring) throws(LineError) -> String {
        switch text.first {
        case "'": try self.quoted(text, by: "'", escapes: false)
        case "\"": try self.quoted(text, by: "\"", escapes: true)
        default: String(self.withoutComment(text))
        }
    }

    private static func quoted(_ text: Substring, by quote: Character, escapes: Bool) throws(LineError) -> String {
        var value = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character == quote {
                let tail = trimmed(rest)
                guard tail.isEmpty || tail.hasPrefix("#") else { throw LineError(message: "has text after the closing quote") }
                return value
            }
            guard escapes, character == "\\" else {
                value.append(character)
                continue
            }
            guard let escaped = rest.popFirst(), let meaning = self.escapes[escaped] else {
                throw LineError(message: "has an unknown escape")
            }
            value.append(meaning)
        }
        throw LineError(message: "has no closing quote")
    }

    private static let escapes: [Character: Character] = ["n": "\n", "t": "\t", "\"": "\"", "\\": "\\", "$": "$"]

    private static func withoutComment(_ text: Substring) -> Substring {
        var previous: Character = " "
        for index in text.indices {
            if text[index] == "#", previous.isWhitespace { return trimmed(text[..<index]) }
            previous = text[index]
        }
        return text
    }

    private static func isName(_ name: Substring) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}

/// Without white space at either end.
func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0.isWhitespace }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
}
