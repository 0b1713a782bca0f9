import Handover
import RPCCore
import RPCTransport
import TestSupport
import Testing

/// Two servers on one listening socket: the second begins when the first has ended.
@Suite("When a server hands its socket over to the next", .timeLimit(.minutes(2)))
struct TakeOverTests {
    private static func servers(
        _ configure: (inout RPCServerConfiguration) -> Void = { _ in }
    ) throws -> (first: RPCServer, second: RPCServer, port: Int) {
        let socket = try ListeningSocket.open(host: "127.0.0.1", port: 0)
        let sockets = [socket, try socket.duplicated()]
        let servers = sockets.map { socket in
            var configuration = RPCServerConfiguration(address: .host("127.0.0.1", port: socket.port))
            configuration.listeningSocket = socket.descriptor
            configure(&configuration)
            return RPCServer(router: TestService().router, configuration: configuration)
        }
        return (servers[0], servers[1], socket.port)
    }

    /// A call over a connection of its own, which does not wait for a server.
    private static func call(_ address: RPCAddress, _ tls: TLSFiles? = nil) async throws -> String {
        var configuration = HTTP2ChannelConfiguration(address: address)
        configuration.tls = try tls.map { try ClientTLS($0) }
        let channel = HTTP2Channel(configuration: configuration)
        let reply: Result<String, any Error>
        do {
            let message: BytesMessage = try await channel.unary(
                BytesMessage("hello"), method: TestService.echo, options: CallOptions(timeout: .seconds(20)))
            reply = .success(message.text)
        } catch {
            reply = .failure(error)
        }
        await channel.shutDown()
        return try reply.get()
    }

    @Test("who is not through TLS yet is sent away in words, and not cut off")
    func withinTLS() async throws {
        let certificates = try await Certificates.shared.value
        let tls = try ServerTLS(certificates.files("server"))
        let (first, second, port) = try Self.servers { $0.tls = tls }
        try await first.start()
        let (relay, address) = try await HeldRelay.start(toPort: port)
        try await withThrowingTaskGroup { group in
            group.addTask {
                try await first.run()
                try await second.run()
            }
            let call = Task { try await Self.call(address, TLSFiles(authorities: certificates.path("ca.pem"))) }
            try await eventually("a client is within TLS") { first.statistics.handshakesNow == 1 }
            first.beginGracefulShutdown()
            relay.release()
            let reply = await call.result
            second.beginGracefulShutdown()
            try await group.waitForAll()
            #expect(try reply.get() == "hello")
            #expect(first.statistics.failedHandshakes == 0 && first.statistics.connections == 1)
        }
    }

    @Test("who says nothing within TLS is not waited for")
    func silentWithinTLS() async throws {
        let tls = try ServerTLS(try await Certificates.shared.value.files("server"))
        try await Rig.run({
            $0.tls = tls
            $0.goAwayDelay = .milliseconds(50)
            $0.handshakeTimeout = .seconds(60)
            $0.shutdownGrace = .seconds(60)
        }) { rig in
            let silent = try await SilentConnection(rig.address)
            try await eventually("it is within TLS") { rig.server.statistics.handshakesNow == 1 }
            let begun = ContinuousClock.now
            rig.server.beginGracefulShutdown()
            await silent.closed()
            #expect(ContinuousClock.now - begun < .seconds(30))
        }
    }

    @Test("whoever connects meanwhile is served, by the one or by the other")
    func meanwhile() async throws {
        let (first, second, port) = try Self.servers()
        try await first.start()
        try await withThrowingTaskGroup { servers in
            servers.addTask {
                try await first.run()
                try await second.run()
            }
            let replies = await (0..<8).concurrentResults { _ in
                for number in 0..<25 {
                    _ = try await Self.call(.host("127.0.0.1", port: port))
                    if number == 5 { first.beginGracefulShutdown() }
                }
            }
            second.beginGracefulShutdown()
            try await servers.waitForAll()
            for reply in replies { try reply.get() }
            #expect(first.statistics.calls + second.statistics.calls == 200 && second.statistics.calls > 0)
        }
    }
}

extension Range<Int> {
    /// All at once, and how each ended.
    fileprivate func concurrentResults(_ body: @Sendable @escaping (Int) async throws -> Void) async -> [Result<Void, any Error>] {
        await withTaskGroup { group in
            for index in self {
                group.addTask { () -> Result<Void, any Error> in
                    do { return .success(try await body(index)) } catch { return .failure(error) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
