/// Where framed messages go: the transport's half of a writer.
package protocol MessageSink: Sendable {
    /// Takes a message whose prefix is filled in. Returns once less than the transport's limit waits for the peer.
    ///
    /// - Throws: the reason why the call is over, or RESOURCE_EXHAUSTED for a message beyond the limit.
    func send(_ message: [UInt8]) async throws(RPCError)

    /// Sends the response headers now, when they have not been sent, instead of with the first message.
    func sendHeaders() async throws(RPCError)

    /// Says that no message will follow.
    func finish() async throws(RPCError)

    /// Where `hasRoomNow` and `sendNow` may be used; nil when there is no such place.
    var home: (any CallHome)? { get }

    /// Whether a message would neither wait nor be refused.
    var hasRoomNow: Bool { get }

    /// Takes a message as `send` does, without waiting. Returns false when it was not taken.
    func sendNow(_ message: [UInt8]) -> Bool
}

/// Where messages come from: the transport's half of a stream.
package protocol MessageSource: Sendable {
    /// The next message, or nil after the last. One caller at a time.
    ///
    /// - Throws: the reason why the call is over.
    func next() async throws(RPCError) -> ReceivedMessage?
}

/// Writes the responses of one call. Its end is the end of the handler.
package struct ResponseWriter<Message: RPCMessage>: Sendable {
    private let sink: any MessageSink
    /// Knows whether the responses may be compressed; nil when they may not.
    private let context: ServerContext?

    package init(_ sink: any MessageSink, _ context: ServerContext? = nil) {
        self.sink = sink
        self.context = context
    }

    /// Returns once the message is on its way, and suspends while the client does not read.
    ///
    /// - Parameter compressed: whether the message is to be compressed when the call allows it (`ServerContext.compressResponses`).
    /// - Throws: CANCELLED or DEADLINE_EXCEEDED when the call is over.
    package func write(_ message: Message, compressed: Bool = true) async throws(RPCError) {
        try await self.sink.send(message.framed(by: compressed ? self.context?.responseCodec : nil))
    }

    /// Sends the initial metadata before there is a message to send.
    package func sendHeaders() async throws(RPCError) {
        try await self.sink.sendHeaders()
    }

    /// Writes from the call's home, what is encoded already; nil where the call has none, or compresses its responses.
    package var prompt: PromptWriter? {
        guard self.context?.responseCodec == nil, let home = self.sink.home else { return nil }
        return PromptWriter(self.sink, home: home)
    }
}

/// Writes the requests of one call.
package struct RequestWriter<Message: RPCMessage>: Sendable {
    private let sink: any MessageSink
    private let codec: MessageCodec?

    package init(_ sink: any MessageSink, codec: MessageCodec? = nil) {
        self.sink = sink
        self.codec = codec
    }

    /// Returns once the message is on its way, and suspends while the server does not read.
    ///
    /// - Parameter compressed: whether the message is to be compressed when the call has a coding (`CallOptions.codec`).
    package func write(_ message: Message, compressed: Bool = true) async throws(RPCError) {
        try await self.sink.send(message.framed(by: compressed ? self.codec : nil))
    }

    /// No request will follow. Idempotent.
    package func finish() async throws(RPCError) {
        try await self.sink.finish()
    }
}

/// The messages of one direction of a call, decoded as they are asked for. What is not asked for stays with the sender.
package struct MessageStream<Message: RPCMessage>: AsyncSequence, Sendable {
    package typealias Element = Message
    package typealias Failure = RPCError

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let source: any MessageSource
        /// Whether the last message came compressed.
        package private(set) var isCompressed = false

        fileprivate init(_ source: any MessageSource) { self.source = source }

        package mutating func next() async throws(RPCError) -> Message? {
            try self.decoded(await self.source.next())
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(RPCError) -> Message? {
            try self.decoded(await self.source.next())
        }

        private mutating func decoded(_ message: ReceivedMessage?) throws(RPCError) -> Message? {
            guard let message else { return nil }
            self.isCompressed = message.isCompressed
            return try message.decoded()
        }
    }

    private let source: any MessageSource

    package init(_ source: any MessageSource) { self.source = source }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self.source) }
}

/// What a handler reads. Flow-control credit goes back to the client as it is consumed. To be read by one task.
package typealias RequestStream<Message: RPCMessage> = MessageStream<Message>

/// What a client reads. To be read by one task.
package typealias ResponseStream<Message: RPCMessage> = MessageStream<Message>
