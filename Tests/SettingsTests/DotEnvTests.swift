import Testing

@testable import Settings

@Suite("The form of .env files")
struct DotEnvTests {
    @Test(
        "a line is NAME=value",
        arguments: [
            ("A=1", ["A": "1"]), ("  export A = b c  ", ["A": "b c"]), ("# A=1", [:]), ("", [:]), ("A=", ["A": ""]),
            ("A=b # comment", ["A": "b"]), ("A=b#c", ["A": "b#c"]), ("A='b # $c \\n'", ["A": "b # $c \\n"]),
            ("A=\"b\\n\\\"\\\\\\$\"", ["A": "b\n\"\\$"]),
            ("A=\"b\" # comment", ["A": "b"]), ("A=1\nA=2\r\nB=3", ["A": "2", "B": "3"]), ("A=x=y", ["A": "x=y"]),
        ] as [(String, [String: String])])
    func lines(_ text: String, give wanted: [String: String]) throws {
        #expect(try DotEnv.parse(text, file: ".env") == wanted)
    }

    @Test(
        "a line that cannot be read is named by its number",
        arguments: ["A", "1A=2", "A B=1", "=1", "A='b", "A=\"b", "A=\"\\x\"", "A='b' c", "Ä=1"])
    func badLine(_ line: String) {
        let error = #expect(throws: SettingsError.self) { try DotEnv.parse("GOOD=1\n\(line)\nALSO=2\nBAD", file: "x.env") }
        #expect(error?.violations.map(\.name) == ["x.env:2", "x.env:4"])
    }
}
