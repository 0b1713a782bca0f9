import Glibc
import RPCCore
import RPCTransport
import Testing

@Suite("Connections")
struct ConnectionTests {
    @Test("a drained server finishes what runs and takes no more")
    func drain() async throws {
        try await Rig.run { rig in
            let call = Task { try await rig.hang() }
            await rig.service.started.reaches(1)
            rig.server.beginGracefulShutdown()
            rig.server.beginGracefulShutdown()
            let other = HTTP2Channel(address: rig.address)
            var options = CallOptions(timeout: .seconds(5))
            #expect(
                await code {
                    let _: BytesMessage = try await other.unary(BytesMessage(), method: TestService.echo, options: options)
                } == .unavailable)
            await other.shutDown()
            options.waitsForReady = true
            rig.service.gate.open()
            #expect(await code { try await call.value } == .ok)
        }
    }

    @Test("when the grace is over, what still runs is cancelled")
    func grace() async throws {
        try await Rig.run({ $0.shutdownGrace = .milliseconds(50) }) { rig in
            let call = Task { try await rig.hang() }
            await rig.service.started.reaches(1)
            rig.server.beginGracefulShutdown()
            #expect(await code { try await call.value } == .unavailable)
            await rig.service.cancelled.reaches(1)
        }
    }

    @Test("cancelling the task that runs a server drains it")
    func cancelledRun() async throws {
        let server = RPCServer(router: TestService().router, configuration: RPCServerConfiguration(address: .host("127.0.0.1", port: 0)))
        try await server.start()
        let run = Task { try await server.run() }
        run.cancel()
        try await run.value
    }

    @Test("a server whose listening socket fails ends, and says why")
    func failedListener() async throws {
        var configuration = RPCServerConfiguration(address: .host("127.0.0.1", port: 0))
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        configuration.listeningSocket = socket
        // Listening without an address takes any (listen(2)).
        #expect(listen(socket, 1) == 0)
        let server = RPCServer(router: TestService().router, configuration: configuration)
        try await server.start()
        #expect(shutdown(socket, Int32(SHUT_RDWR)) == 0)
        await #expect(throws: ListenerFailure.self) { try await server.run() }
    }

    @Test("an address that is taken is an error")
    func takenAddress() async throws {
        try await Rig.run { rig in
            let second = RPCServer(router: Router(), configuration: RPCServerConfiguration(address: rig.address))
            await #expect(throws: (any Error).self) { try await second.run() }
        }
    }

    @Test("without a server calls fail at once, or wait when they ask to, and go on when it comes back")
    func reconnect() async throws {
        let path = "/tmp/novitai-test-\(UInt64.random(in: 0 ... .max)).sock"
        var configuration = HTTP2ChannelConfiguration(address: .unix(path: path))
        configuration.backoff.initial = .milliseconds(5)
        let channel = HTTP2Channel(configuration: configuration)
        let echo: @Sendable (CallOptions) async throws -> Void = { options in
            let _: BytesMessage = try await channel.unary(BytesMessage(), method: TestService.echo, options: options)
        }
        #expect(await code { try await echo(CallOptions()) } == .unavailable)
        #expect(await code { try await echo(CallOptions(timeout: .milliseconds(20), waitsForReady: true)) } == .deadlineExceeded)
        let waiting = Task { try await echo(CallOptions(timeout: .seconds(10), waitsForReady: true)) }
        for _ in 0..<2 {
            try await Rig.run({ $0.address = .unix(path: path) }) { _ in
                #expect(await code { try await echo(CallOptions(timeout: .seconds(10), waitsForReady: true)) } == .ok)
            }
        }
        #expect(await code { try await waiting.value } == .ok)
        await channel.shutDown()
        #expect(await code { try await echo(CallOptions()) } == .unavailable)
    }

    @Test("a channel that shuts down lets its running calls end")
    func channelShutdown() async throws {
        try await Rig.run { rig in
            let channel = HTTP2Channel(address: rig.address)
            let call = Task {
                let _: BytesMessage = try await channel.unary(BytesMessage(), method: TestService.hang, options: CallOptions())
            }
            await rig.service.started.reaches(1)
            let end = Task { await channel.shutDown() }
            rig.service.gate.open()
            #expect(await code { try await call.value } == .ok)
            await end.value
        }
    }

    @Test(
        "addresses are host:port or unix:PATH",
        arguments: [
            ("127.0.0.1:50051", .host("127.0.0.1", port: 50051)), ("[::1]:0", .host("::1", port: 0)), ("unix:/a/b", .unix(path: "/a/b")),
            ("localhost:1", .host("localhost", port: 1)), ("::1:5", nil), ("host", nil), (":1", nil), ("unix:", nil), ("h:65536", nil),
            ("", nil),
        ] as [(String, RPCAddress?)])
    func addresses(_ text: String, is address: RPCAddress?) {
        #expect(RPCAddress(text) == address)
        if let address { #expect(address.description == text) }
    }
}
