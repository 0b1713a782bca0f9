import HTTP2Session
import NIOCore
import NIOPosix
import RPCCore
import RPCTransport

/// A client that sends one request and then reads nothing from its socket until told to: what no client of ours would do.
struct SilentReader {
    private let channel: any Channel
    private let received: AsyncStream<ByteBuffer>
    private let session: HTTP2Session

    /// Keeps what arrives for a reader elsewhere.
    private final class Forwarder: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let bytes: AsyncStream<ByteBuffer>.Continuation
        init(_ bytes: AsyncStream<ByteBuffer>.Continuation) { self.bytes = bytes }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.bytes.yield(self.unwrapInboundIn(data)) }
        func channelInactive(context: ChannelHandlerContext) { self.bytes.finish() }
    }

    /// Connects and calls `method` with an empty message. The server may send as much as the socket takes.
    init(_ address: RPCAddress, method: MethodDescriptor, timeout: String) async throws {
        guard case .host(let host, let port) = address else { throw HTTP2SessionError(reason: "not an address of TCP") }
        let (received, continuation) = AsyncStream<ByteBuffer>.makeStream()
        self.received = received
        self.channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.autoRead, value: false).channelOption(.socketOption(.so_rcvbuf), value: 4096)
            .channelInitializer { channel in channel.pipeline.addHandler(Forwarder(continuation)) }
            .connect(host: host, port: port).get()
        var configuration = HTTP2SessionConfiguration()
        configuration.streamWindow = .max
        configuration.connectionWindow = .max
        self.session = try HTTP2Session(role: .client, configuration: configuration)
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", method.path), (":authority", "h"), ("te", "trailers"),
            ("content-type", "application/grpc"), ("grpc-timeout", timeout),
        ]
        guard let stream = self.session.submitRequest(headers: OutgoingHeaders(fields: fields.map { HeaderField($0.0, $0.1) })) else {
            throw HTTP2SessionError(reason: "no stream")
        }
        self.session.enqueue([0, 0, 0, 0, 0], on: stream)
        self.session.finish(stream)
        try await self.send()
    }

    /// Reads until the request's stream is over.
    func readToEnd() async throws -> (bytes: Int, code: HTTP2ErrorCode) {
        try await self.channel.setOption(.autoRead, value: true).get()
        var bytes = 0
        var events: [HTTP2Event] = []
        for await buffer in self.received {
            try self.session.receive(buffer.readableBytesUInt8Span, at: 0)
            self.session.takeEvents(into: &events)
            for event in events {
                if case .data(_, let data, _) = event { bytes += data.count }
                if case .closed(_, let code) = event {
                    try await self.channel.closeIfOpen()
                    return (bytes, code)
                }
            }
            self.session.dropHeaders()
        }
        throw HTTP2SessionError(reason: "the server closed the connection")
    }

    private func send() async throws {
        var output = ByteBuffer()
        output.writeWithOutputRawSpan(minimumWritableBytes: HTTP2Session.drainSizeMin) { self.session.drain(into: &$0, at: 0) }
        try await self.channel.writeAndFlush(output)
    }
}
