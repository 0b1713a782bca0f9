internal import Compression
internal import HTTP2Session
internal import NIOCore
internal import RPCCore

/// One call of a client, from its submission to its end. Bound to the channel's loop.
final class ClientCall {
    let method: MethodDescriptor
    let options: CallOptions
    let deadline: NIODeadline?
    /// Whether it has been made anew because a server did not process it: that is done once.
    private(set) var isRetried = false

    private let transport: ClientTransport
    /// The connection and stream that carry it; nil while it waits for them.
    private var carrier: (connection: ClientConnection, stream: HTTP2Stream)?
    private var machine: ClientStreamMachine
    private var reassembler: MessageReassembler
    private var credit = ReceiveCredit()
    private var inbox = MessageInbox()
    /// The one response, until the status says that it counts.
    private var heldResponse: ReceivedMessage?
    private var initialMetadata = Metadata()
    /// What was written before there was a stream; kept on until the response begins, in case the call is made anew.
    private var unsent: [[UInt8]] = []
    private var isFinished = false
    private var writers: [Waiter<Void>] = []
    private var timer: Scheduled<Void>?
    private var end: ClientStreamMachine.End?

    init(_ transport: ClientTransport, method: MethodDescriptor, options: CallOptions, request: [UInt8]?) {
        self.transport = transport
        self.method = method
        self.options = options
        self.deadline = options.timeout.map { .now() + TimeAmount($0) }
        self.machine = ClientStreamMachine(kind: method.kind, codecs: .standard)
        self.reassembler = MessageReassembler(limit: transport.configuration.responseSizeMax)
        if let request {
            self.unsent = [request]
            self.isFinished = true
        }
    }

    var isOver: Bool { self.machine.isOver }

