internal import HTTP2Session
internal import NIOCore
internal import RPCCore

/// One call on the server, from its headers until both its stream and its handler are over. Bound to the connection's loop.
final class ServerCall {
    let stream: HTTP2Stream
    private let head: AcceptedHead
    let context: ServerContext
    /// Whether the handler has been started and has not returned. It holds its place among the running ones until it does.
    var isHandlerRunning = false
    /// Set when the handler was suspended.
    var task: Task<Void, Never>?
    /// Those that wait for room in the stream's buffer.
    var writers: [Waiter] = []

    let connection: ServerConnection
    var machine: ServerStreamMachine
    private var reassembler: MessageReassembler
    private var credit = ReceiveCredit()
    var inbox = MessageInbox()
    private var deadlineTimer: Scheduled<Void>?
    /// Why there is nothing more to read or to write; set when the call is over.
    private(set) var ending: RPCError?
    /// Bytes of its requests that the connection counts.
    private var heldBytes = 0
    private(set) var receivedBytes = 0
    var sentBytes = 0
    /// nil when nobody wants to know.
    private let startedAt: ContinuousClock.Instant?

    init(
        _ connection: ServerConnection, _ stream: HTTP2Stream, _ head: AcceptedHead, _ context: ServerContext,
        startedAt: ContinuousClock.Instant?
    ) {
        self.connection = connection
        self.stream = stream
        self.head = head
        self.context = context
        self.machine = ServerStreamMachine(kind: head.method.descriptor.kind)
        self.reassembler = MessageReassembler(limit: connection.server.configuration.requestSizeMax, decoder: head.decoder)
        self.startedAt = startedAt
    }

    var method: RegisteredMethod { self.head.method }
    /// What its response's headers begin with.
    var headers: OutgoingHeaders { self.head.headers }
    /// Whether the status is out or the stream is gone.
    var isOver: Bool { self.machine.isOver }

    // MARK: Requests

    func receive(_ bytes: Span<UInt8>, endStream: Bool) {
        self.receive(bytes)
        if endStream { self.requestsEnded() }
    }

    private func receive(_ bytes: Span<UInt8>) {
        guard !bytes.isEmpty, !self.machine.isOver else { return }
        self.receivedBytes += bytes.count
        self.credit.received(bytes.count)
        do throws(RPCError) {
            let atMost = self.method.descriptor.kind.hasSingleRequest ? 1 : Int.max
            var offset = 0
            while !self.machine.isOver, let batch = try self.reassembler.next(atMost: atMost, from: bytes, at: &offset) {
                try self.receive(batch)
            }
            if self.reassembler.partialCount > Self.smallRequest { try self.connection.server.memory.admitLargeRequest() }
        } catch {
            self.end(error)
        }
        self.giveCredit()
        self.noteHeld()
        if self.reassembler.partialCount > 0 { self.connection.watchStalls() }
    }

    /// Tells the connection what the call holds of its requests.
    func noteHeld() {
        let held = self.machine.isOver ? 0 : self.reassembler.partialCount + self.inbox.queuedBytes
        guard held != self.heldBytes else { return }
        self.connection.heldRequestBytes += held - self.heldBytes
        self.heldBytes = held
    }

    /// Bytes of an incomplete request that may go on however much the server holds: a client sends as many unasked.
    private static let smallRequest = 64 << 10

    /// Whether a message is incomplete whose rest the client has the credit to send.
    var awaitsRestOfMessage: Bool {
        self.reassembler.partialCount > 0 && !self.machine.isOver && (self.inbox.isAwaited || self.method.descriptor.kind.hasSingleRequest)
    }

    private func receive(_ batch: MessageBatch) throws(RPCError) {
        self.connection.activity.messagesReceived += batch.count
        self.connection.activity.lastReceivedAt = self.connection.driver?.lastReceivedAt ?? 0
        switch self.machine.messageReceived() {
        case .start:
            var batch = batch
            self.connection.start(self, with: batch.popFirst())
        case .deliver: self.inbox.deliver(batch)
        case .refuse(let error): throw error
        case .drop: break
        }
    }

    func requestsEnded() {
        switch self.machine.requestsEnded(isWithinMessage: self.reassembler.partialCount > 0) {
        case .none: break
        case .endRequests: self.inbox.finish()
        case .refuse(let error): self.end(error)
        }
    }

    /// Lets the client send as much as was taken. A call whose request is one message always waits for it.
    func giveCredit() {
        guard !self.stream.isRemoteEnded else { return }
        let isAwaited = self.inbox.isAwaited || self.method.descriptor.kind.hasSingleRequest
        let due = self.credit.due(queued: self.inbox.queuedBytes, partial: self.reassembler.partialCount, isAwaited: isAwaited)
        guard due > 0 else { return }
        self.connection.consume(due, on: self.stream)
    }

