internal import NIOCore

/// Closes a connection whose client does not take what it is sent. A page that never reads would keep its stream of events, a place among
/// those that there may be, and what waits for it for ever. A browser that was only asleep comes back by itself and goes on where it was.
final class SlowReaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    /// For the kilobytes that wait: a hundred times what a bad connection of a phone needs.
    static let unreadTime: Duration = .seconds(30)
    /// Bytes that may wait in this process before the client counts as one that does not read: several events of a page.
    static let unreadBytesMax = 16 << 10
    /// Bytes that the kernel may hold, of which it counts as much again: enough for a distant client, and little enough that a page that never
    /// reads is noticed before it has been told megabytes.
    static let socketBytesMax = 128 << 10

    private let unreadTime: TimeAmount
    private let onClose: @Sendable () -> Void
    private var timer: Scheduled<Void>?

    /// - Parameter onClose: told when a client is given up.
    init(unreadTime: Duration, onClose: @escaping @Sendable () -> Void) {
        self.unreadTime = TimeAmount(unreadTime)
        self.onClose = onClose
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard let options = context.channel.syncOptions else { return }
        // What cannot be set stays as large as the system has it.
        try? options.setOption(.writeBufferWaterMark, value: .init(low: Self.unreadBytesMax / 2, high: Self.unreadBytesMax))
        try? options.setOption(.socketOption(.so_sndbuf), value: Self.socketBytesMax)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.stop()
        if !context.channel.isWritable {
            let channel = context.channel
            self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: self.unreadTime) {
                self.onClose()
                channel.close(promise: nil)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.stop() }

    private func stop() {
        self.timer?.cancel()
        self.timer = nil
    }
}
