/// What a server may do, and must do, on one call: a value without I/O. Its driver has the bytes, the handler and the clock.
///
///     requests:   expected ──▶ taken ──▶ ended          (one request message)
///                 streaming ───────────▶ ended          (any number)
///     responses:  none ──▶ streaming ──▶ ended
///
/// The directions are independent: a call may be answered before its requests end, which only then are over.
package struct ServerStreamMachine: Sendable {
    private enum Requests {
        /// The one message has not come. Becomes `taken`, or `ended` when the call is refused.
        case expected
        /// The one message has come, its END_STREAM has not. Becomes `ended`.
        case taken
        /// Messages come until END_STREAM. Becomes `ended`.
        case streaming
        case ended
    }

    private enum Responses {
        /// Nothing sent: an error can still be Trailers-Only. Becomes `streaming` or `ended`.
        case none
        /// Headers are out. Becomes `ended`.
        case streaming
        /// The status is out, or the stream is gone.
        case ended
    }

    private var requests: Requests
    private var responses = Responses.none

    package init(kind: MethodDescriptor.Kind) { self.requests = kind.hasSingleRequest ? .expected : .streaming }

    package var isOver: Bool { self.responses == .ended }
    package var hasSentHeaders: Bool { self.responses == .streaming }

    package enum OnMessage {
        /// Start the handler with this message.
        case start
        /// Give it to the handler's stream of requests.
        case deliver
        /// The call is over.
        case drop
        case refuse(RPCError)
    }

    package mutating func messageReceived() -> OnMessage {
        guard self.responses != .ended else { return .drop }
        switch self.requests {
        case .expected:
            self.requests = .taken
            return .start
        case .streaming: return .deliver
        case .taken: return .refuse(RPCError(code: .unimplemented, message: "more than one request message"))
        case .ended: return .drop
        }
    }

    package enum OnEnd {
        /// Nothing to do: the handler has its message.
        case none
        /// End the handler's stream of requests.
        case endRequests
        case refuse(RPCError)
    }

    /// - Parameter isWithinMessage: whether END_STREAM cut a message.
    package mutating func requestsEnded(isWithinMessage: Bool) -> OnEnd {
        let before = self.requests
        self.requests = .ended
        guard self.responses != .ended else { return .none }
        if isWithinMessage { return .refuse(RPCError(code: .internal, message: "the stream ended within a message")) }
        switch before {
        case .expected: return .refuse(RPCError(code: .unimplemented, message: "no request message"))
        case .streaming: return .endRequests
        case .taken, .ended: return .none
        }
    }

    package enum OnSend {
        case afterHeaders
        case alone
        /// The call is over.
        case drop
    }

    /// Before a message, or the headers alone, are sent.
    package mutating func send() -> OnSend {
        switch self.responses {
        case .none:
            self.responses = .streaming
            return .afterHeaders
        case .streaming: return .alone
        case .ended: return .drop
        }
    }

    package enum OnFinish {
        case trailersOnly
        case trailers
        /// The call is over already.
        case drop
    }

    /// Before the status is sent.
    package mutating func finish() -> OnFinish {
        defer { self.responses = .ended }
        switch self.responses {
        case .none: return .trailersOnly
        case .streaming: return .trailers
        case .ended: return .drop
        }
    }

    /// The stream is gone.
    ///
    /// - Returns: whether the call was cut off before its status was out.
    package mutating func closed() -> Bool {
        defer {
            self.requests = .ended
            self.responses = .ended
        }
        return self.responses != .ended
    }
}
