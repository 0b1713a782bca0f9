/// What a client learns from one call's frames: a value without I/O.
///
///     awaitingHeaders ──▶ receiving ──▶ ended
///            └───────── Trailers-Only ────▲
package struct ClientStreamMachine: Sendable {
    private enum State {
        /// The response's headers have not come. Becomes `receiving`, or `ended`.
        case awaitingHeaders
        /// Messages may come. Becomes `ended`.
        case receiving
        case ended
    }

    private var state = State.awaitingHeaders
    private let hasSingleResponse: Bool
    private let codecs: MessageCodecs
    private var messageCount = 0

    package init(kind: MethodDescriptor.Kind, codecs: MessageCodecs = MessageCodecs()) {
        self.hasSingleResponse = kind.hasSingleResponse
        self.codecs = codecs
    }

    package var isOver: Bool { self.state == .ended }
    /// Whether nothing of a response has come, so that the call can be made again when the server has not processed it.
    package var isUntouched: Bool { self.state == .awaitingHeaders }

    /// A call's end: its status (nil is OK) and its trailers.
    package struct End: Sendable {
        package var error: RPCError?
        package var trailers = Metadata()
    }

    package enum OnHead: Sendable {
        /// An interim response, or one for a call that is over.
        case ignore
        /// A response begins, with messages in the given coding.
        case headers(Metadata, MessageCodec?)
        case end(End)
    }

    /// - Parameter isWithinMessage: whether a message has come in part.
    package mutating func receive(_ head: ResponseHead, endStream: Bool, isWithinMessage: Bool = false) -> OnHead {
        guard self.state != .ended, !head.isInterim else { return .ignore }
        if endStream || head.code != nil { return .end(self.end(with: head, isWithinMessage: isWithinMessage)) }
        guard self.state == .awaitingHeaders else { return .ignore }
        if let refusal = Self.refusal(of: head) { return .end(self.end(with: refusal)) }
        switch self.codecs.lookup(head.encoding) {
        case .unknown:
            return .end(self.end(with: RPCError(code: .internal, message: "unknown grpc-encoding \"\(head.encoding ?? "")\"")))
        case .codec(let codec):
            self.state = .receiving
            return .headers(head.metadata, codec)
        case .identity:
            self.state = .receiving
            return .headers(head.metadata, nil)
        }
    }

    package enum OnMessage: Sendable {
        case deliver
        /// The call is over.
        case drop
        case end(End)
    }

    package mutating func messageReceived() -> OnMessage {
        guard self.state == .receiving else { return .drop }
        self.messageCount += 1
        guard self.hasSingleResponse, self.messageCount > 1 else { return .deliver }
        return .end(self.end(with: RPCError(code: .unimplemented, message: "more than one response message")))
    }

    /// END_STREAM on DATA: the server forgot its trailers.
    package mutating func dataEnded() -> End? {
        guard self.state != .ended else { return nil }
        return self.end(with: RPCError(code: .internal, message: "the response ended without trailers"))
    }

    /// The stream is gone.
    ///
    /// - Parameters:
    ///   - resetCode: of RFC 9113, section 7; nil when the connection was lost.
    ///   - cause: why the connection ends, for people.
    /// - Returns: the end, when it was not known before.
    package mutating func closed(resetCode: UInt32?, cause: String? = nil) -> End? {
        guard self.state != .ended else { return nil }
        let words = cause.map { "; \($0)" } ?? ""
        guard let resetCode else { return self.end(with: RPCError(code: .unavailable, message: "the connection was lost" + words)) }
        let message = "the stream was reset with code \(resetCode)" + words
        return self.end(with: RPCError(code: .init(resetCode: resetCode), message: message))
    }

    /// Ends the call from this side.
    package mutating func end(with error: RPCError) -> End {
        self.state = .ended
        return End(error: error)
    }

    private mutating func end(with head: ResponseHead, isWithinMessage: Bool) -> End {
        let isCut = self.hasSingleResponse && self.messageCount == 0
        self.state = .ended
        switch head.code {
        case .ok? where isWithinMessage:
            return End(error: RPCError(code: .internal, message: "the response ended within a message"), trailers: head.metadata)
        case .ok? where isCut:
            return End(error: RPCError(code: .unimplemented, message: "no response message"), trailers: head.metadata)
        case .ok?:
            return End(trailers: head.metadata)
        case let code?:
            let error = RPCError(code: code, message: head.message, details: head.details, metadata: head.metadata)
            return End(error: error, trailers: head.metadata)
        case nil:
            return End(error: Self.refusal(of: head) ?? RPCError(code: .unknown, message: "no grpc-status"), trailers: head.metadata)
        }
    }

    /// Why the headers cannot begin a response of gRPC.
    private static func refusal(of head: ResponseHead) -> RPCError? {
        if let status = head.httpStatus, status != 200 {
            return RPCError(code: .init(httpStatus: status), message: "the server answered with HTTP status \(status)")
        }
        if head.httpStatus != nil, !head.contentType.hasPrefix("application/grpc") {
            return RPCError(code: .unknown, message: "the response has content-type \"\(head.contentType)\"")
        }
        return nil
    }
}
