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

    @Test("No two are made in the same millisecond; after the clock was set back they follow it")
    func times() {
        let times = SignatureTimes()
        let first = (0..<3).map { _ in times.next(at: noon) }
        #expect(first == (0..<3).map { noon + .milliseconds($0) })
        #expect(times.next(at: noon + .milliseconds(1)) == noon + .milliseconds(3))
        #expect(times.next(at: noon + .seconds(5)) == noon + .seconds(5))
        #expect(times.next(at: noon + .seconds(-3600)) == noon + .seconds(-3600))
    }

    private var noon: Timestamp { Timestamp(seconds: 1_800_000_000) }
}
