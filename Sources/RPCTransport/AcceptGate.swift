internal import NIOCore

/// Counts the connections of a listener and lets no more in than there may be. Bound to the listener's loop.
///
/// At the limit nothing more is accepted, so that whoever wants in waits in the kernel's queue, until a connection ends. A read may bring
/// four at once, so the limit may be passed by three.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let counts: ConnectionCounts
    private let pause: TimeAmount
    private let counters: ServerCounters
    /// Those of the connections.
    private let group: any EventLoopGroup
    private var context: ChannelHandlerContext?
    /// Whether nothing is read after accepting has failed.
    private var isPaused = false
    private var isClosing = false

    /// - Parameter pause: after accepting has failed.
    init(_ limits: ConnectionLimits, pause: TimeAmount, counters: ServerCounters, group: any EventLoopGroup) {
        self.counts = ConnectionCounts(limits)
        self.pause = pause
        self.counters = counters
        self.group = group
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.counts.dropRead()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = self.unwrapInboundIn(data)
        // Peers of a socket file have no address, and are this machine's own.
        let address = channel.remoteAddress?.ipAddress
        guard self.counts.enter(address) else {
            self.counters.add(endedFor: "too_many_from_address")
            return channel.close(promise: nil)
        }
        let (gate, counts) = (NIOLoopBound(self, eventLoop: context.eventLoop), self.counts)
        channel.closeFuture.whenComplete { _ in
            // The listener's loop may have ended before the connection's: it is only troubled when it waits for this.
            guard counts.leave(address) else { return }
            gate.eventLoop.execute { gate.value.readAgain() }
        }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        if !self.counts.holdReadIfFull() { context.read() }
    }

    /// A connection is set up on its own loop, and dropped when the listener is closed before that loop has said so: the listener is closed
    /// once everything that it has accepted is known.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard !self.isClosing else { return context.close(mode: mode, promise: promise) }
        self.isClosing = true
        _ = self.setReading(false)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let turns = self.group.makeIterator().map { loop in loop.submit {} }
        EventLoopFuture.andAllComplete(turns, on: context.eventLoop).whenComplete { _ in bound.value.close(mode: mode, promise: promise) }
    }

    /// Accepting fails while descriptors, or memory for one, are wanting, and whoever wants in waits in the kernel's queue. The read that fails
    /// stays under way, and would fail again and again: NIO's own handler for this holds back only the reads after it. So reading is paused.
    ///
    /// After other failures NIO closes the listener, which its server notices.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.counters.add(failedAccept: ConnectFailure.text(error))
        guard !self.isPaused, self.setReading(false) else { return }
        self.isPaused = true
        context.eventLoop.assumeIsolated().scheduleTask(in: self.pause) {
            self.isPaused = false
            // Reading begins with a read that does not come by here.
            if !self.isClosing, !self.counts.holdReadIfFull() { _ = self.setReading(true) }
        }
    }

    /// - Returns: false for a listener that is closed, and accepts nothing more anyway.
    private func setReading(_ isReading: Bool) -> Bool {
        guard let channel = self.context?.channel, channel.isActive, let options = channel.syncOptions else { return false }
        return (try? options.setOption(.autoRead, value: isReading)) != nil
    }

    /// There is room again for the read that was held back.
    private func readAgain() {
        // After a pause reading begins by itself.
        guard !self.isPaused, !self.isClosing, let context = self.context else { return }
        // Without effect when it reads already.
        _ = self.setReading(true)
        context.read()
    }
}
