import Foundation
import JSONText
import Testing

/// What Foundation's coders make of a value is what ours must: the database of one release is read by the other.
@Suite("Values as JSON text")
struct TextCodingTests {
    private static func foundation(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// Both make the same text of it, and it comes back from it.
    private static func expectSame<Value: Codable & Equatable>(_ value: Value, _ location: SourceLocation = #_sourceLocation) throws {
        let text = try JSONTextEncoder.text(of: value)
        #expect(text == (try self.foundation(value)), sourceLocation: location)
        #expect(try JSONTextDecoder.decode(Value.self, from: text) == value, sourceLocation: location)
        #expect(try JSONDecoder().decode(Value.self, from: Data(text.utf8)) == value, sourceLocation: location)
    }

    @Test("Every character of a string, and of a name")
    func characters() throws {
        let scalars = (UInt32(0)...0x2FF).compactMap(Unicode.Scalar.init) + ["\u{2028}", "\u{FEFF}", "\u{FFFD}", "\u{FFFF}", "\u{1F600}"]
        for scalar in scalars { try Self.expectSame(["a\(Character(scalar))b": String(Character(scalar))]) }
    }

    @Test(
        "Names in order of their bytes, however they begin",
        arguments: [
            ["b", "a", "", "aa", "A", "Z", "10", "9", "a-b", "a\"b", "a_b"], ["éx", "é", "e\u{301}y", "\u{FFFD}", "\u{1F600}", "z"],
            ["somethingLong", "somethingLonger", "somethingLon", "something", "somethingLonG"], ["\u{0}", "\u{0}\u{0}", "a\u{0}", "a"],
        ])
    func order(names: [String]) throws {
        try Self.expectSame(Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) }))
    }

    @Test("Numbers at their limits")
    func numbers() throws {
        try Self.expectSame([Int64.min, -1, 0, 9, 10, 99, 999_999_999_999_999_999, 1_000_000_000_000_000_000, .max])
        try Self.expectSame([UInt64(0), .max, UInt64(Int64.max) + 1])
        try Self.expectSame([Int8.min, .max])
        try Self.expectSame([0.1, 1, -0.5, 1e16, 1e-7, 1e300, .pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude])
        try Self.expectSame([Float(0.1), 16_777_216])
        #expect(throws: EncodingError.self) { try JSONTextEncoder.text(of: [Double.nan]) }
        #expect(throws: EncodingError.self) { try JSONTextEncoder.text(of: [Double.infinity]) }
    }

    private struct Nothing: Codable, Equatable {}

    private enum Step: Codable, Equatable {
        case plain
        case word(String)
        indirect case deep(Step, other: Int, Nothing)
    }

    private struct Mixed: Codable, Equatable {
        var zeta: Step
        var alpha: [Step]
        var none: Int?
        var some: Bool?
        var nested: [[Int?]]
        var nothing: Nothing
        var byNumber: [Int: [String: Step]]
        var duration: Duration
    }

    @Test("Objects and arrays in one another, and what is nil")
    func nesting() throws {
        let deep = Step.deep(.deep(.plain, other: 1, Nothing()), other: -1, Nothing())
        try Self.expectSame(
            Mixed(
                zeta: deep, alpha: [.plain, .word("a/b"), deep], none: nil, some: false, nested: [[], [nil, 1], [2, nil]],
                nothing: Nothing(),
                byNumber: [3: [:], 20: ["z": deep, "y": .plain]], duration: .milliseconds(-1500)))
        try Self.expectSame("alone")
        try Self.expectSame(Step?.none)
    }

    @Test("Text that somebody else has written: white space, escapes, any order, what nobody asks for")
    func foreign() throws {
        let text = """
             { "later" : [ { "a" : [ ] } , "\\u00e9\\"" , -1.5e3 , null , true ] ,
            \t"\\u006eested": [[1, null], [2.0, 3e0]], "some": null, "alpha": [], "nothing": {"x": {}},
            "byNumber": {}, "zeta": {"word": {"_0": "\\ud83d\\ude00\\/\\n"}}, "duration": [0, 0] }\r\n
            """
        let mixed = try JSONTextDecoder.decode(Mixed.self, from: text)
        #expect(
            mixed.zeta == .word("\u{1F600}/\n") && mixed.nested == [[1, nil], [2, 3]] && mixed.some == nil && mixed.duration == .zero)
        #expect(mixed == (try JSONDecoder().decode(Mixed.self, from: Data(text.utf8))))
    }

    @Test(
        "What is no JSON, or of another kind than asked for, is refused",
        arguments: [
            "", "{", "[1,]", "[1] 2", "{\"a\":1,}", "{\"a\" 1}", "[\"a]", "[\"\u{1}\"]", "[01]", "[1.]", "[.5]", "[-]", "[+1]", "[1e]",
            "[nul]",
            "[\"1\"]", "[1.5]", "[9223372036854775808]", "[true]", "{}", "null", "[null]", "[[1]]", "1", "[1", "[\"\\",
            String(repeating: "[", count: 1000),
        ])
    func refusals(text: String) {
        #expect(throws: (any Error).self) { try JSONTextDecoder.decode([Int].self, from: text) }
    }

    /// Asks for its containers as nothing does that the compiler makes.
    private struct Interleaved: Encodable {
        enum Keys: String, CodingKey { case a, b, c }

        let isInTurn: Bool

        func encode(to encoder: any Encoder) throws {
            var outer = encoder.container(keyedBy: Keys.self)
            var inner = outer.nestedContainer(keyedBy: Keys.self, forKey: .b)
            try inner.encode(2, forKey: .b)
            try inner.encode(1, forKey: .a)
            var again = encoder.container(keyedBy: Keys.self)
            try again.encode(3, forKey: .a)
            if !self.isInTurn { try inner.encode(4, forKey: .c) }
        }
    }

    @Test("Containers that are written to in turn; others are refused instead of being written wrong")
    func containers() throws {
        #expect(try JSONTextEncoder.text(of: [Interleaved(isInTurn: true)]) == #"[{"a":3,"b":{"a":1,"b":2}}]"#)
        #expect(throws: EncodingError.self) { try JSONTextEncoder.text(of: [Interleaved(isInTurn: false)]) }
    }

    private struct Twice: Encodable {
        enum Keys: String, CodingKey { case a, b }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(1, forKey: .b)
            try container.encode(1, forKey: .a)
            try container.encode(2, forKey: .b)
        }
    }

    @Test("Of two members with one name the later counts")
    func twice() throws {
        #expect(try JSONTextEncoder.text(of: Twice()) == #"{"a":1,"b":2}"#)
    }
}
