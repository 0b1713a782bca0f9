/// Values from JSON text (RFC 8259), in any order of members; those that nobody asks for are left aside.
///
/// The text is gone over once, and what stands where is noted: no value is made of what is not asked for.
package enum JSONTextDecoder {
    package static func decode<Value: Decodable>(_ type: Value.Type, from text: String) throws -> Value {
        var indexer = TextIndexer(Array(text.utf8))
        try indexer.indexDocument()
        return try Value(from: ValueReader(text: IndexedText(bytes: indexer.bytes, tokens: indexer.tokens), token: 0))
    }
}

/// What stands somewhere in the text: a value, or the name of a member, which its value follows.
private struct TextToken {
    enum Kind {
        case null, `true`, `false`, integer, fraction, string, escapedString, array, object
    }

    var kind: Kind
    /// Of a string without its quotation marks.
    var start: Int
    var end = 0
    /// The token after everything that is in this one; after a name the one after its value.
    var next = 0
    /// Of a name alone: two with different ones are different.
    var print: UInt64 = 0
}

/// Notes what stands where.
private struct TextIndexer {
    /// Each level costs a stack frame here.
    private static let depthMax = 128

    let bytes: [UInt8]
    private(set) var tokens: [TextToken] = []
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        self.tokens.reserveCapacity(bytes.count / 8 + 1)
    }

    mutating func indexDocument() throws {
        try self.indexValue(depth: 0)
        self.skipWhitespace()
        guard self.position == self.bytes.count else { throw self.error }
    }

    private mutating func indexValue(depth: Int) throws {
        guard depth < Self.depthMax else { throw self.error }
        self.skipWhitespace()
        let index = self.tokens.count
        switch self.current {
        case UInt8(ascii: "\""):
            try self.indexString(isName: false)
            return
        case UInt8(ascii: "{"):
            self.tokens.append(TextToken(kind: .object, start: self.position))
            try self.indexMembers(depth: depth)
        case UInt8(ascii: "["):
            self.tokens.append(TextToken(kind: .array, start: self.position))
            try self.indexElements(depth: depth)
        case UInt8(ascii: "t"): try self.indexWord("true", .true)
        case UInt8(ascii: "f"): try self.indexWord("false", .false)
        case UInt8(ascii: "n"): try self.indexWord("null", .null)
        default: try self.indexNumber()
        }
        self.tokens[index].end = self.position
        self.tokens[index].next = self.tokens.count
    }

    private mutating func indexMembers(depth: Int) throws {
        self.position += 1
        if self.takes(UInt8(ascii: "}")) { return }
        repeat {
            self.skipWhitespace()
            guard self.current == UInt8(ascii: "\"") else { throw self.error }
            let name = self.tokens.count
            try self.indexString(isName: true)
            guard self.takes(UInt8(ascii: ":")) else { throw self.error }
            try self.indexValue(depth: depth + 1)
            self.tokens[name].next = self.tokens.count
        } while self.takes(UInt8(ascii: ","))
        guard self.takes(UInt8(ascii: "}")) else { throw self.error }
    }

    private mutating func indexElements(depth: Int) throws {
        self.position += 1
        if self.takes(UInt8(ascii: "]")) { return }
        repeat {
            try self.indexValue(depth: depth + 1)
        } while self.takes(UInt8(ascii: ","))
        guard self.takes(UInt8(ascii: "]")) else { throw self.error }
    }

    private mutating func indexWord(_ word: String, _ kind: TextToken.Kind) throws {
        guard self.bytes[self.position...].starts(with: word.utf8) else { throw self.error }
        self.tokens.append(TextToken(kind: kind, start: self.position))
        self.position += word.utf8.count
    }

    private mutating func indexNumber() throws {
        var kind = TextToken.Kind.integer
        let start = self.position
        if self.current == UInt8(ascii: "-") { self.position += 1 }
        let hasLeadingZero = self.current == UInt8(ascii: "0")
        guard case let digits = self.skipDigits(), digits > 0, digits == 1 || !hasLeadingZero else { throw self.error }
        if self.current == UInt8(ascii: ".") {
            kind = .fraction
            self.position += 1
            guard self.skipDigits() > 0 else { throw self.error }
        }
        if self.current == UInt8(ascii: "e") || self.current == UInt8(ascii: "E") {
            kind = .fraction
            self.position += 1
            if self.current == UInt8(ascii: "+") || self.current == UInt8(ascii: "-") { self.position += 1 }
            guard self.skipDigits() > 0 else { throw self.error }
        }
        self.tokens.append(TextToken(kind: kind, start: start))
    }

    private mutating func skipDigits() -> Int {
        let start = self.position
        while let byte = self.current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.position += 1 }
        return self.position - start
    }

    private mutating func indexString(isName: Bool) throws {
        self.position += 1
        let start = self.position
        var kind = TextToken.Kind.string
        var print = TextPrint()
        while self.position < self.bytes.count {
            let byte = self.bytes[self.position]
            self.position += 1
            if byte == UInt8(ascii: "\"") {
                self.tokens.append(
                    TextToken(kind: kind, start: start, end: self.position - 1, next: self.tokens.count + 1, print: print.value))
                return
            }
            if byte == UInt8(ascii: "\\") {
                kind = .escapedString
                // Whatever is escaped, it does not end the string; what it means is looked at when somebody asks.
                self.position += 1
            }
            guard byte >= 0x20 else { throw self.error }
            if isName { print.add(byte) }
        }
        throw self.error
    }

    private var current: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func skipWhitespace() {
        while let byte = self.current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { self.position += 1 }
    }

    /// Skips white space, and this byte if it is next.
    private mutating func takes(_ byte: UInt8) -> Bool {
        self.skipWhitespace()
        guard self.current == byte else { return false }
        self.position += 1
        return true
    }

    private var error: JSONError { JSONError(message: "no JSON", offset: self.position) }
}