    /// Starts the clock.
    func armDeadline() {
        guard let deadline else { return }
        self.timer = self.transport.loop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.cancel(RPCError(code: .deadlineExceeded, message: "the deadline is over"))
        }
    }

    /// Goes on the wire.
    func start(on connection: ClientConnection, _ stream: HTTP2Stream) {
        self.carrier = (connection, stream)
        for message in self.unsent { connection.session.enqueue(message, on: stream) }
        if self.isFinished { connection.session.finish(stream) }
        // Only a call whose whole request is at hand can be made anew.
        if !self.method.kind.hasSingleRequest { self.unsent = [] }
        self.answerWriters(.success(()))
    }

    // MARK: The response

    func receive(_ head: ResponseHead, endStream: Bool) {
        switch self.machine.receive(head, endStream: endStream) {
        case .ignore: break
        case .headers(let metadata, let codec):
            self.initialMetadata = metadata
            self.reassembler.decoder = codec.map { MessageDecoder($0, limit: self.transport.configuration.responseSizeMax) }
            self.unsent = []
        case .end(let end): self.settle(end, isStreamOpen: !endStream)
        }
    }

    func receive(_ bytes: [UInt8]) {
        guard !self.machine.isOver else { return }
        self.credit.received(bytes.count)
        self.reassembler.append(bytes)
        do throws(RPCError) {
            while !self.machine.isOver, let message = try self.reassembler.next() { self.receive(message) }
        } catch {
            self.cancel(error)
        }
        self.giveCredit()
    }

    private func receive(_ message: ReceivedMessage) {
        switch self.machine.messageReceived() {
        case .deliver:
            if self.method.kind.hasSingleResponse { self.heldResponse = message } else { self.inbox.deliver(message) }
        case .drop: break
        case .end(let end): self.settle(end, isStreamOpen: true)
        }
    }

    func dataEnded() {
        guard let end = self.machine.dataEnded() else { return }
        self.settle(end, isStreamOpen: false)
    }

    /// The stream is gone. `isUnprocessed` says that the server has not looked at the call, so that it can be made anew.
    func closed(resetCode: UInt32?, isUnprocessed: Bool) {
        guard !self.machine.isOver else { return }
        self.carrier = nil
        if isUnprocessed, self.machine.isUntouched, !self.isRetried, self.method.kind.hasSingleRequest {
            self.isRetried = true
            return self.transport.submit(self)
        }
        // The server may keep time as well, and reset first.
        let isLate = self.deadline.map { $0 <= .now() } ?? false
        if isLate { return self.cancel(RPCError(code: .deadlineExceeded, message: "the deadline is over")) }
        guard let end = self.machine.closed(resetCode: resetCode) else { return }
        self.settle(end, isStreamOpen: false)
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

    /// Ends the call from this side. Without effect when it is over.
    func cancel(_ error: RPCError) {
        guard !self.machine.isOver else { return }
        self.settle(self.machine.end(with: error), isStreamOpen: true)
    }

    private func settle(_ end: ClientStreamMachine.End, isStreamOpen: Bool) {
        var end = end
        if end.error == nil, self.reassembler.partialCount > 0 {
            end.error = RPCError(code: .internal, message: "the response ended within a message")
        }
        self.end = end
        self.timer?.cancel()
        self.timer = nil
        self.unsent = []
        if let (connection, stream) = self.carrier, stream.isOpen, isStreamOpen || stream.bufferedBytes > 0 || !self.isFinished {
            // A response that is complete before its request makes the rest needless (RFC 9113, 8.1).
            connection.session.reset(stream, isStreamOpen ? .cancel : .noError)
            connection.scheduleFlush()
        }
        // Before the caller goes on.
        self.options.onResponseMetadata?(self.initialMetadata, end.trailers)
        if end.error == nil, let response = self.heldResponse { self.inbox.deliver(response) }
        self.inbox.finish(end.error.map { .failure($0) } ?? .success(()))
        self.answerWriters(end.error.map { .failure($0) } ?? .success(()))
    }

    private func answerWriters(_ result: Result<Void, RPCError>) {
        let writers = self.writers
        self.writers = []
        for writer in writers { writer.answer(result) }
    }

    /// Something was sent.
    func outputDrained() {
        if !self.writers.isEmpty, self.hasRoom { self.answerWriters(.success(())) }
    }

    var isBlocked: Bool { !self.writers.isEmpty }

    private var hasRoom: Bool {
        let waiting = self.carrier?.stream.bufferedBytes ?? self.unsent.reduce(0) { $0 + $1.count }
        return waiting < self.transport.configuration.streamBufferMax
    }
}

// MARK: - The caller's view

extension ClientCall: CallEndpoint {
    func takeMessageNow() -> Result<ReceivedMessage?, RPCError>? {
        defer { self.giveCredit() }
        return self.inbox.takeNow()
    }

    func takeMessage(into reader: Waiter<ReceivedMessage?>) {
        self.inbox.take(into: reader)
        self.giveCredit()
    }

    func send(_ message: [UInt8]) throws(RPCError) -> Bool {
        if let end { return try Self.result(of: end) }
        guard !self.isFinished else { throw RPCError(code: .internal, message: "a request was written after the last one") }
        if let (connection, stream) = self.carrier {
            connection.session.enqueue(message, on: stream)
            connection.scheduleFlush()
        } else {
            self.unsent.append(message)
        }
        return self.hasRoom
    }

    func waitForRoom(_ writer: Waiter<Void>) {
        if let end { return _ = writer.answer(end.error.map { .failure($0) } ?? .success(())) }
        if self.hasRoom { return _ = writer.answer(.success(())) }
        self.writers.append(writer)
        self.carrier?.connection.writerBlocked(self)
    }

    func sendHeaders() {}

    func finishSending() {
        guard self.end == nil, !self.isFinished else { return }
        self.isFinished = true
        guard let (connection, stream) = self.carrier else { return }
        connection.session.finish(stream)
        connection.scheduleFlush()
    }

    /// Writing to a call that ended well is no error: its response is there to be read.
    private static func result(of end: ClientStreamMachine.End) throws(RPCError) -> Bool {
        if let error = end.error { throw error }
        return true
    }
}
