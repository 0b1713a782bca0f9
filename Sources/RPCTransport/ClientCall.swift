internal import Compression
internal import HTTP2Session
internal import NIOCore
internal import RPCCore

/// One call of a client, from its submission to its end, over all its attempts. Bound to the channel's loop.
final class ClientCall {
    let method: MethodDescriptor
    let options: CallOptions
    let deadline: NIODeadline?

    private let transport: ClientTransport
    /// Bytes of a message.
    private let requestSizeMax: Int
    private let responseSizeMax: Int
    private var attempts: CallAttempts
    private var requests: RequestBuffer

    // Of the current attempt.

    /// The connection and stream that carry it; nil while it waits for them.
    private var carrier: (connection: ClientConnection, stream: HTTP2Stream)?
    private var machine: ClientStreamMachine
    private var reassembler: MessageReassembler
    private var credit = ReceiveCredit()
    /// Whether a response has begun: what follows belongs to the caller.
    private var isCommitted = false

    // Of the call.

    private var inbox = MessageInbox()
    /// The one response, until the status says that it counts.
    private var heldResponse: MessageBatch?
    private var initialMetadata = Metadata()
    private var writers: [Waiter] = []
    private var deadlineTimer: Scheduled<Void>?
    private var retryTimer: Scheduled<Void>?
    private var end: ClientStreamMachine.End?

    init(_ transport: ClientTransport, method: MethodDescriptor, options: CallOptions, request: [UInt8]?) {
        let config = transport.configuration.serviceConfig.config(of: method)
        self.transport = transport
        self.method = method
        self.options = config.applied(to: options)
        self.deadline = self.options.timeout.map { .now() + TimeAmount($0) }
        self.requestSizeMax = config.requestSizeMax ?? .max
        self.responseSizeMax = min(config.responseSizeMax ?? .max, transport.configuration.responseSizeMax)
        self.attempts = CallAttempts(policy: config.retryPolicy)
        self.requests = RequestBuffer(single: request)
        self.machine = ClientStreamMachine(kind: method.kind, codecs: .standard)
        self.reassembler = MessageReassembler(limit: self.responseSizeMax)
    }

    var isOver: Bool { self.end != nil }
    /// What `grpc-previous-rpc-attempts` says.
    var previousAttempts: Int { self.attempts.previousAttempts }

    /// Starts the clock and the first attempt.
    func begin() {
        self.transport.callBegan()
        if let deadline {
            self.deadlineTimer = self.transport.loop.assumeIsolated().scheduleTask(deadline: deadline) { self.cancel(Self.late) }
        }
        if let request = self.requests.messages.first, let error = self.refusal(of: request) { return self.cancel(error) }
        self.transport.submit(self)
    }

    private static let late = RPCError(code: .deadlineExceeded, message: "the deadline is over")

    /// Goes on the wire.
    func start(on connection: ClientConnection, _ stream: HTTP2Stream) {
        self.carrier = (connection, stream)
        for message in self.requests.messages {
            connection.session.enqueue(message, on: stream)
            connection.messageSent()
        }
        if self.requests.isFinished { connection.session.finish(stream) }
        // What waited for the stream may be more than is kept once it is on its way.
        let isKept = self.attempts.mayRepeat && self.requests.bytes <= self.transport.configuration.retryBufferMax
        if !isKept { self.requests.drop() }
        self.answerWriters(.success(nil))
    }

    // MARK: The response

    func receive(_ head: ResponseHead, endStream: Bool) {
        switch self.machine.receive(head, endStream: endStream, isWithinMessage: self.reassembler.partialCount > 0) {
        case .ignore: break
        case .headers(let metadata, let codec):
            self.initialMetadata = metadata
            self.reassembler.decoder = codec.map { MessageDecoder($0, limit: self.responseSizeMax) }
            self.isCommitted = true
            self.requests.drop()
        case .end(let end): self.attemptEnded(end, isStreamOpen: !endStream)
        }
    }

    /// Headers or trailers have come that are not to be read.
    func refuseHead(_ error: RPCError, endStream: Bool) {
        guard !self.machine.isOver else { return }
        self.attemptEnded(self.machine.end(with: error), isStreamOpen: !endStream)
    }