/// Of a name (FNV-1a): to tell most names apart without a look at them.
private struct TextPrint {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) {
        self.value = (self.value ^ UInt64(byte)) &* 0x100_0000_01B3
    }

    init() {}

    init(of name: String) {
        for byte in name.utf8 { self.add(byte) }
    }
}

private final class IndexedText: Sendable {
    let bytes: [UInt8]
    let tokens: [TextToken]

    init(bytes: [UInt8], tokens: [TextToken]) {
        self.bytes = bytes
        self.tokens = tokens
    }

    func isNull(_ token: Int) -> Bool { self.tokens[token].kind == .null }

    func bool(_ token: Int) throws -> Bool {
        switch self.tokens[token].kind {
        case .true: true
        case .false: false
        default: throw self.mismatch(Bool.self, token)
        }
    }

    func string(_ token: Int) throws -> String {
        let found = self.tokens[token]
        switch found.kind {
        case .string: return String(decoding: self.bytes[found.start..<found.end], as: UTF8.self)
        case .escapedString:
            let quoted = Array(self.bytes[found.start - 1...found.end])
            guard case .string(let text) = try JSON(parsing: quoted) else { throw self.mismatch(String.self, token) }
            return text
        default: throw self.mismatch(String.self, token)
        }
    }

    func integer<Number: FixedWidthInteger>(_ type: Number.Type, _ token: Int) throws -> Number {
        let found = self.tokens[token]
        if found.kind == .integer, let number = self.shortInteger(found), let number = Number(exactly: number) { return number }
        guard found.kind == .integer || found.kind == .fraction else { throw self.mismatch(type, token) }
        let text = self.text(found)
        if let number = Number(text) { return number }
        // 1.0 and 1e3 are whole numbers too.
        guard let number = Double(text).flatMap(Number.init(exactly:)) else { throw self.mismatch(type, token) }
        return number
    }

    func fraction<Number: BinaryFloatingPoint & LosslessStringConvertible>(_ type: Number.Type, _ token: Int) throws -> Number {
        let found = self.tokens[token]
        guard found.kind == .integer || found.kind == .fraction, let number = Number(self.text(found)), number.isFinite else {
            throw self.mismatch(type, token)
        }
        return number
    }