    // MARK: The end

    /// Sends the reply and the status of a call that has one response.
    func succeed(with reply: [UInt8]) {
        do throws(RPCError) {
            try self.checkSize(reply.count)
            guard !self.machine.hasSentHeaders, self.context.responseMetadata == nil, self.context.responseCodec == nil else {
                _ = try self.send(reply)
                return self.end(nil)
            }
            self.succeedPlainly(with: reply)
        } catch {
            self.end(error)
        }
    }

    /// The common case in one step: no metadata, no compression, nothing sent before.
    private func succeedPlainly(with reply: [UInt8]) {
        guard case .afterHeaders = self.machine.send(), case .trailers = self.machine.finish() else { return }
        self.sentBytes += reply.count
        self.connection.activity.messagesSent += 1
        self.connection.session.respond(
            self.stream, headers: self.headers, message: reply, trailers: ResponseFields.statusOK)
        self.settle(nil)
        self.connection.scheduleFlush()
    }

    /// Sends the status, nil being OK. Without effect when the call is over.
    func end(_ error: RPCError?) {
        let step = self.machine.finish()
        if case .drop = step { return }
        let metadata = self.context.responseMetadata?.trailing
        if case .trailers = step, error == nil, metadata == nil {
            self.connection.session.finish(self.stream, trailers: ResponseFields.statusOK)
        } else {
            self.sendStatus(error, metadata: metadata ?? Metadata(), isTrailersOnly: step == .trailersOnly)
        }
        self.settle(error)
        self.connection.scheduleFlush()
    }

    private func sendStatus(_ error: RPCError?, metadata: Metadata, isTrailersOnly: Bool) {
        let session = self.connection.session
        let limit = Int(session.remoteHeaderListLimit) - (isTrailersOnly ? ResponseFields.headersSize : 0)
        let fields = ResponseFields.fields(StatusTrailers.fields(for: error, metadata: metadata, limit: limit))
        if isTrailersOnly {
            var headers = self.headers
            headers.fields += fields
            session.submitResponse(self.stream, headers: headers, endStream: true)
        } else {
            session.finish(self.stream, trailers: OutgoingHeaders(fields: fields))
        }
    }

    /// The deadline is over: the handler is cancelled and the client told, or its stream reset when it does not read.
    func expire() {
        guard !self.machine.isOver else { return }
        let error = RPCError(code: .deadlineExceeded, message: "the deadline is over")
        if self.stream.bufferedBytes > 0 { self.cutOff(error) } else { self.end(error) }
    }

    /// Resets the stream, with what is still to be sent on it.
    func cutOff(_ error: RPCError) {
        self.connection.session.reset(self.stream, .cancel)
        if self.machine.closed() { self.settle(error) }
        self.connection.scheduleFlush()
    }

    /// The stream is gone: reset by the client, or with its connection.
    func closed() {
        guard self.machine.closed() else { return }
        self.settle(RPCError(code: .cancelled, message: "the call was cancelled"))
    }

    /// What is left when nothing more goes over the wire: the handler learns of it, and so does who counts.
    ///
    /// - Parameter error: nil for OK.
    private func settle(_ error: RPCError?) {
        self.deadlineTimer?.cancel()
        self.deadlineTimer = nil
        self.task?.cancel()
        self.noteHeld()
        // A unary handler has neither reader nor writer.
        if self.method.descriptor.kind != .unary { self.closeStreams(error ?? Self.hasEnded) }
        self.connection.callEnded(self)
        if error != nil { self.connection.tally.callsFailed += 1 }
        guard let startedAt else { return }
        let outcome = CallOutcome(
            code: error?.code ?? .ok, duration: .now - startedAt, receivedBytes: self.receivedBytes, sentBytes: self.sentBytes)
        for interceptor in self.connection.server.routes.interceptors { interceptor.completed(self.context, outcome) }
    }

    static let hasEnded = RPCError(code: .cancelled, message: "the call has ended")

    private func closeStreams(_ reason: RPCError) {
        self.ending = reason
        self.inbox.fail(reason)
        self.answerWriters(.failure(reason))
    }

    /// Cancels the call when its deadline comes. Only calls that are not answered at once need it.
    func armDeadline() {
        guard let deadline = self.context.deadline, self.deadlineTimer == nil, !self.machine.isOver else { return }
        let delay = TimeAmount(deadline - .now)
        self.deadlineTimer = self.connection.loop.assumeIsolated().scheduleTask(in: delay) { self.expire() }
    }

    func answerWriters(_ answer: Waiter.Answer) {
        let writers = self.writers
        self.writers = []
        for writer in writers { writer.answer(answer) }
    }
}
