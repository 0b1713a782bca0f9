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
        if self.count >= self.limits.connectionsMax { self.isReadHeld = true } else { context.read() }
    }

    /// Accepting fails while descriptors, or memory for one, are wanting, and whoever wants in waits in the kernel's queue. The read that fails
    /// stays under way, and would fail again and again: NIO's own handler for this holds back only the reads after it. So reading is paused.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError, context.channel.isActive, let options = context.channel.syncOptions else {
            return context.fireErrorCaught(error)
        }
        self.counters.add(failedAccepts: 1)
        // Fails only for a listener that is being closed, and accepts nothing more anyway.
        try? options.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: self.pause) { try? options.setOption(.autoRead, value: true) }
    }

    private func release(_ address: String?) {
        self.count -= 1
        if let address, let count = self.countByAddress[address] { self.countByAddress[address] = count > 1 ? count - 1 : nil }
        guard self.isReadHeld, self.count < self.limits.connectionsMax, let context = self.context else { return }
        self.isReadHeld = false
        context.read()
    }
}
