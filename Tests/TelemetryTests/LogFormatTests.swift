import Foundation
import Logging
import Synchronization
import Testing

@testable import Telemetry

@Suite("Log lines")
struct LogFormatTests {
    private static func record(_ message: String = "m", _ metadata: Logger.Metadata = [:]) -> LogRecord {
        LogRecord(time: 1_800_000_000_123_456, level: .warning, label: "novitaid", message: message, metadata: metadata)
    }

    @Test(
        "times are RFC 3339 in UTC",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_800_000_000_123_456, "2027-01-15T08:00:00.123Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (4_107_542_399_999_999, "2100-02-28T23:59:59.999Z"),
        ] as [(Int64, String)])
    func time(_ microseconds: Int64, is wanted: String) {
        #expect(LogRecord(time: microseconds, level: .info, label: "", message: "", metadata: [:]).timeText == wanted)
    }

    @Test("a JSON line is one object with flattened metadata")
    func json() throws {
        let metadata: Logger.Metadata = [
            "b": ["x": "1", "y": ["z": "2"]], "a": [["k": "v"], "w"], "level": "own", "n": .stringConvertible(7),
        ]
        let line = LogFormat.json.line(Self.record("started", metadata))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: String])
        #expect(
            object == [
                "time": "2027-01-15T08:00:00.123Z", "level": "warning", "label": "novitaid", "message": "started", "b.x": "1", "b.y.z": "2",
                "a.0.k": "v", "a.1": "w", "level_": "own", "n": "7",
            ])
    }

    @Test(
        "whatever stands in a message or in metadata, the line is one line without control characters, and JSON gives it back",
        arguments: ["a\nb", "\r\u{0}\u{1b}[2J", "\"quoted\\\"", "Ünïcode 🚀", "\u{7f}\u{9b}31m\u{2028}", "}{,:"])
    func hostile(_ text: String) throws {
        for format in LogFormat.allCases {
            let line = format.line(Self.record(text, [text: .string(text)]))
            let body = String(decoding: line.dropLast(), as: UTF8.self)
            #expect(line.last == UInt8(ascii: "\n"))
            #expect(!body.unicodeScalars.contains { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) || $0.value == 0x2028 })
        }
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(LogFormat.json.line(Self.record(text, [text: .string(text)])))) as? [String: String]
        )
        #expect(object["message"] == text && object[text] == text)
    }

    @Test("a long value is cut off")
    func long() {
        let line = LogFormat.json.line(Self.record(String(repeating: "é", count: 100_000)))
        #expect(line.count < LogFormat.valueBytesMax + 200)
        #expect(String(validating: line, as: UTF8.self) != nil)
    }

    @Test("a text line is for people")
    func text() {
        let line = LogFormat.text.line(Self.record("started", ["port": "50051", "why": "two words", "none": ""]))
        #expect(
            String(decoding: line, as: UTF8.self)
                == "2027-01-15T08:00:00.123Z warning novitaid: started none=\"\" port=50051 why=\"two words\"\n")
    }

    @Test("a handler merges its own metadata, the provider's and the message's, the last one winning, and obeys its level")
    func handler() throws {
        let box = Written()
        var handler = LineLogHandler(label: "l", level: .info, format: .json, now: { 0 }, write: { line in box.append(line) })
        handler.metadataProvider = Logger.MetadataProvider { ["from": "provider", "provided": "yes"] }
        var logger = Logger(label: "l") { _ in handler }
        logger[metadataKey: "from"] = "logger"
        logger.debug("not written")
        logger.info("written", metadata: ["call": "1"])
        #expect(box.lines.count == 1)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(box.lines[0])) as? [String: String])
        #expect(object["from"] == "provider" && object["provided"] == "yes" && object["call"] == "1" && object["message"] == "written")
    }
}

private final class Written: Sendable {
    private let state = Mutex<[[UInt8]]>([])
    func append(_ line: [UInt8]) { self.state.withLock { $0.append(line) } }
    var lines: [[UInt8]] { self.state.withLock { $0 } }
}
