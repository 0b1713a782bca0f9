import NIOCore
import NIOPosix
import RPCTransport
import Synchronization

/// Stands between clients and a server: connects to it at once, and passes on what a client sends only when it is told to.
final class HeldRelay: Sendable {
    private struct State {
        var isHeld = true
        var clients: [any Channel] = []
    }

    private final class Forwarder: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let other: any Channel
        init(to other: any Channel) { self.other = other }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.other.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
        }
        func channelInactive(context: ChannelHandlerContext) { self.other.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let serverPort: Int
    private let state = Mutex(State())

    private init(toPort serverPort: Int) { self.serverPort = serverPort }

    /// - Returns: the relay, and where clients connect to it. The listener ends with the process.
    static func start(toPort serverPort: Int) async throws -> (HeldRelay, RPCAddress) {
        let relay = HeldRelay(toPort: serverPort)
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in relay.connect(client) }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = listener.localAddress?.port else { throw ChannelError.unknownLocalAddress }
        return (relay, .host("127.0.0.1", port: port))
    }

    func release() {
        let clients = self.state.withLock { state in
            state.isHeld = false
            return state.clients
        }
        for client in clients { client.setOption(.autoRead, value: true).whenComplete { _ in } }
    }

    private func connect(_ client: any Channel) -> EventLoopFuture<Void> {
        ClientBootstrap(group: client.eventLoop)
            .channelInitializer { server in server.pipeline.addHandler(Forwarder(to: client)) }
            .connect(host: "127.0.0.1", port: self.serverPort)
            .flatMap { server in client.pipeline.addHandler(Forwarder(to: server)) }
            .flatMap {
                let isHeld = self.state.withLock { state in
                    state.clients.append(client)
                    return state.isHeld
                }
                return isHeld ? client.eventLoop.makeSucceededVoidFuture() : client.setOption(.autoRead, value: true)
            }
    }
}
