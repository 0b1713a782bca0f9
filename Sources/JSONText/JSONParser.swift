extension JSON {
    /// The value that `bytes` spell, with nothing but white space around it.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        var parser = JSONParser(bytes)
        self = try parser.parseDocument()
    }
}

/// The text is not JSON, or nested deeper than is read.
package struct JSONError: Error, Equatable {
    package let message: String
    /// Offset of the offending byte.
    package let offset: Int
}

/// A recursive descent over RFC 8259. The size of its input is bounded by who received it, its depth here.
private struct JSONParser {
    /// What is read nests four levels; each level here costs a stack frame.
    private static let depthMax = 32

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func parseDocument() throws(JSONError) -> JSON {
        let value = try self.parseValue(depth: 0)
        self.skipWhitespace()
        guard self.position == self.bytes.count else { throw self.error("text after the value") }
        return value
    }

    private mutating func parseValue(depth: Int) throws(JSONError) -> JSON {
        guard depth < Self.depthMax else { throw self.error("nested too deeply") }
        self.skipWhitespace()
        guard let byte = self.current else { throw self.error("no value") }
        switch byte {
        case UInt8(ascii: "{"): return try self.parseObject(depth: depth)
        case UInt8(ascii: "["): return try self.parseArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try self.parseString())
        case UInt8(ascii: "t"): return try self.parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try self.parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try self.parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try self.parseNumber()
        default: throw self.error("no value")
        }
    }

    private mutating func parseObject(depth: Int) throws(JSONError) -> JSON {
        self.position += 1
        var members: [JSON.Member] = []
        if self.takes("}") { return .object(members) }
        repeat {
            self.skipWhitespace()
            guard self.current == UInt8(ascii: "\"") else { throw self.error("no key") }
            let key = try self.parseString()
            guard self.takes(":") else { throw self.error("no colon") }
            members.append(JSON.Member(key, try self.parseValue(depth: depth + 1)))
        } while self.takes(",")
        guard self.takes("}") else { throw self.error("the object is not closed") }
        return .object(members)
    }

    private mutating func parseArray(depth: Int) throws(JSONError) -> JSON {
        self.position += 1
        var elements: [JSON] = []
        if self.takes("]") { return .array(elements) }
        repeat {
            elements.append(try self.parseValue(depth: depth + 1))
        } while self.takes(",")
        guard self.takes("]") else { throw self.error("the array is not closed") }
        return .array(elements)
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let word = Array("\(word)".utf8)
        guard self.bytes[self.position...].starts(with: word) else { throw self.error("no value") }
        self.position += word.count
        return value
    }

    /// The grammar of section 6; its meaning is up to who reads it.
    private mutating func parseNumber() throws(JSONError) -> JSON {
        let start = self.position
        if self.current == UInt8(ascii: "-") { self.position += 1 }
        let hasLeadingZero = self.current == UInt8(ascii: "0")
        guard case let digits = self.skipDigits(), digits > 0, digits == 1 || !hasLeadingZero else { throw self.error("no number") }
        if self.current == UInt8(ascii: ".") {
            self.position += 1
            guard self.skipDigits() > 0 else { throw self.error("no number") }
        }
        if self.current == UInt8(ascii: "e") || self.current == UInt8(ascii: "E") {
            self.position += 1
            if self.current == UInt8(ascii: "+") || self.current == UInt8(ascii: "-") { self.position += 1 }
            guard self.skipDigits() > 0 else { throw self.error("no number") }
        }
        return .number(String(decoding: self.bytes[start..<self.position], as: UTF8.self))
    }

    private mutating func skipDigits() -> Int {
        let start = self.position
        while let byte = self.current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.position += 1 }
        return self.position - start
    }

    /// Ill-formed UTF-8 and lone surrogates become U+FFFD: a name that somebody else gave must not hide a whole listing.
    private mutating func parseString() throws(JSONError) -> String {
        self.position += 1
        let start = self.position
        while let byte = self.current, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { self.position += 1 }
        // Most strings have no escape.
        var text = self.bytes[start..<self.position]
        while let byte = self.current {
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text.append(contentsOf: try self.parseEscape())
            case ..<0x20: throw self.error("a control character in a string")
            default: text.append(byte)
            }
        }
        throw self.error("the string is not closed")
    }

    private mutating func parseEscape() throws(JSONError) -> [UInt8] {
        let escape = self.current
        self.position += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return escape.map { [$0] } ?? []
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(try self.parseCodePoint()).utf8)
        default: throw self.error("an unknown escape")
        }
    }

    private mutating func parseCodePoint() throws(JSONError) -> Character {
        let unit = try self.parseHexadecimal()
        guard (0xD800...0xDBFF).contains(unit) else { return Character(Unicode.Scalar(unit) ?? "\u{FFFD}") }
        let afterFirst = self.position
        if self.bytes[self.position...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
            self.position += 2
            let second = try self.parseHexadecimal()
            if (0xDC00...0xDFFF).contains(second), let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00)) {
                return Character(scalar)
            }
        }
        self.position = afterFirst
        return "\u{FFFD}"
    }

    private mutating func parseHexadecimal() throws(JSONError) -> UInt32 {
        let digits = self.bytes[self.position...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw self.error("no code point") }
        self.position += 4
        return unit
    }

    private var current: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func skipWhitespace() {
        while let byte = self.current, byte == 0x20 || (0x09...0x0D).contains(byte) && byte != 0x0B && byte != 0x0C { self.position += 1 }
    }

    /// Skips white space, and this character if it is next.
    private mutating func takes(_ character: Unicode.Scalar) -> Bool {
        self.skipWhitespace()
        guard self.current == UInt8(ascii: character) else { return false }
        self.position += 1
        return true
    }

    private func error(_ message: String) -> JSONError {
        JSONError(message: message, offset: self.position)
    }
}
