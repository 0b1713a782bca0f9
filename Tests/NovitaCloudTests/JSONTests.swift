import Fleet
import JSONText
import Testing

@testable import NovitaCloud

@Suite("JSON")
struct JSONTests {
    @Test(
        "what is JSON is read, and written back",
        arguments: [
            ("null", "null"), (" true ", "true"), ("\n[ ]\t", "[]"), ("{}", "{}"), ("-0", "-0"), ("1.50e+2", "1.50e+2"),
            ("12345678901234567890123", "12345678901234567890123"), (#""a\"\\\/\b\n\u0041""#, #""a\"\\/\u0008\u000aA""#),
            (#""\ud83d\ude00é""#, #""😀é""#), (#""\ud83d""#, "\"\u{FFFD}\""), (#""\ud83dx""#, "\"\u{FFFD}x\""),
            (#"{"a": [1, {"B": null}], "a": 2}"#, #"{"a":[1,{"B":null}],"a":2}"#),
        ])
    func valid(_ text: String, written: String) throws {
        #expect(try JSON(parsing: Array(text.utf8)).text == written)
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", " ", "nul", "tru", "[1,]", "[1 2]", "[", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "'a'", "\"", "\"\\x\"",
            "\"\\u12\"",
            "\"\\u+123\"", "\"\n\"", "01", "1.", ".5", "-", "+1", "1e", "1 1", "{} x", "\u{FEFF}{}", "NaN", "<html>",
        ])
    func invalid(_ text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test("nesting is read 32 deep and no deeper")
    func depth() throws {
        let nested: (Int) -> [UInt8] = { Array(String(repeating: "[", count: $0).utf8) + Array(String(repeating: "]", count: $0).utf8) }
        #expect(throws: Never.self) { try JSON(parsing: nested(32)) }
        #expect(throws: JSONError.self) { try JSON(parsing: nested(33)) }
        #expect(throws: JSONError.self) { try JSON(parsing: Array(repeating: UInt8(ascii: "["), count: 1_000_000)) }
    }

    @Test("bytes that are not UTF-8 do not hide the rest")
    func illFormed() throws {
        let json = try JSON(parsing: Array(#"{"a": ""#.utf8) + [0xFF, 0xC0] + Array(#"", "b": 1}"#.utf8))
        #expect(json["b"].integer == 1)
        #expect(json["a"].string.contains("\u{FFFD}"))
    }

    @Test("any mutation of a good text is read or refused, and what is read is written as it reads", arguments: 0..<20 as Range<UInt64>)
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let original = Array(Fixtures.machineLive.utf8)
        for _ in 0..<200 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: position)
                default: bytes.removeSubrange(position...)
                }
                if bytes.isEmpty { bytes = original }
            }
            guard let json = try? JSON(parsing: bytes) else { continue }
            #expect(try JSON(parsing: Array(json.text.utf8)) == json, "seed \(seed)")
        }
    }

    @Test(
        "amounts are exact",
        arguments: [
            (.string("35000"), 10, 350_000), (.number("35000"), 10, 350_000), (.string("0"), 10, 0), (.string("1.5"), 10, 15),
            (.string("1.59"), 10, 15), (.string("-2.5"), 100, -250), (.string("0.1"), 1, 0),
            (.number("922337203685477580"), 10, 9_223_372_036_854_775_800),
            (.string(""), 10, nil), (.string("abc"), 10, nil), (.string("1e5"), 10, nil), (.string("--1"), 1, nil), (.string("1-"), 1, nil),
            (.number("922337203685477581"), 10, nil), (.string("99999999999999999999"), 1, nil), (.null, 1, nil), (.bool(true), 1, nil),
            (.array([.number("1")]), 1, nil),
        ] as [(JSON, Int64, Int64?)])
    func scaled(_ json: JSON, by scale: Int64, is value: Int64?) {
        #expect(json.scaled(by: scale) == value)
    }

    @Test(
        "times",
        arguments: [
            (.string("1756959094"), 1_756_959_094), (.number("1756959094"), 1_756_959_094), (.string("1756959094000"), 1_756_959_094),
            (.string("2025-09-04T04:11:34Z"), 1_756_959_094), (.string("0"), nil), (.string("-1"), nil), (.string(""), nil), (.null, nil),
            (.string("soon"), nil),
        ] as [(JSON, Int64?)])
    func timestamp(_ json: JSON, is seconds: Int64?) {
        #expect(json.timestamp == seconds.map(Timestamp.init(seconds:)))
    }

    @Test("keys are found whatever their case, and absence is null")
    func keys() throws {
        let json = try JSON(parsing: Array(#"{"Id": "x", "clusterID": "c", "n": {"a": 1}}"#.utf8))
        #expect(json["id"].string == "x")
        #expect(json["clusterId"].string == "c")
        #expect(json["n"]["A"].integer == 1)
        #expect(json["missing"]["too"] == .null)
    }

    @Test(
        "lists",
        arguments: [
            ("[1]", 1), (#"{"data": [1, 2]}"#, 2), (#"{"Instances": null}"#, 0), ("{}", 0), (#"{"total": "0"}"#, 0), ("null", nil),
            ("\"x\"", nil),
            (#"{"message": "internal"}"#, nil),
        ] as [(String, Int?)])
    func lists(_ text: String, count: Int?) throws {
        #expect(try JSON(parsing: Array(text.utf8)).list("instances", "data")?.count == count)
    }
}
