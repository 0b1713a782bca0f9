internal import Crypto
package import CurlClient
package import Fleet
internal import FoundationEssentials
internal import Synchronization

/// Delivers webhooks: signed, to addresses that the client's rules allow once their names are resolved, without following redirects, and
/// reading no more of an answer than its status.
package struct OutboundWebhookSender: WebhookSender {
    /// Of an answer; the rest is not read.
    private static let answerBytesMax = 16 * 1024

    private let client: HTTPClient
    private let keys: [WebhookKey]
    private let timeout: Duration
    private let times = SignatureTimes()

    /// - Parameters:
    ///   - client: one of its own, see `configuration`.
    ///   - keys: each signs, so that a receiver may hold any of them while they are replaced; none: deliveries are not signed.
    ///   - timeout: `WEBHOOK_TIMEOUT`.
    package init(_ client: HTTPClient, keys: [WebhookKey], timeout: Duration) {
        self.client = client
        self.keys = keys
        self.timeout = timeout
    }

    package static func configuration(except exceptions: Set<AddressRules.Exception> = []) -> HTTPClientConfiguration {
        var configuration = OutboundProber.configuration(except: exceptions)
        configuration.userAgent = "novitai-webhook"
        return configuration
    }

    package func send(_ delivery: WebhookDelivery, to target: WebhookTarget, at now: Timestamp) async -> WebhookAnswer {
        let body = Array(delivery.body.utf8)
        var headers = [
            HTTPHeader("content-type", "application/json"), HTTPHeader("novitai-event-id", delivery.eventID),
            HTTPHeader("novitai-event-type", delivery.type),
        ]
        if !self.keys.isEmpty {
            headers.append(HTTPHeader("novitai-signature", WebhookKey.signatures(of: body, under: self.keys, at: self.times.next(at: now))))
        }
        let request = HTTPRequest(
            method: .post, url: target.url, headers: headers, body: body, timeout: self.timeout, delivery: .onceOnFreshConnection,
            responseBytesMax: Self.answerBytesMax)
        do throws(HTTPClientError) {
            return Self.answer(try await self.client.execute(request).status)
        } catch {
            if error.code == .responseTooLarge, let status = error.status { return Self.answer(status) }
            return WebhookAnswer(status: nil, error: error.code == .addressRefused ? "the address is private or reserved" : "\(error.code)")
        }
    }

    private static func answer(_ status: Int) -> WebhookAnswer {
        let answer = WebhookAnswer(status: status)
        return answer.isAccepted ? answer : WebhookAnswer(status: status, error: "the receiver answered \(status)")
    }
}

/// When deliveries are signed: no two in the same millisecond. One event goes to several targets at once, and where these are one receiver
/// it would take the second delivery, signed like the first, for a recording.
package final class SignatureTimes: Sendable {
    /// How far ahead of the clock a time may be; one that is farther was made before the clock was set back, and is forgotten. Receivers
    /// allow minutes.
    private static let aheadMax: Duration = .seconds(10)

    private let last = Mutex<Timestamp?>(nil)

    package init() {}

    package func next(at now: Timestamp) -> Timestamp {
        self.last.withLock { last in
            var next = Timestamp(microseconds: now.microseconds / 1000 * 1000)
            if let last, next <= last, last <= next + Self.aheadMax { next = last + .milliseconds(1) }
            last = next
            return next
        }
    }
}

/// A secret that sender and receiver share. Cannot print itself.
package struct WebhookKey: Sendable, CustomStringConvertible, CustomReflectable {
    /// Names the key without telling it: 8 digits of its digest.
    package let id: String
    private let key: SymmetricKey

    package init(_ secret: String) {
        self.key = SymmetricKey(data: Array(secret.utf8))
        self.id = Self.hexadecimal(SHA256.hash(data: Array(secret.utf8)).prefix(4))
    }

    /// `t=1700000000000,KEYID=HEX,…`: HMAC-SHA256 over the time in milliseconds, a point and the body, under each key. No two attempts are
    /// signed alike, so that a receiver can tell a delivery that is made again from one that is played again.
    package static func signatures(of body: [UInt8], under keys: [WebhookKey], at now: Timestamp) -> String {
        let time = now.microseconds / 1000
        let signed = Array("\(time).".utf8) + body
        let parts = keys.map { "\($0.id)=\(self.hexadecimal(HMAC<SHA256>.authenticationCode(for: signed, using: $0.key)))" }
        return (["t=\(time)"] + parts).joined(separator: ",")
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    package var description: String { "WebhookKey(\(self.id))" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