    /// The value of the member with that name; of two with one name the first.
    func member(_ name: String, of object: Int) throws -> Int? {
        let print = TextPrint(of: name).value
        let end = self.tokens[object].next
        var key = object + 1
        while key < end {
            let found = self.tokens[key]
            // The print of an escaped name is of its escapes.
            if found.kind == .escapedString {
                if try self.string(key) == name { return key + 1 }
            } else if found.print == print, self.bytes[found.start..<found.end].elementsEqual(name.utf8) {
                return key + 1
            }
            key = found.next
        }
        return nil
    }

    func check(_ kind: TextToken.Kind, _ token: Int) throws {
        guard self.tokens[token].kind == kind else { throw self.mismatch(JSON.self, token) }
    }

    /// Without its text, which may be a secret.
    func mismatch(_ type: Any.Type, _ token: Int) -> DecodingError {
        .typeMismatch(type, .init(codingPath: [], debugDescription: "another kind of value, at \(self.tokens[token].start)"))
    }

    private func text(_ token: TextToken) -> String {
        String(decoding: self.bytes[token.start..<token.end], as: UTF8.self)
    }

    /// Nil for one of so many digits that it may not fit.
    private func shortInteger(_ token: TextToken) -> Int64? {
        let isNegative = self.bytes[token.start] == UInt8(ascii: "-")
        let start = isNegative ? token.start + 1 : token.start
        guard token.end - start <= 18 else { return nil }
        var number: Int64 = 0
        for position in start..<token.end { number = number &* 10 &+ Int64(self.bytes[position] &- UInt8(ascii: "0")) }
        return isNegative ? -number : number
    }
}

/// One value of the text.
private struct ValueReader: Decoder, SingleValueDecodingContainer {
    let text: IndexedText
    let token: Int
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(try ObjectReader<Key>(text: self.text, object: self.token))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try ArrayReader(text: self.text, array: self.token) }
    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func decodeNil() -> Bool { self.text.isNull(self.token) }
    func decode(_ type: Bool.Type) throws -> Bool { try self.text.bool(self.token) }
    func decode(_ type: String.Type) throws -> String { try self.text.string(self.token) }
    func decode(_ type: Double.Type) throws -> Double { try self.text.fraction(type, self.token) }
    func decode(_ type: Float.Type) throws -> Float { try self.text.fraction(type, self.token) }
    func decode(_ type: Int.Type) throws -> Int { try self.text.integer(type, self.token) }
    func decode(_ type: Int8.Type) throws -> Int8 { try self.text.integer(type, self.token) }
    func decode(_ type: Int16.Type) throws -> Int16 { try self.text.integer(type, self.token) }
    func decode(_ type: Int32.Type) throws -> Int32 { try self.text.integer(type, self.token) }
    func decode(_ type: Int64.Type) throws -> Int64 { try self.text.integer(type, self.token) }
    func decode(_ type: UInt.Type) throws -> UInt { try self.text.integer(type, self.token) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try self.text.integer(type, self.token) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try self.text.integer(type, self.token) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try self.text.integer(type, self.token) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try self.text.integer(type, self.token) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try Value(from: self) }
}

