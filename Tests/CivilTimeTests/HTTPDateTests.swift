import CivilTime
import Testing

@Suite("HTTP dates")
struct HTTPDateTests {
    @Test(
        "The form that is in use is read, others are not",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800),
            ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("Sun Nov  6 08:49:37 1994", nil), ("Sun, 31 Feb 1994 08:49:37 GMT", nil),
            ("Sun, 06 Nov 1994 08:49:37 CET", nil), ("", nil), ("Sun, 6 Nov 1994 08:49:37 GMT", nil),
        ] as [(String, Int64?)])
    func read(_ text: String, _ seconds: Int64?) {
        #expect(HTTPDate.seconds(of: text) == seconds)
    }
}
