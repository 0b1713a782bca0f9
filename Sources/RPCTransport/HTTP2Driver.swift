internal import HTTP2Session
internal import NIOCore

/// Who makes sense of a connection's events: the server's side or the client's.
protocol HTTP2DriverDelegate: AnyObject {
    func connectionOpened()
    /// `input` is what was read last, in which the event's bytes lie, if it has any.
    func handle(_ event: consuming HTTP2Event, input: Span<UInt8>)
    /// Something was sent, so there may be room for more.
    func outputDrained()
    /// The socket has been given what was sent, and has taken it or not.
    func outputFlushed()
    /// What was read has been worked off, in so many nanoseconds.
    func inputHandled(in nanoseconds: UInt64)
    /// Nothing can be sent or received any more. `reason` is nil when the connection ended in the regular way, or never came to be.
    func connectionClosed(reason: HTTP2SessionError?)
    /// Its channel is closed too, after the peer had a moment to read what came last.
    func channelClosed()
}

extension HTTP2DriverDelegate {
    func outputFlushed() {}
    func inputHandled(in nanoseconds: UInt64) {}
    func channelClosed() {}
}

/// Moves bytes between a socket and a session. One per connection, bound to its loop.
///
/// Output is collected in one buffer and flushed once per turn of the loop, and only while the socket takes it: what a peer does not read
/// stays in the session, where it is bounded. Large messages go to the socket from where they lie (``GatheredOutput``). Nothing is read from a
/// peer that lets too much of our output wait.
///
/// A server's connections leave their loop to others: they have so much of a turn (``OutputTurn``), and read as ``ReadAhead`` says.
final class HTTP2Driver: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    struct Limits {
        var unreadFramesMax: Int
        var unreadBytesMax: Int
        var lingerTimeout: Duration
    }

    private enum State {
        case idle
        case open
        /// The last bytes are out; the peer may take a moment to read them before the socket is closed.
        case lingering
        case closed
    }

    let session: HTTP2Session
    private let limits: Limits
    private let output: OutputBuffer
    /// Whether nothing lies between this and the socket, as TLS would.
    private let isOnSocket: Bool
    /// The channel's, for as long as the channel is active: it closes the socket and stops being active with no call to us in between.
    private var socket: NIOBSDSocket.Handle?
    /// Kept until the connection is closed.
    private var delegate: (any HTTP2DriverDelegate)?
    /// The same from then until the channel is closed.
    private var formerDelegate: (any HTTP2DriverDelegate)?
    private var context: ChannelHandlerContext?
    private var state = State.idle
    private var failure: HTTP2SessionError?
    private var events: [HTTP2Event] = []
    private var isFlushScheduled = false
    /// Between what was read and the end of reading, which flushes anyway.
    private var isReading = false
    /// In nanoseconds of uptime.
    private var readingBeganAt: UInt64 = 0
    private var readAhead: ReadAhead?
    /// The loop's, when there are others to whom it is to be left.
    private let turns: LoopTurns?
    private var turn = OutputTurn()
    /// Whether what can be sent now is the last.
    private var isClosing = false
    /// Whether the channel has been given something since it was flushed last.
    private var isUnflushed = false
    private var isReadHeld = false
    /// When something came last, in nanoseconds of uptime.
    private(set) var lastReceivedAt = NIODeadline.now().uptimeNanoseconds
    /// Bytes on the wire.
    private(set) var receivedBytes = 0
    private(set) var sentBytes = 0

    /// Bytes that are collected before they are handed to the channel. With so many that its socket has not taken it takes no more (NIO's high
    /// water mark), so that twice as many may wait there, or as many and what was lent.
    static let outputSize = 64 << 10

    /// - Parameter executor: of a server's loop, whose connections share it; nil for a client's.
    init(session: HTTP2Session, limits: Limits, executor: LoopExecutor? = nil, isOnSocket: Bool, delegate: any HTTP2DriverDelegate) {
        self.session = session
        self.limits = limits
        self.output = executor?.output ?? OutputBuffer()
        self.turns = executor?.turns
        self.readAhead = executor == nil ? nil : ReadAhead()
        self.isOnSocket = isOnSocket
        self.delegate = delegate
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { self.open() }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.open()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.state == .open else { return }
        let bytes = self.unwrapInboundIn(data)
        self.receivedBytes += bytes.readableBytes
        self.readAhead?.received(bytes.readableBytes)
        do throws(HTTP2SessionError) {
            self.lastReceivedAt = NIODeadline.now().uptimeNanoseconds
            if !self.isReading { self.readingBeganAt = self.lastReceivedAt }
            self.isReading = true
            try self.session.receive(bytes.readableBytesUInt8Span, at: self.lastReceivedAt)
            self.processEvents(input: bytes.readableBytesUInt8Span)
        } catch {
            self.processEvents(input: bytes.readableBytesUInt8Span)
            self.fail(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        let isEnd = self.isReading
        self.isReading = false
        self.flush()
        if let count = self.readAhead?.turnEnded() { try? context.channel.syncOptions?.setOption(.maxMessagesPerRead, value: count) }
        if isEnd { self.delegate?.inputHandled(in: NIODeadline.now().uptimeNanoseconds - self.readingBeganAt) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { self.flush() }

    /// Where backpressure towards the peer begins. It ends with the connection: a socket that is closed with unread input takes what the peer has
    /// not read with it.
    func read(context: ChannelHandlerContext) {
        if self.state == .open, self.isOutputStuck { self.isReadHeld = true } else { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.finish()
        context.fireChannelInactive()
    }

    /// A channel that is closed before it was ever active says so in no other way.
    func handlerRemoved(context: ChannelHandlerContext) { self.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.failure = self.failure ?? HTTP2SessionError(reason: "socket_error")
        context.close(promise: nil)
    }

    // MARK: Work

    /// Sends what was submitted, later in this turn of the loop.
    func scheduleFlush() {
        guard !self.isFlushScheduled, !self.isReading, let context = self.context else { return }
        self.isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { self.flushScheduled() }
    }

    /// Goes on with what is too much for this turn.
    private func scheduleFlush(in pause: TimeAmount) {
        guard !self.isFlushScheduled, let context = self.context else { return }
        self.isFlushScheduled = true
        context.eventLoop.assumeIsolated().scheduleTask(in: pause) { self.flushScheduled() }
    }

    private func flushScheduled() {
        self.isFlushScheduled = false
        self.flush()
    }

    /// Gives up the connection: sends what is queued (a GOAWAY), then closes.
    func fail(_ error: HTTP2SessionError) {
        guard self.state == .open else { return }
        self.failure = error
        self.close()
    }

    /// Ends the connection in the regular way: sends what can be sent, then closes.
    func close() {
        guard self.state == .open else { return }
        // All that the socket takes: there is no other turn for what is left.
        self.isClosing = true
        self.drain()
        self.flushChannel()
        self.linger()
    }

    /// Closes at once.
    func abort() { self.context?.close(promise: nil) }

    private func open() {
        guard self.state == .idle else { return }
        self.state = .open
        if self.isOnSocket { self.socket = self.context?.channel.socketNow }
        self.delegate?.connectionOpened()
        self.flush()
    }

    func flush() {
        guard self.state == .open, let context = self.context else { return }
        repeat {
            self.drain()
            self.delegate?.outputDrained()
        } while self.processEvents()
        self.flushChannel()
        self.delegate?.outputFlushed()
        if let failure = self.session.failure { return self.fail(failure) }
        if !self.session.isAlive {
            self.failure = self.failure ?? self.session.goAwayError
            return self.linger()
        }
        if !self.isOutputStuck { self.resumeReading(context) }
    }

    private func resumeReading(_ context: ChannelHandlerContext) {
        guard self.isReadHeld else { return }
        self.isReadHeld = false
        context.read()
    }

    private func drain() {
        guard let context = self.context else { return }
        let now = NIODeadline.now().uptimeNanoseconds
        while self.state == .open, context.channel.isWritable {
            if !self.isClosing, let turns = self.turns, self.turn.isOver(in: turns) {
                if !self.isFlushScheduled { self.scheduleFlush(in: self.turn.nextPause()) }
                return
            }
            // TLS says that its socket is full only when it has been given what was written.
            if !self.isOnSocket, self.isUnflushed {
                self.flushChannel()
                continue
            }
            self.output.bytes.clear()
            if let socket = self.freeSocket(context) {
                guard self.gather(to: socket, context, now) else { return }
                continue
            }
            self.output.bytes.writeWithOutputRawSpan(minimumWritableBytes: Self.outputSize) { output in
                self.session.drain(into: &output, at: now)
            }
            guard self.output.bytes.readableBytes > 0 else { return }
            self.noteSent(self.output.bytes.readableBytes)
            self.write(self.output.bytes, context)
        }
    }

    private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        context.write(self.wrapOutboundOut(bytes), promise: nil)
        self.isUnflushed = true
    }

    private func flushChannel() {
        guard self.isUnflushed else { return }
        self.isUnflushed = false
        self.context?.flush()
    }

    private func noteSent(_ count: Int) {
        self.sentBytes += count
        self.turn.sent(count)
    }

    /// The socket, when there are messages to which it is worth to be given without the channel, and nothing is in their way.
    private func freeSocket(_ context: ChannelHandlerContext) -> NIOBSDSocket.Handle? {
        guard self.session.hasLargeMessages, let socket = self.socket, context.channel.isActive else { return nil }
        return self.waitingInChannel(context) == 0 ? socket : nil
    }

    private func waitingInChannel(_ context: ChannelHandlerContext) -> Int? {
        try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
    }

    /// - Returns: whether there may be more to send.
    private func gather(to socket: NIOBSDSocket.Handle, _ context: ChannelHandlerContext, _ now: UInt64) -> Bool {
        var lent: [LentPart] = []
        self.output.bytes.writeWithOutputRawSpan(minimumWritableBytes: Self.outputSize) { output in
            lent = self.session.gather(into: &output, at: now)
        }
        let output = GatheredOutput(written: self.output.bytes, lent: lent)
        guard output.count > 0 else { return false }
        self.noteSent(output.count)
        let rest = output.rest(after: output.send(to: socket))
        if rest.readableBytes > 0 { self.write(rest, context) }
        return true
    }

    /// - Returns: whether there were any.
    @discardableResult
    private func processEvents(input: Span<UInt8> = Span()) -> Bool {
        // The list is this function's alone while it is looked at.
        var events: [HTTP2Event] = []
        swap(&events, &self.events)
        defer { self.events = events }
        self.session.takeEvents(into: &events)
        guard !events.isEmpty, let delegate = self.delegate else { return false }
        if self.isReading { self.readAhead?.handled(events.count) }
        for index in events.indices {
            // Moved out, where a loop over the list would copy each.
            var event = HTTP2Event.settings
            swap(&event, &events[index])
            delegate.handle(event, input: input)
        }
        events.removeAll(keepingCapacity: true)
        self.session.dropHeaders()
        return true
    }

    /// Nil before and after.
    var channel: (any Channel)? { self.context?.channel }

    /// Whether the socket takes nothing now.
    var isOutputBlocked: Bool { self.context.map { !$0.channel.isWritable } ?? false }

    /// Bytes that have left the session and that the socket has not taken, when these are too many for it to be given more; 0 otherwise.
    var blockedBytes: Int {
        guard let context = self.context, !context.channel.isWritable else { return 0 }
        return self.waitingInChannel(context) ?? 0
    }

    private var isOutputStuck: Bool {
        guard let context = self.context, !context.channel.isWritable else { return false }
        return self.session.queuedFrameCount > self.limits.unreadFramesMax || self.session.bufferedBytes > self.limits.unreadBytesMax
    }

    /// Ends our side, and leaves the peer a moment to read why before the socket is closed: closing with unread input would cut it off.
    private func linger() {
        guard self.state == .open, let context = self.context else { return }
        self.state = .lingering
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: nil)
        context.close(mode: .output, promise: nil)
        self.resumeReading(context)
        self.lookWhileLingering(Linger(waiting: self.waitingInChannel(context) ?? 0))
        self.closeDelegate()
    }

    private func lookWhileLingering(_ linger: Linger) {
        self.context?.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(self.limits.lingerTimeout)) {
            var linger = linger
            guard let context = self.context else { return }
            if linger.goesOn(waiting: self.waitingInChannel(context) ?? 0) { self.lookWhileLingering(linger) } else { self.abort() }
        }
    }

    private func finish() {
        self.state = .closed
        self.context = nil
        self.closeDelegate()
        self.formerDelegate?.channelClosed()
        self.formerDelegate = nil
    }

    private func closeDelegate() {
        guard let delegate = self.delegate else { return }
        (self.delegate, self.formerDelegate) = (nil, delegate)
        delegate.connectionClosed(reason: self.failure)
    }
}

/// Where output is collected. One for each loop: of the thousands of connections that fell to it only one sends at a time.
/// What a socket does not take at once keeps these bytes, and the next output gets others. Bound to the loop.
final class OutputBuffer {
    var bytes = ByteBuffer()
}
