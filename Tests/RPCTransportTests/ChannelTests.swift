import HTTP2Frames
import NIOCore
import NIOPosix
import RPCCore
import RPCTransport
import Testing

@Suite("Channels")
struct ChannelTests {
    private static func absent() -> RPCAddress { .unix(path: "/tmp/novitai-test-\(UInt64.random(in: 0 ... .max)).sock") }

    private static func echo(_ configuration: HTTP2ChannelConfiguration) async -> RPCError? {
        let channel = HTTP2Channel(configuration: configuration)
        let error = await failure {
            let _: BytesMessage = try await channel.unary(BytesMessage(), method: TestService.echo, options: CallOptions())
        }
        await channel.shutDown()
        return error
    }

    @Test("of several addresses the first that answers is used")
    func pickFirst() async throws {
        try await Rig.run { rig in
            #expect(await Self.echo(HTTP2ChannelConfiguration(addresses: [Self.absent(), Self.absent(), rig.address])) == nil)
            #expect(await Self.echo(HTTP2ChannelConfiguration(addresses: [rig.address, Self.absent()])) == nil)
        }
        let last = Self.absent()
        let error = await Self.echo(HTTP2ChannelConfiguration(addresses: [Self.absent(), last]))
        #expect(error?.message == "cannot connect to \(last): no such socket file")
    }

    @Test("a connection that had no call for long is closed, and the next call makes another")
    func idle() async throws {
        try await Rig.run { rig in
            var configuration = HTTP2ChannelConfiguration(address: rig.address)
            configuration.idleTimeout = .milliseconds(20)
            let channel = HTTP2Channel(configuration: configuration)
            for expected in 1...2 {
                let _: BytesMessage = try await channel.unary(BytesMessage(), method: TestService.echo, options: CallOptions())
                #expect(rig.server.statistics.connections == expected)
                while rig.server.statistics.connectionsNow > 0 { await Task.yield() }
            }
            await channel.shutDown()
        }
    }

    @Test("a connection with a call is never idle")
    func busy() async throws {
        try await Rig.run { rig in
            var configuration = HTTP2ChannelConfiguration(address: rig.address)
            configuration.idleTimeout = .milliseconds(5)
            let channel = HTTP2Channel(configuration: configuration)
            // Until the server has seen one: on a busy machine the deadline may come before there is a connection.
            var before = 0
            repeat {
                while rig.server.statistics.connectionsNow > 0 { await Task.yield() }
                before = rig.server.statistics.connections
                let outcome = await code {
                    let _: BytesMessage = try await channel.unary(
                        BytesMessage(), method: TestService.hang, options: CallOptions(timeout: .milliseconds(100)))
                }
                #expect(outcome == .deadlineExceeded)
            } while rig.service.started.value == 0
            #expect(rig.server.statistics.connections == before + 1)
            await channel.shutDown()
        }
    }

    /// Says hello to whoever connects, and nothing ever after.
    private final class MuteServer: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: Frame.settings() + Frame.settingsAcknowledgement)), promise: nil)
        }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
    }

    @Test("a server that answers no question is given up, and its calls with it")
    func keepalive() async throws {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { $0.pipeline.addHandler(MuteServer()) }.bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        var configuration = HTTP2ChannelConfiguration(address: .host("127.0.0.1", port: port))
        configuration.keepalive = .init(interval: .milliseconds(5))
        configuration.keepalive.intervalMin = .zero
        configuration.keepalive.timeout = .milliseconds(5)
        #expect(await Self.echo(configuration)?.code == .unavailable)
        try await listener.close()
    }
}
