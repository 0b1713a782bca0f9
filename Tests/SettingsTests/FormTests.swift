import Testing

@testable import Settings

@Suite("Forms of settings")
struct FormTests {
    @Test(
        "a duration is a bare number in the row's unit, or a number with ms, s, m or h",
        arguments: [
            ("30", .seconds(30)), ("30s", .seconds(30)), ("1500ms", .milliseconds(1500)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
            ("", nil), ("-1", nil), ("1.5s", nil), ("1d", nil), ("s", nil), ("1 s", nil), ("99999999999999999h", nil), ("٣", nil),
        ] as [(String, Duration?)])
    func duration(_ text: String, means wanted: Duration?) {
        #expect(DurationUnit.parse(text, bare: .seconds) == wanted)
    }

    @Test("a duration outside its row's range is refused", arguments: ["999", "120001", "121s", "0"])
    func durationRange(_ text: String) {
        #expect(Form.duration(1000...120_000, in: .milliseconds).parse(text) == nil)
    }

    @Test(
        "a duration is printed in the largest unit that leaves no fraction",
        arguments: [(.zero, "0s"), (.milliseconds(1500), "1500ms"), (.seconds(90), "90s"), (.seconds(120), "2m"), (.seconds(7200), "2h")]
            as [(Duration, String)])
    func durationText(_ duration: Duration, is wanted: String) {
        #expect(DurationUnit.text(duration) == wanted)
        #expect(DurationUnit.parse(wanted, bare: .hours) == duration)
    }

    @Test(
        "dollars have at most six decimals",
        arguments: [
            ("0", 0), ("12", 12_000_000), ("0.5", 500_000), ("99.999999", 99_999_999), ("1.0000001", nil), ("1.", nil), (".5", nil),
            ("-1", nil), ("1e3", nil), ("1,5", nil), ("1.5.5", nil),
        ] as [(String, Int64?)])
    func dollars(_ text: String, areMicros wanted: Int64?) {
        #expect(Dollars(text)?.micros == wanted)
        if let amount = Dollars(text) { #expect(Dollars(amount.description) == amount) }
    }

    @Test(
        "an address is host:port, [v6]:port or unix:PATH, and knows whether it is on loopback",
        arguments: [
            ("127.0.0.1:50051", true), ("127.8.0.1:0", true), ("localhost:1", true), ("[::1]:5", true), ("unix:/run/novitai.sock", true),
            ("0.0.0.0:50051", false), ("[::]:5", false), ("10.0.0.1:5", false), ("127.example.com:5", false), ("host:65535", false),
            ("127.0.0.1", nil), (":5", nil), ("host:65536", nil), ("host:x", nil), ("host:", nil), ("::1:5", nil), ("[::1", nil),
            ("[]:5", nil),
            ("unix:", nil), ("", nil), ("a b:5", nil), ("unix:" + String(repeating: "p", count: 108), nil),
        ] as [(String, Bool?)])
    func address(_ text: String, isLoopback wanted: Bool?) {
        let address = ListenAddress(text)
        #expect(address?.isLoopback == wanted)
        if let address { #expect(address.description == text) }
    }

    @Test(
        "what listens on every address is reached by loopback",
        arguments: [
            ("0.0.0.0:50051", "127.0.0.1:50051"), ("[::]:1", "[::1]:1"), ("10.0.0.1:2", "10.0.0.1:2"), ("unix:/run/x", "unix:/run/x"),
        ])
    func target(_ text: String, _ wanted: String) {
        #expect(ListenAddress(text)?.asTarget.description == wanted)
    }

    @Test(
        "an origin is scheme, host and port and nothing else",
        arguments: [
            ("https://api.novita.ai", "https://api.novita.ai"), ("https://api.novita.ai/", "https://api.novita.ai"),
            ("HTTP://LocalHost:8090", "http://localhost:8090"), ("http://[::1]:80", "http://[::1]:80"), ("https://h/path", nil),
            ("https://user@host", nil), ("https://h?q", nil), ("ftp://h", nil), ("api.novita.ai", nil), ("https://", nil),
            ("http://h:0", nil),
        ] as [(String, String?)])
    func origin(_ text: String, is wanted: String?) {
        #expect(Origin(text)?.description == wanted)
    }

    @Test(
        "a 32 byte key is 44 characters of base64",
        arguments: [
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true), ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", false),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", false), ("", false), ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8*", false),
        ])
    func key(_ text: String, isAccepted wanted: Bool) {
        #expect((Form<Secret>.keys32.parse(text) != nil) == wanted)
    }

    @Test("a secret does not print itself")
    func secret() {
        let secret = Secret("canary")
        #expect(!"\(secret) \(String(reflecting: secret)) \([secret])".contains("canary"))
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("canary"))
        #expect(secret.reveal() == "canary")
    }
}
