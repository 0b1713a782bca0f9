internal import CurlClient
internal import Fleet

/// A call that brought no usable reply.
struct CallFailure: Error {
    var error: CloudError
    /// False is a promise: the provider has done nothing, and will do nothing, because of this call.
    var mayHaveBeenProcessed: Bool
    /// The reply was larger than is read.
    var isReplyTooLarge = false

    init(_ code: CloudError.Code, _ message: String, retryAfter: Duration? = nil, mayHaveBeenProcessed: Bool) {
        self.error = CloudError(code, message, retryAfter: retryAfter)
        self.mayHaveBeenProcessed = mayHaveBeenProcessed
    }

    /// A call that was never made.
    static func notAttempted(_ message: String, retryAfter: Duration? = nil) -> Self {
        CallFailure(.notAttempted, message, retryAfter: retryAfter, mayHaveBeenProcessed: false)
    }

    /// A reply with a good status whose content cannot be used.
    static func malformedReply(_ message: String) -> Self {
        CallFailure(.malformedReply, message, mayHaveBeenProcessed: true)
    }

    /// For the caller of a change.
    var changeError: CloudError {
        var error = self.error
        error.mayHaveTakenEffect = self.mayHaveBeenProcessed
        return error
    }

    init(_ failure: HTTPClientError) {
        self.init(Self.code(of: failure), failure.message, mayHaveBeenProcessed: failure.mayHaveBeenSent)
        self.isReplyTooLarge = failure.code == .responseTooLarge
    }

    private static func code(of failure: HTTPClientError) -> CloudError.Code {
        switch failure.code {
        case .couldNotConnect, .addressRefused, .tlsFailed, .timedOut, .connectionLost: .transport
        case .responseTooLarge, .malformedResponse: .malformedReply
        case .invalidRequest: .invalidRequest
        case .queueFull, .closed, .cancelled, .internalFailure: failure.mayHaveBeenSent ? .transport : .notAttempted
        }
    }
}
