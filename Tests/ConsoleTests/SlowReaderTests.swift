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

    /// Runs a server whose clients may take nothing for so long.
    private static func serve(
        unreadTime: Duration, unaskedTime: Duration? = nil, _ body: (_ port: Int, _ routes: SidecarRoutes) async throws -> Void
    ) async throws {
        let failing = FakeChannel { () throws(RPCError) in throw RPCError(code: .unavailable, message: "") }
        let routes = try SidecarRoutes(channel: failing, token: nil, isLoopback: true)
        let (ports, port) = AsyncStream.makeStream(of: String.self)
        let server = SidecarServer(
            routes: routes, address: .hostname("127.0.0.1", port: 0), unreadTime: unreadTime, unaskedTime: unaskedTime,
            logger: Logger(label: "test")
        ) { port.yield($0.port) }
        try await withThrowingTaskGroup { group in
            group.addTask { try? await server.run() }
            try await body(#require(Int(await ports.first { _ in true } ?? "")), routes)
            group.cancelAll()
        }
    }

    @Test("one that takes its answers gets all of them")
    func reader() async throws {
        // However slow the machine is: what is tested is not the time.
        try await Self.serve(unreadTime: .seconds(3600)) { port, routes in
            let answers = try await Self.connect(port, reads: true).executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: Self.requests))
                var bytes = ByteBuffer()
                for try await part in inbound { bytes.writeImmutableBuffer(part) }
                return String(buffer: bytes).split(separator: "HTTP/1.1 200 OK\r\n").count
            }
            #expect(answers == Self.requestCount)
            #expect(routes.metrics.text(isUp: true).contains("\nnovitai_sidecar_slow_readers_total 0\n"))
        }
    }

    @Test("one that asks for nothing, or for half of something, is closed", arguments: ["", "GET / HTTP/1.1\r\nHost: local"])
    func unasked(_ begun: String) async throws {
        try await Self.serve(unreadTime: .seconds(3600), unaskedTime: .milliseconds(200)) { port, _ in
            let connection = try await Self.connect(port, reads: true)
            // On a busy machine it may be closed before it has begun, and then it is reset.
            try? await connection.executeThenClose { inbound, outbound in
                if !begun.isEmpty { try? await outbound.write(ByteBuffer(string: begun)) }
                // Ends when the server has closed, with or without a word about the half.
                for try await _ in inbound {}
            }
        }
    }

    @Test("one that does not take its answers is closed")
    func silent() async throws {
        try await Self.serve(unreadTime: .milliseconds(500)) { port, routes in
            try await Self.connect(port, reads: false).executeThenClose { _, outbound in
                try await outbound.write(ByteBuffer(string: Self.requests))
                try await eventually("it is closed") {
                    routes.metrics.text(isUp: true).contains("\nnovitai_sidecar_slow_readers_total 1\n")
                }
            }
        }
    }
}
