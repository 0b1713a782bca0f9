import Hummingbird
import Logging
import NIOCore
import NIOPosix
import RPCCore
import TestSupport
import Testing

@testable import Sidecar

@Suite("Clients of the sidecar", .timeLimit(.minutes(2)))
struct SlowReaderTests {
    private static let requestCount = 500
    private static let request = "GET / HTTP/1.1\r\nHost: localhost\r\n"

    /// More than the kernels of both sides hold for a client that does not read.
    private static let requests =
        String(repeating: Self.request + "\r\n", count: requestCount - 1) + Self.request + "Connection: close\r\n\r\n"

    private static func connect(_ port: Int, reads: Bool) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.autoRead, value: reads)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
    }

    @Test("one that does not take its answers is closed; one that does gets all of them")
    func closed() async throws {
        let failing = FakeChannel { () throws(RPCError) in throw RPCError(code: .unavailable, message: "") }
        let routes = try SidecarRoutes(channel: failing, token: nil, isLoopback: true)
        let (ports, port) = AsyncStream.makeStream(of: String.self)
        let server = SidecarServer(
            routes: routes, address: .hostname("127.0.0.1", port: 0), unreadTime: .milliseconds(500), logger: Logger(label: "test")
        ) { port.yield($0.port) }
        try await withThrowingTaskGroup { group in
            group.addTask { try? await server.run() }
            let port = try #require(Int(await ports.first { _ in true } ?? ""))
            let reader = try await Self.connect(port, reads: true)
            let answers = try await reader.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: Self.requests))
                var bytes = ByteBuffer()
                for try await part in inbound { bytes.writeImmutableBuffer(part) }
                return String(buffer: bytes).split(separator: "HTTP/1.1 200 OK\r\n").count
            }
            #expect(answers == Self.requestCount)
            #expect(routes.metrics.text(isUp: true).contains("\nnovitai_sidecar_slow_readers_total 0\n"))

            let silent = try await Self.connect(port, reads: false)
            try await silent.executeThenClose { _, outbound in
                try await outbound.write(ByteBuffer(string: Self.requests))
                try await eventually("it is closed") {
                    routes.metrics.text(isUp: true).contains("\nnovitai_sidecar_slow_readers_total 1\n")
                }
            }
            group.cancelAll()
        }
    }
}
