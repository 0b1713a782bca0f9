/// An exchange that brought no whole response.
package struct HTTPClientError: Error, Equatable {
    package enum Code: Sendable {
        /// The URL, a header or a limit breaks the rules of `HTTPRequest`.
        case invalidRequest
        /// As many requests as the configuration allows are already waiting or under way.
        case queueFull
        /// The client has been shut down, or was while the request was under way.
        case closed
        /// The task that waited was cancelled.
        case cancelled
        /// No address, nobody listening, or the handshake below TLS failed.
        case couldNotConnect
        /// The name leads to an address that the client's rules do not allow.
        case addressRefused
        /// The peer could not prove who it is, or spoke no acceptable TLS.
        case tlsFailed
        /// The deadline passed.
        case timedOut
        /// The connection ended before the response did.
        case connectionLost
        /// Body or headers beyond their limit.
        case responseTooLarge
        /// What came is not HTTP.
        case malformedResponse
        /// libcurl refused an option, ran out of memory or broke off; later requests may do.
        case internalFailure
    }

    package var code: Code
    /// Whether the request may have reached the server. `false` is a promise: the exchange ended before libcurl began to send, so
    /// nothing can have been processed. `true` is no proof of the opposite.
    package var mayHaveBeenSent: Bool
    /// For people and the log; nobody matches on it. Holds no header, body or query.
    package var message: String
    /// Of the response, when it had come that far.
    package var status: Int?

    package init(_ code: Code, mayHaveBeenSent: Bool, _ message: String, status: Int? = nil) {
        self.code = code
        self.mayHaveBeenSent = mayHaveBeenSent
        self.message = message
        self.status = status
    }
}

extension HTTPClientError: CustomStringConvertible {
    package var description: String { "\(code): \(message)\(mayHaveBeenSent ? "" : " (not sent)")" }
}