private struct ObjectReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let text: IndexedText
    let object: Int
    var codingPath: [any CodingKey] { [] }

    init(text: IndexedText, object: Int) throws {
        try text.check(.object, object)
        self.text = text
        self.object = object
    }

    /// In the order of the text.
    var allKeys: [Key] {
        var keys: [Key] = []
        var key = self.object + 1
        while key < self.text.tokens[self.object].next {
            if let name = try? self.text.string(key), let key = Key(stringValue: name) { keys.append(key) }
            key = self.text.tokens[key].next
        }
        return keys
    }

    private func value(_ key: Key) throws -> Int {
        if let value = try self.text.member(key.stringValue, of: self.object) { return value }
        throw DecodingError.keyNotFound(key, .init(codingPath: [], debugDescription: "no member of that name"))
    }

    /// Nil also for `null`.
    private func something(_ key: Key) throws -> Int? {
        try self.text.member(key.stringValue, of: self.object).flatMap { self.text.isNull($0) ? nil : $0 }
    }

    func contains(_ key: Key) -> Bool { (try? self.text.member(key.stringValue, of: self.object)) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { self.text.isNull(try self.value(key)) }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try self.text.bool(try self.value(key)) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try self.text.string(try self.value(key)) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try self.text.fraction(type, try self.value(key)) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try self.text.fraction(type, try self.value(key)) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try self.text.integer(type, try self.value(key)) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try self.text.integer(type, try self.value(key)) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try Value(from: ValueReader(text: self.text, token: try self.value(key)))
    }

    // The standard library's own look a name up three times. Those of what the domain's values have; the others are made of these.

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try self.something(key).map(self.text.bool) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try self.something(key).map(self.text.string) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
        try self.something(key).map { try self.text.integer(type, $0) }
    }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        try self.something(key).map { try Value(from: ValueReader(text: self.text, token: $0)) }
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws -> KeyedDecodingContainer<Nested> {
        KeyedDecodingContainer(try ObjectReader<Nested>(text: self.text, object: try self.value(key)))
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try ArrayReader(text: self.text, array: try self.value(key))
    }

    func superDecoder() throws -> any Decoder { throw self.text.mismatch(Self.self, self.object) }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw self.text.mismatch(Self.self, self.object) }
}

private struct ArrayReader: UnkeyedDecodingContainer {
    let text: IndexedText
    let array: Int
    /// The token of the next element.
    private var token: Int
    private(set) var currentIndex = 0
    var codingPath: [any CodingKey] { [] }

    init(text: IndexedText, array: Int) throws {
        try text.check(.array, array)
        self.text = text
        self.array = array
        self.token = array + 1
    }

    var isAtEnd: Bool { self.token == self.text.tokens[self.array].next }

    var count: Int? {
        var (count, token) = (0, self.array + 1)
        while token < self.text.tokens[self.array].next {
            count += 1
            token = self.text.tokens[token].next
        }
        return count
    }

    /// An element that is of another kind stays the next one.
    private mutating func take<Value>(_ read: (Int) throws -> Value) throws -> Value {
        guard !self.isAtEnd else {
            throw DecodingError.valueNotFound(Value.self, .init(codingPath: [], debugDescription: "no more elements"))
        }
        let value = try read(self.token)
        self.token = self.text.tokens[self.token].next
        self.currentIndex += 1
        return value
    }

    private mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
        let text = self.text
        return try self.take { try text.integer(type, $0) }
    }

    mutating func decodeNil() throws -> Bool {
        guard !self.isAtEnd else { return try self.take { _ in false } }
        guard self.text.isNull(self.token) else { return false }
        return try self.take { _ in true }
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try self.take(self.text.bool) }
    mutating func decode(_ type: String.Type) throws -> String { try self.take(self.text.string) }
    mutating func decode(_ type: Double.Type) throws -> Double { try self.decode() }
    mutating func decode(_ type: Float.Type) throws -> Float { try self.decode() }
    mutating func decode(_ type: Int.Type) throws -> Int { try self.integer(type) }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try self.integer(type) }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try self.integer(type) }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try self.integer(type) }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try self.integer(type) }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try self.integer(type) }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try self.integer(type) }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try self.integer(type) }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try self.integer(type) }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try self.integer(type) }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try self.decode() }

    private mutating func decode<Value: Decodable>() throws -> Value {
        let text = self.text
        return try self.take { try Value(from: ValueReader(text: text, token: $0)) }
    }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws -> KeyedDecodingContainer<Nested> {
        let text = self.text
        return try self.take { KeyedDecodingContainer(try ObjectReader<Nested>(text: text, object: $0)) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let text = self.text
        return try self.take { try ArrayReader(text: text, array: $0) }
    }

    mutating func superDecoder() throws -> any Decoder { throw self.text.mismatch(Self.self, self.array) }
}
