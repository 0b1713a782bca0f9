internal import NIOCore

/// Stands before the TLS handler of a server until the client's first message is complete, so that a connection that never says anything
/// costs no TLS state, and that a client without HTTP/2 is told so by the alert that is made for it.
final class ClientHelloGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var received: [UInt8] = []
    private var isDecided = false
    private let pass: (ClientHelloGate, any Channel) throws -> Void

    /// - Parameter pass: puts the TLS handler behind this one.
    init(pass: @escaping (ClientHelloGate, any Channel) throws -> Void) { self.pass = pass }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isDecided else { return context.fireChannelRead(data) }
        self.received += self.unwrapInboundIn(data).readableBytesView
        switch ClientHello.verdict(on: self.received) {
        case .needsMore: return
        case .passOn: self.passOn(context)
        case .notTLS: context.close(promise: nil)
        case .noHTTP2:
            let alert = context.channel.allocator.buffer(bytes: ClientHello.noApplicationProtocolAlert)
            context.writeAndFlush(self.wrapOutboundOut(alert), promise: nil)
            context.close(promise: nil)
        }
        self.isDecided = true
    }

    private func passOn(_ context: ChannelHandlerContext) {
        do {
            try self.pass(self, context.channel)
        } catch {
            return context.close(promise: nil)
        }
        let buffer = context.channel.allocator.buffer(bytes: self.received)
        self.received = []
        context.fireChannelRead(self.wrapInboundOut(buffer))
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