    func receive(_ bytes: Span<UInt8>) {
        guard !self.machine.isOver else { return }
        self.credit.received(bytes.count)
        do throws(RPCError) {
            let atMost = self.method.kind.hasSingleResponse ? 1 : Int.max
            var offset = 0
            // No longer than the stream is the call's: what is left of it is not for the next attempt.
            let stream = self.carrier?.stream
            while !self.machine.isOver, self.carrier?.stream === stream,
                let batch = try self.reassembler.next(atMost: atMost, from: bytes, at: &offset)
            {
                self.receive(batch)
            }
        } catch {
            self.cancel(error)
        }
        self.giveCredit()
    }

    private func receive(_ batch: MessageBatch) {
        self.carrier?.connection.messagesReceived(batch.count)
        switch self.machine.messageReceived() {
        case .deliver:
            if self.method.kind.hasSingleResponse { self.heldResponse = batch } else { self.inbox.deliver(batch) }
        case .drop: break
        case .end(let end): self.attemptEnded(end, isStreamOpen: true)
        }
    }

    func dataEnded() {
        guard let end = self.machine.dataEnded() else { return }
        self.attemptEnded(end, isStreamOpen: false)
    }

    /// The stream is gone. `isUnprocessed` says that the server has not looked at the call, `cause` why the connection ends, if it does.
    func closed(resetCode: UInt32?, isUnprocessed: Bool, cause: String?) {
        guard !self.machine.isOver else { return }
        self.carrier = nil
        // The server may keep time as well, and reset first.
        let isLate = self.deadline.map { $0 <= .now() } ?? false
        if isLate { return self.cancel(Self.late) }
        guard let end = self.machine.closed(resetCode: resetCode, cause: cause) else { return }
        self.attemptEnded(end, isStreamOpen: false, isUnprocessed: isUnprocessed)
    }

    private func giveCredit() {
        guard let (connection, stream) = self.carrier else { return }
        let isAwaited = self.inbox.isAwaited || self.method.kind.hasSingleResponse
        let due = self.credit.due(queued: self.inbox.queuedBytes, partial: self.reassembler.partialCount, isAwaited: isAwaited)
        guard due > 0 else { return }
        connection.session.consume(due, on: stream)
        connection.scheduleFlush()
    }

    // MARK: The end

    private func attemptEnded(_ end: ClientStreamMachine.End, isStreamOpen: Bool, isUnprocessed: Bool = false) {
        let ending = CallAttempts.Ending(
            code: end.error?.code, pushback: end.trailers["grpc-retry-pushback-ms"],
            isCommitted: self.isCommitted || !self.requests.isWhole,
            isUnprocessed: isUnprocessed)
        switch self.transport.decide(ending, &self.attempts) {
        case .settle: self.settle(end, isStreamOpen: isStreamOpen)
        case .retry(let pause): self.retry(after: pause, orEndWith: end, isStreamOpen: isStreamOpen)
        }
    }

    private func retry(after pause: Duration, orEndWith end: ClientStreamMachine.End, isStreamOpen: Bool) {
        let time = NIODeadline.now() + TimeAmount(pause)
        // What the server said tells more than a deadline that is sure to pass.
        if let deadline, time >= deadline { return self.settle(end, isStreamOpen: isStreamOpen) }
        self.leaveStream(isStreamOpen: isStreamOpen)
        self.machine = ClientStreamMachine(kind: self.method.kind, codecs: .standard)
        self.reassembler = MessageReassembler(limit: self.responseSizeMax)
        self.credit = ReceiveCredit()
        if pause == .zero { return self.transport.submit(self) }
        self.retryTimer = self.transport.loop.assumeIsolated().scheduleTask(deadline: time) { self.transport.submit(self) }
    }

    /// There is no connection for the attempt.
    func fail(_ error: RPCError) {
        guard !self.isOver else { return }
        self.attemptEnded(self.machine.end(with: error), isStreamOpen: false)
    }

    /// Ends the call from this side. Without effect when it is over.
    func cancel(_ error: RPCError) {
        guard !self.isOver else { return }
        self.settle(self.machine.end(with: error), isStreamOpen: true)
    }

