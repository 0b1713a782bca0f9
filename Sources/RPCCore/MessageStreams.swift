/// Where framed messages go: the transport's half of a writer.
@usableFromInline
package protocol MessageSink: Sendable {
    /// Takes a message whose prefix is filled in. Returns once less than the transport's limit waits for the peer.
    ///
    /// - Throws: the reason why the call is over, or RESOURCE_EXHAUSTED for a message beyond the limit.
    nonisolated(nonsending) func send(_ message: [UInt8]) async throws(RPCError)

    /// Takes a message as `send` does where that needs no waiting for another thread. Most messages go this way.
    func sendNow(_ message: [UInt8]) throws(RPCError) -> SentNow

    /// Has a message of `size` bytes written, whose prefix is filled in, and takes it as `sendNow` does. To be used where `isHere`.
    func sendNow(_ size: Int, _ write: (inout OutputSpan<UInt8>) -> Void) throws(RPCError) -> SentNow

    /// Whether this is the call's thread.
    var isHere: Bool { get }

    /// Returns once less than the transport's limit waits for the peer.
    nonisolated(nonsending) func untilRoom() async throws(RPCError)

    /// Sends the response headers now, when they have not been sent, instead of with the first message.
    nonisolated(nonsending) func sendHeaders() async throws(RPCError)

    /// Says that no message will follow.
    nonisolated(nonsending) func finish() async throws(RPCError)

    /// Where `hasRoomNow` may be used; nil when there is no such place.
    var home: (any CallHome)? { get }

    /// Whether a message would neither wait nor be refused.
    var hasRoomNow: Bool { get }
}

/// What became of a message that was to be sent without waiting.
@usableFromInline
package enum SentNow: Sendable {
    case taken
    /// Taken, and enough waits for the peer now: the next is to wait for room.
    case takenAndFull
    /// Not taken: this is not the call's thread.
    case elsewhere
}

extension MessageSink {
    package func sendNow(_ message: [UInt8]) throws(RPCError) -> SentNow { .elsewhere }
    package func sendNow(_ size: Int, _ write: (inout OutputSpan<UInt8>) -> Void) throws(RPCError) -> SentNow {
        try self.sendNow([UInt8](capacity: size, initializingWith: write))
    }
    package var isHere: Bool { false }
    package nonisolated(nonsending) func untilRoom() async throws(RPCError) {}

    /// Sends a message, without a hop to another thread where that can be.
    @usableFromInline
    nonisolated(nonsending) func deliver(_ message: [UInt8]) async throws(RPCError) {
        switch try self.sendNow(message) {
        case .taken: break
        case .takenAndFull: try await self.untilRoom()
        case .elsewhere: try await self.send(message)
        }
    }
}

/// Where messages come from: the transport's half of a stream.
@usableFromInline
package protocol MessageSource: Sendable {
    /// The next messages, one at least, or nil after the last. One caller at a time; to ask for the next is to have done with those before.
    ///
    /// - Throws: the reason why the call is over.
    nonisolated(nonsending) func next() async throws(RPCError) -> MessageBatch?

    /// - Throws: the reason why the call is over, when that leaves nothing to read: what has been taken already is not worth working on.
    nonisolated(nonsending) func checkOpen() async throws(RPCError)
}

extension MessageSource {
    package nonisolated(nonsending) func checkOpen() async throws(RPCError) {}
}

/// Writes the responses of one call. Its end is the end of the handler.
@usableFromInline
package struct ResponseWriter<Message: RPCMessage>: Sendable {
    @usableFromInline let sink: any MessageSink
    /// Knows whether the responses may be compressed; nil when they may not.
    @usableFromInline let context: ServerContext?

    package init(_ sink: any MessageSink, _ context: ServerContext? = nil) {
        self.sink = sink
        self.context = context
    }

    /// Returns once the message is on its way, and suspends while the client does not read.
    ///
    /// - Parameter compressed: whether the message is to be compressed when the call allows it (`ServerContext.compressResponses`).
    /// - Throws: CANCELLED or DEADLINE_EXCEEDED when the call is over.
    @inlinable
    package nonisolated(nonsending) func write(_ message: Message, compressed: Bool = true) async throws(RPCError) {
        let outcome = try self.offer(message, compressed: compressed)
        guard case .sent(.taken) = outcome else { return try await self.complete(outcome) }
    }

    /// Apart from `write`, which would need memory of its task's for a sink that it may have to wait for, and that for each message.
    @usableFromInline
    nonisolated(nonsending) func complete(_ outcome: PlacedMessage) async throws(RPCError) {
        switch outcome {
        case .sent(.taken): break
        case .sent(.takenAndFull): try await self.sink.untilRoom()
        case .sent(.elsewhere): preconditionFailure("a sink takes what it is given where it is")
        case .large(let framed): try await self.sink.deliver(framed)
        }
    }

    /// Most messages are small, go out where they are written, and cost neither memory of their own nor a call that may suspend.
    @inlinable @inline(never)
    func offer(_ message: Message, compressed: Bool) throws(RPCError) -> PlacedMessage {
        let codec = compressed ? self.context?.responseCodec : nil
        guard codec == nil, self.sink.isHere else { return .large(try message.framed(by: codec)) }
        return try message.place { size, write throws(RPCError) in try self.sink.sendNow(size, write) }
    }

    /// Sends the initial metadata before there is a message to send.
    package nonisolated(nonsending) func sendHeaders() async throws(RPCError) {
        try await self.sink.sendHeaders()
    }

    /// Writes from the call's home, what is encoded already; nil where the call has none, or compresses its responses.
    package var prompt: PromptWriter? {
        guard self.context?.responseCodec == nil, let home = self.sink.home else { return nil }
        return PromptWriter(self.sink, home: home)
    }
}

