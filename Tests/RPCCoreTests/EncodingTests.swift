import RPCCore
import Testing

@Suite("Encodings of the wire")
struct EncodingTests {
    @Test(
        "grpc-timeout is one to eight digits and a unit",
        arguments: [
            ("1n", 1), ("5u", 5000), ("250m", 250_000_000), ("1S", 1_000_000_000), ("2M", 120_000_000_000), ("1H", 3_600_000_000_000),
            ("0n", 0), ("00000001S", 1_000_000_000), ("99999999H", UInt64(Int64.max)),
        ] as [(String, UInt64)])
    func timeout(_ text: String, means nanoseconds: UInt64) {
        #expect(Timeout(Array(text.utf8).span)?.nanoseconds == nanoseconds)
    }

    @Test("anything else is no timeout", arguments: ["", "S", "1", "1s", "-1S", "+1S", " 1S", "1 S", "1.5S", "100000000n", "1SS", "１S"])
    func malformedTimeout(_ text: String) {
        #expect(Timeout(Array(text.utf8).span) == nil)
    }

    @Test(
        "a timeout is sent in the finest unit that has eight digits, rounded up, never as zero",
        arguments: [
            (0, "1n"), (1, "1n"), (99_999_999, "99999999n"), (100_000_000, "100000u"), (100_000_001, "100001u"),
            (5_000_000_000, "5000000u"), (100_000_000_000, "100000m"), (UInt64(Int64.max), "2562048H"),
        ] as [(UInt64, String)])
    func sentTimeout(_ nanoseconds: UInt64, is text: String) {
        #expect(Timeout(nanoseconds: nanoseconds).text == text)
    }

    @Test("a negative duration is a timeout of zero, a huge one is clamped")
    func timeoutOfDuration() {
        #expect(Timeout(Duration.seconds(-1)).nanoseconds == 0)
        #expect(Timeout(Duration.milliseconds(1500)).nanoseconds == 1_500_000_000)
        #expect(Timeout(Duration.seconds(Int64.max)).nanoseconds == UInt64(Int64.max))
    }

    @Test(
        "status messages survive percent-encoding",
        arguments: ["", "plain", "100 %", "a\r\ngrpc-status: 0", "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"])
    func percentRoundTrip(_ text: String) {
        let encoded = PercentEncoding.encode(text)
        #expect(encoded.utf8.allSatisfy { (0x20...0x7E).contains($0) })
        #expect(PercentEncoding.decode(encoded) == text)
    }

    @Test(
        "percent-decoding never fails",
        arguments: [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%41%", "A%"), ("%c3%a9", "é"), ("%FF", "\u{FFFD}"), ("%25", "%")])
    func percentDecoding(_ encoded: String, is text: String) {
        #expect(PercentEncoding.decode(encoded) == text)
    }

    @Test(
        "an encoded message is cut between characters",
        arguments: [(0, ""), (3, ""), (9, "%E2%98%BA"), (10, "%E2%98%BAx"), (99, "%E2%98%BAxy")])
    func cutMessage(_ limit: Int, is encoded: String) {
        #expect(PercentEncoding.encode("☺xy", limit: limit) == encoded)
    }

    @Test(
        "base64 is sent without padding and taken with or without it",
        arguments: [([], ""), ([0], "AA"), ([0xAB, 0xAB], "q6s"), ([0xAB, 0xAB, 0xAB], "q6ur"), ([0xFF, 0xFE, 0xFD, 0xFC], "//79/A")]
            as [([UInt8], String)])
    func base64(_ bytes: [UInt8], is text: String) {
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.decode(text.utf8) == bytes)
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        #expect(Base64.decode((text + padding).utf8) == bytes)
    }

    @Test("what is no base64 is refused", arguments: ["A", "AA=", "A===", "AA==AA==", "A-_A", "AA A", "=AAA", "====", "é"])
    func malformedBase64(_ text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }

    @Test("every length of bytes survives base64", arguments: 0..<70)
    func base64RoundTrip(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
        #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
    }
}
