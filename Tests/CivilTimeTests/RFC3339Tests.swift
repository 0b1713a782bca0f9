import CivilTime
import Testing

@Suite("RFC 3339 times")
struct RFC3339Tests {
    static let knownTimes: [(Int64, String)] = [
        (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (1_767_225_600, "2026-01-01T00:00:00Z"), (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"), (-62_135_596_800, "0001-01-01T00:00:00Z"),
    ]

    @Test("known times are written and read", arguments: knownTimes)
    func known(seconds: Int64, text: String) {
        #expect(RFC3339.text(seconds: seconds) == text)
        #expect(RFC3339.seconds(of: text) == seconds)
    }

    @Test("a fraction is cut, not rounded")
    func fraction() {
        #expect(RFC3339.text(seconds: 1, nanoseconds: 999_999_999, digits: 3) == "1970-01-01T00:00:01.999Z")
        #expect(RFC3339.text(seconds: 1, nanoseconds: 5, digits: 9) == "1970-01-01T00:00:01.000000005Z")
    }

    @Test("every day of 800 years is read back as it was written")
    func everyDay() {
        for day in Int64(-146_097)...146_097 where RFC3339.seconds(of: RFC3339.text(seconds: day * 86_400)) != day * 86_400 {
            Issue.record("day \(day)")
        }
    }

    @Test(
        "an offset is taken off", arguments: [("1970-01-01T02:00:00+02:00", 0), ("1969-12-31T22:30:00.25-01:30", 0)] as [(String, Int64)])
    func offset(text: String, seconds: Int64) {
        #expect(RFC3339.seconds(of: text) == seconds)
    }

    @Test(
        "what is no time is refused",
        arguments: [
            "", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:60Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+0200", "x970-01-01T00:00:00Z", "1970-01-01T00:00:00Zz",
        ])
    func refused(text: String) {
        #expect(RFC3339.seconds(of: text) == nil)
    }
}