/// Writes the requests of one call.
@usableFromInline
package struct RequestWriter<Message: RPCMessage>: Sendable {
    @usableFromInline let sink: any MessageSink
    @usableFromInline let codec: MessageCodec?

    package init(_ sink: any MessageSink, codec: MessageCodec? = nil) {
        self.sink = sink
        self.codec = codec
    }

    /// Returns once the message is on its way, and suspends while the server does not read.
    ///
    /// - Parameter compressed: whether the message is to be compressed when the call has a coding (`CallOptions.codec`).
    @inlinable
    package nonisolated(nonsending) func write(_ message: Message, compressed: Bool = true) async throws(RPCError) {
        try await self.sink.deliver(message.framed(by: compressed ? self.codec : nil))
    }

    /// No request will follow. Idempotent.
    package nonisolated(nonsending) func finish() async throws(RPCError) {
        try await self.sink.finish()
    }
}

/// Messages that came together and are worked on between two looks at whether their reader's task is cancelled: looking with each took a sixtieth of
/// the time of a stream of 1000-byte messages. Before the last of them it is looked at in any case.
@usableFromInline let cancellationStride = 8

/// The messages of one direction of a call, decoded as they are asked for. What is not asked for stays with the sender.
@usableFromInline
package struct MessageStream<Message: RPCMessage>: AsyncSequence, Sendable {
    @usableFromInline package typealias Element = Message
    @usableFromInline package typealias Failure = RPCError

    @usableFromInline
    package struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline let source: any MessageSource
        /// What came together with the last message.
        @usableFromInline var batch = MessageBatch()
        /// Whether the last message came compressed.
        @usableFromInline package var isCompressed = false

        @usableFromInline
        init(_ source: any MessageSource) { self.source = source }

        @inlinable
        package nonisolated(nonsending) mutating func next() async throws(RPCError) -> Message? {
            if self.batch.isEmpty {
                guard try await self.refill() else { return nil }
            } else if self.batch.count % cancellationStride == 1, Task.isCancelled {
                try await self.checkOpen()
            }
            self.isCompressed = self.batch.isFirstCompressed
            return self.isCompressed ? try await self.unfoldFirst() : try self.batch.decodeFirst()
        }

        /// Apart from `next`, as ``ResponseWriter/complete(_:)`` from its.
        @usableFromInline
        nonisolated(nonsending) func checkOpen() async throws(RPCError) { try await self.source.checkOpen() }

        @usableFromInline
        nonisolated(nonsending) mutating func unfoldFirst() async throws(RPCError) -> Message? {
            guard let message = self.batch.popFirst() else { return nil }
            if message.isLongToUnfold { return try await message.decodedBeside() }
            // Whoever shares the thread comes first.
            await Task.yield()
            return try message.decoded()
        }

        @inlinable
        package mutating func next(isolation actor: isolated (any Actor)?) async throws(RPCError) -> Message? {
            try await self.next()
        }

        /// - Returns: whether there is a message.
        @usableFromInline
        nonisolated(nonsending) mutating func refill() async throws(RPCError) -> Bool {
            // Before the wait: the bytes of what is done with are not kept meanwhile.
            self.batch = MessageBatch()
            guard let batch = try await self.source.next() else { return false }
            self.batch = batch
            return !batch.isEmpty
        }
    }

    @usableFromInline let source: any MessageSource

    package init(_ source: any MessageSource) { self.source = source }

    @inlinable
    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self.source) }
}

/// What a handler reads. Flow-control credit goes back to the client as it is consumed. To be read by one task.
package typealias RequestStream<Message: RPCMessage> = MessageStream<Message>

/// What a client reads. To be read by one task.
package typealias ResponseStream<Message: RPCMessage> = MessageStream<Message>
