internal import NIOCore

/// Counts the connections of a listener and lets no more in than there may be. Bound to the listener's loop.
///
/// At the limit nothing more is accepted, so that whoever wants in waits in the kernel's queue, until a connection ends. A read may bring
/// four at once, so the limit may be passed by three.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let limits: ConnectionLimits
    private let pause: TimeAmount
    private let counters: ServerCounters
    private var context: ChannelHandlerContext?
    private var count = 0
    private var countByAddress: [String: Int] = [:]
    private var isReadHeld = false
    /// Whether nothing is read after accepting has failed.
    private var isPaused = false

    /// - Parameter pause: after accepting has failed.
    init(_ limits: ConnectionLimits, pause: TimeAmount, counters: ServerCounters) {
        self.limits = limits
        self.pause = pause
        self.counters = counters
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = self.unwrapInboundIn(data)
        // Peers of a socket file have no address, and are this machine's own.
        let address = channel.remoteAddress?.ipAddress
        if let address, self.countByAddress[address, default: 0] >= self.limits.connectionsPerAddressMax {
            self.counters.add(endedFor: "too_many_from_address")
            return channel.close(promise: nil)
        }
        self.count += 1
        if let address { self.countByAddress[address, default: 0] += 1 }
        let gate = NIOLoopBound(self, eventLoop: context.eventLoop)
        channel.closeFuture.whenComplete { _ in gate.eventLoop.execute { gate.value.release(address) } }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        if self.isFull { self.isReadHeld = true } else { context.read() }
    }

    private var isFull: Bool { self.count >= self.limits.connectionsMax }

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
            if self.isFull { self.isReadHeld = true } else { _ = self.setReading(true) }
        }
    }

    /// - Returns: false for a listener that is closed, and accepts nothing more anyway.
    private func setReading(_ isReading: Bool) -> Bool {
        guard let channel = self.context?.channel, channel.isActive, let options = channel.syncOptions else { return false }
        return (try? options.setOption(.autoRead, value: isReading)) != nil
    }

    private func release(_ address: String?) {
        self.count -= 1
        if let address, let count = self.countByAddress[address] { self.countByAddress[address] = count > 1 ? count - 1 : nil }
        guard self.isReadHeld, !self.isPaused, !self.isFull, let context = self.context else { return }
        self.isReadHeld = false
        // Without effect when it reads already.
        _ = self.setReading(true)
        context.read()
    }
}