    private func settle(_ end: ClientStreamMachine.End, isStreamOpen: Bool) {
        self.end = end
        self.transport.callEnded(wasSuccessful: end.error == nil)
        self.deadlineTimer?.cancel()
        self.retryTimer?.cancel()
        self.deadlineTimer = nil
        self.retryTimer = nil
        self.requests.drop()
        self.leaveStream(isStreamOpen: isStreamOpen)
        // Before the caller goes on.
        self.options.onResponseMetadata?(self.initialMetadata, end.trailers)
        if end.error == nil, let response = self.heldResponse { self.inbox.deliver(response) }
        self.inbox.finish(end.error.map { .failure($0) } ?? .success(()))
        self.answerWriters(end.error.map { .failure($0) } ?? .success(nil))
    }

    private func leaveStream(isStreamOpen: Bool) {
        guard let (connection, stream) = self.carrier else { return }
        self.carrier = nil
        // What still comes on it, and that it is closed, is not about the next attempt.
        stream.owner = nil
        guard stream.isOpen else { return }
        guard isStreamOpen || stream.bufferedBytes > 0 || !self.requests.isFinished else { return }
        // A response that is complete before its request makes the rest needless (RFC 9113, 8.1).
        connection.session.reset(stream, isStreamOpen ? .cancel : .noError)
        connection.scheduleFlush()
    }

    private func answerWriters(_ answer: Waiter.Answer) {
        let writers = self.writers
        self.writers = []
        for writer in writers { writer.answer(answer) }
    }

    /// Something was sent.
    func outputDrained() {
        if !self.writers.isEmpty, self.hasRoom { self.answerWriters(.success(nil)) }
    }

    var isBlocked: Bool { !self.writers.isEmpty }

    private var hasRoom: Bool {
        let waiting = self.carrier?.stream.bufferedBytes ?? self.requests.bytes
        return waiting < self.transport.configuration.streamBufferMax
    }
}

// MARK: - The caller's view

extension ClientCall: CallEndpoint {
    func takeMessagesNow() -> Result<MessageBatch?, RPCError>? {
        defer { self.giveCredit() }
        return self.inbox.takeNow()
    }

    func takeMessages(into reader: Waiter) {
        self.inbox.take(into: reader)
        self.giveCredit()
    }

    /// What came before an error can still be read.
    func checkOpen() {}

    func send(_ message: [UInt8]) throws(RPCError) -> Bool {
        if let end { return try Self.result(of: end) }
        guard !self.requests.isFinished else { throw RPCError(code: .internal, message: "a request was written after the last one") }
        if let error = self.refusal(of: message) {
            self.cancel(error)
            throw error
        }
        if let (connection, stream) = self.carrier {
            connection.session.enqueue(message, on: stream)
            connection.messageSent()
            connection.scheduleFlush()
            self.requests.appendSent(message, limit: self.transport.configuration.retryBufferMax)
        } else {
            self.requests.append(message)
        }
        return self.hasRoom
    }

    func waitForRoom(_ writer: Waiter) {
        if let end { return _ = writer.answer(end.error.map { .failure($0) } ?? .success(nil)) }
        if self.hasRoom { return _ = writer.answer(.success(nil)) }
        self.writers.append(writer)
        self.carrier?.connection.writerBlocked(self)
    }

    func sendHeaders() {}

    func finishSending() {
        guard self.end == nil, !self.requests.isFinished else { return }
        self.requests.isFinished = true
        guard let (connection, stream) = self.carrier else { return }
        connection.session.finish(stream)
        connection.scheduleFlush()
    }

    private func refusal(of message: [UInt8]) -> RPCError? {
        let size = message.count - MessagePrefix.size
        guard size > self.requestSizeMax else { return nil }
        return RPCError(code: .resourceExhausted, message: "a request of \(size) bytes, of which \(self.requestSizeMax) are allowed")
    }

    /// Writing to a call that ended well is no error: its response is there to be read.
    private static func result(of end: ClientStreamMachine.End) throws(RPCError) -> Bool {
        if let error = end.error { throw error }
        return true
    }
}
