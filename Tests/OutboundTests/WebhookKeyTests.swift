import Fleet
import Outbound
import Testing

@Suite("Signatures of webhooks")
struct WebhookKeyTests {
    /// As Python's `hmac` and `hashlib` reckon it.
    private static let known = "e2a01de8=2fc80ea19a4a86f78e4aa9215867fa08197f9b3a58c9525d3bef3967e78630c0"

    @Test("HMAC-SHA256 over time and body, named by the key, once for each key")
    func signature() {
        let body = Array(#"{"a":1}"#.utf8)
        let (one, two) = (WebhookKey("secret one"), WebhookKey("secret two"))
        #expect(WebhookKey.signatures(of: body, under: [one], at: noon) == "t=1800000000000,\(Self.known)")
        let both = WebhookKey.signatures(of: body, under: [two, one], at: noon)
        #expect(both.hasPrefix("t=1800000000000,\(two.id)=") && both.hasSuffix(Self.known) && one.id != two.id)
        #expect(WebhookKey.signatures(of: body, under: [one], at: noon + .milliseconds(1)) != "t=1800000000001,\(Self.known)")
        #expect("\(one)" == "WebhookKey(\(one.id))")
    }

    private var noon: Timestamp { Timestamp(seconds: 1_800_000_000) }
}
