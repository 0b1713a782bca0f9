/// Options of an `HTTPClient`.
package struct HTTPClientConfiguration: Sendable {
    package enum Schemes: Sendable {
        case httpsOnly
        /// `http` too, but only to a loopback address or `localhost`: a simulator on this machine.
        case httpsOrLoopbackHTTP
        /// `http` to anybody: for what others run, with rules for the addresses.
        case httpsOrHTTP
    }

    package var schemes: Schemes = .httpsOnly
    /// Where connections may lead. With rules, no connection is used for a second request: it would pass them by.
    package var addresses: AddressRules = .any
    /// PEM file of the certificate authorities to trust instead of the system's.
    package var certificateAuthorityFile: String?
    package var userAgent = "novitai"
    /// Name resolution, TCP and TLS together. A server that takes longer is as good as down.
    package var connectTimeout: Duration = .seconds(5)
    /// Transfers under way, and connections kept. The provider's rate limit is reached with far fewer.
    package var activeRequestsMax = 32
    /// Requests that wait for a place or are under way. Beyond, callers are refused at once rather than left to time out.
    package var requestsMax = 512
    /// All header lines of one exchange, informational responses and trailers included.
    package var responseHeaderBytesMax = 32 * 1024
    /// A connection is not used again after this, so that a change of the server's addresses is noticed.
    package var connectionLifetime: Duration = .seconds(600)

    package init() {}
}
