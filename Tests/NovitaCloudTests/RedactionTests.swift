import Fleet
import Testing

@testable import NovitaCloud

@Suite("Taking secrets out of texts")
struct RedactionTests {
    @Test(
        "a secret is found as it is, escaped, and line by line",
        arguments: [
            ("canary-1", "value canary-1 is bad", "value [redacted] is bad"), ("canary-1", "canary-1canary-1", "[redacted]"),
            ("can\"a/r<y>", #"{"v":"can\"a/r<y>"}"#, #"{"v":"[redacted]"}"#), ("can\"a/r<y>", #"can\"a\/r\u003cy\u003E"#, "[redacted]"),
            ("can\"a/r<y>", ##"in {\"v\":\"can\\\"a/r<y>\"}"##, ##"in {\"v\":\"[redacted]\"}"##),
            ("canär🐤", #"\"can\u00e4r\ud83d\udc24\""#, #"\"[redacted]\""#),
            ("first line\nsecond line", "bad: first line", "bad: [redacted]"),
            ("first line\n  second line\r\n", "second line is bad", "[redacted] is bad"),
            ("first line\nsecond line", #"first line\nsecond line"#, "[redacted]"),
            ("first line\nsecond line", "first line second line", "[redacted] [redacted]"),
            ("first line\nsecond line", "first line\nsecond line", "[redacted]"), ("short", "short", "short"), ("canary-1", "", ""),
            ("canary-1", #"trailing \"#, #"trailing \"#), ("canary-1", #"\u00 \ud83d \x"#, #"\u00 \ud83d \x"#),
        ])
    func forms(secret: String, text: String, shown: String) {
        #expect(Redaction([secret, "abcdef"]).printable(text, atMost: 500) == shown)
    }

    @Test("secrets that overlap leave nothing of either, and the longer one goes with the shorter inside")
    func overlapping() {
        let redaction = Redaction(["canary-one", "one-canary", "canary"])
        #expect(redaction.printable("a canary-one-canary b", atMost: 500) == "a [redacted] b")
    }

    @Test("a secret that a cut would have split is gone whole, wherever it lies", arguments: [0, 480, 490, 499, 500, 600])
    func cut(offset: Int) {
        let text = String(repeating: "x", count: offset) + "canary-canary" + String(repeating: "y", count: 600)
        let shown = Redaction(["canary-canary"]).printable(text, atMost: 500)
        #expect(!shown.contains("ca") && shown.count == 500)
    }

    @Test("a text is not looked through for ever, and what begins at the end of what is looked at is not shown")
    func window() {
        let secret = (0..<500).map { "canary-\($0) " }.joined()
        let text = String(repeating: secret, count: 65_000 / secret.count) + String(repeating: "z", count: 300) + secret + secret
        let shown = Redaction([secret]).printable(text, atMost: 500)
        #expect(!shown.contains("canary"))
    }

    @Test("a message of a refusal holds no part of a secret of several lines, however the provider quotes it")
    func refusal() {
        let redaction = Redaction(["-----BEGIN KEY-----\nMIIcanary/+=\n-----END KEY-----"])
        for body in [
            #"{"message": "bad envs: -----BEGIN KEY-----\nMIIcanary/+=\n-----END KEY-----"}"#,
            #"{"message": "line 2: MIIcanary/+="}"#, #"{"code": 400, "text": "-----BEGIN KEY-----\nMIIcanary\/+="}"#,
            #"{"message": "\#(String(repeating: "x", count: 495)) MIIcanary/+="}"#,
        ] {
            let message = Refusal(status: 400, body: Array(body.utf8)).failure(retryAfter: nil, hiding: redaction).error.message
            #expect(!message.contains("MII"), "\(message)")
        }
    }
}
