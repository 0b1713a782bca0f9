import HTTP2Frames
import NIOCore
import NIOPosix
import RPCTransport

/// A peer that sends exactly the bytes it is told to, and keeps what comes back.
struct RawPeer {
    private let channel: any Channel
    private let received: AsyncStream<ByteBuffer>

    private final class Forwarder: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let bytes: AsyncStream<ByteBuffer>.Continuation
        init(_ bytes: AsyncStream<ByteBuffer>.Continuation) { self.bytes = bytes }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.bytes.yield(self.unwrapInboundIn(data)) }
        func channelInactive(context: ChannelHandlerContext) { self.bytes.finish() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    struct NotThere: Error, CustomStringConvertible {
        let description: String
    }

    init(_ address: RPCAddress) async throws {
        guard case .host(let host, let port) = address else { throw NotThere(description: "not an address of TCP") }
        let (received, continuation) = AsyncStream<ByteBuffer>.makeStream()
        self.received = received
        self.channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in channel.pipeline.addHandler(Forwarder(continuation)) }
            .connect(host: host, port: port).get()
    }

    /// Says hello; `settings` are the peer's own.
    static func connected(to address: RPCAddress, settings: [(UInt16, UInt32)] = []) async throws -> RawPeer {
        let peer = try await RawPeer(address)
        try await peer.send(Frame.preface + Frame.settings(settings) + Frame.settingsAcknowledgement)
        return peer
    }

    func send(_ bytes: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// What comes until the frames satisfy `isEnough`, or the server closes the connection, which is then the last word.
    func frames(until isEnough: ([SentFrame]) -> Bool = { _ in false }) async throws -> [SentFrame] {
        var bytes: [UInt8] = []
        for await buffer in self.received {
            bytes += Array(buffer: buffer)
            let frames = SentFrame.parse(bytes)
            if isEnough(frames) { return frames }
        }
        return SentFrame.parse(bytes)
    }

    func close() async throws { try await self.channel.closeIfOpen() }
}

extension Channel {
    /// Closes it, unless the server was first, as one that has sent its client away may be.
    func closeIfOpen() async throws {
        do { try await self.close() } catch ChannelError.alreadyClosed {}
    }
}
