import CurlClient
import Fleet
import NIOCore
import NIOPosix
import Outbound
import Synchronization
import TestSupport
import Testing

/// A TCP server on loopback that answers every connection with the same bytes, and counts them.
private final class Answering: Sendable {
    let port: Int
    private let channel: any Channel
    private let connections = Counter()

    init(_ answer: String) async throws {
        let connections = self.connections
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                connections.count.withLock { $0 += 1 }
                return channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Answer(answer)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.port = self.channel.localAddress?.port ?? 0
    }

    var accepted: Int { self.connections.count.withLock { $0 } }

    func close() async { try? await self.channel.close() }

    private final class Counter: Sendable {
        let count = Mutex(0)
    }

    private final class Answer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let answer: String

        init(_ answer: String) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(NIOAny(ByteBuffer(string: self.answer)), promise: nil)
            context.close(promise: nil)
        }
    }
}

@Suite("Probes over the network")
struct OutboundProberTests {
    private static func probe(
        _ address: String, _ protocol: PortProtocol = .http, _ probe: PortProbe = PortProbe(),
        except exceptions: Set<AddressRules.Exception> = [.loopback], trusting certificate: String? = nil, timeout: Duration = .seconds(5)
    ) async throws -> ProbeOutcome {
        var configuration = OutboundProber.configuration(except: exceptions)
        configuration.certificateAuthorityFile = certificate
        let client = try HTTPClient(configuration)
        defer { client.shutdown() }
        let target = ProbeTarget(endpoint: Endpoint(port: 80, protocol: `protocol`, address: address), probe: probe)
        return await OutboundProber(client).probe(target, timeout: timeout)
    }

    private static func withServer(_ answer: String, _ body: (Answering) async throws -> Void) async throws {
        let server = try await Answering(answer)
        do { try await body(server) } catch {
            await server.close()
            throw error
        }
        await server.close()
    }

    private static func page(_ status: Int, _ body: String = "hello") -> String {
        "HTTP/1.1 \(status) Word\r\nContent-Length: \(body.utf8.count)\r\nLocation: http://127.0.0.1:1/\r\n\r\n\(body)"
    }

    @Test(
        "A page is healthy by its status, which may be one that asks for a login; a redirect is not followed",
        arguments: [
            (200, [], true), (302, [], true), (401, [], false), (401, [401], true), (404, [], false), (502, [], false), (200, [401], false),
        ])
    func statuses(_ status: Int, _ expected: [Int], _ isHealthy: Bool) async throws {
        try await Self.withServer(Self.page(status)) { (server: Answering) async throws in
            let outcome = try await Self.probe("http://127.0.0.1:\(server.port)", .http, PortProbe(path: "/x", expectedStatuses: expected))
            #expect(outcome == ProbeOutcome(isHealthy: isHealthy, detail: "status \(status)"))
        }
    }

    @Test("A page that is larger than anybody wants to know is as healthy as its status")
    func largePage() async throws {
        try await Self.withServer(Self.page(200, String(repeating: "x", count: 200_000))) { (server: Answering) async throws in
            #expect(try await Self.probe("http://127.0.0.1:\(server.port)").isHealthy)
        }
    }

    @Test("A TCP port is healthy when it takes a connection, whatever it speaks")
    func tcp() async throws {
        try await Self.withServer("SSH-2.0-x\r\n") { (server: Answering) async throws in
            #expect(try await Self.probe("127.0.0.1:\(server.port)", .tcp) == ProbeOutcome(isHealthy: true, detail: "connected"))
            // The system takes a connection before its server does.
            try await eventually("the server has it") { server.accepted > 0 }
            #expect(server.accepted == 1)
        }
        #expect(try await Self.probe("127.0.0.1:1", .tcp) == ProbeOutcome(isHealthy: false, detail: "no connection"))
    }

    @Test("What is no HTTP is not healthy")
    func noise() async throws {
        try await Self.withServer("SSH-2.0-x\r\n") { (server: Answering) async throws in
            #expect(try await !Self.probe("http://127.0.0.1:\(server.port)").isHealthy)
        }
    }

    @Test(
        "A private address is not even connected to, however it is spelled",
        arguments: ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "0", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
    func privateAddresses(_ host: String) async throws {
        try await Self.withServer(Self.page(200)) { (server: Answering) async throws in
            for (address, kind) in [("http://\(host):\(server.port)", PortProtocol.http), ("\(host):\(server.port)", .tcp)] {
                let outcome = try await Self.probe(address, kind, except: [.privateNetworks])
                #expect(!outcome.isHealthy && outcome.detail.contains("private or reserved"), "\(outcome.detail)")
            }
            #expect(server.accepted == 0)
        }
    }

    @Test(
        "An address without a host does not take one from the path, which a tenant names",
        arguments: ["http://", "http:///", "http:/", "http:", "", "http://?", "http://#"])
    func noHost(_ address: String) async throws {
        try await Self.withServer(Self.page(200)) { (server: Answering) async throws in
            for slashes in ["/", "//", "///"] {
                let outcome = try await Self.probe(address, .http, PortProbe(path: "\(slashes)127.0.0.1:\(server.port)/x"))
                #expect(outcome == ProbeOutcome(isHealthy: false, detail: "the address cannot be used: it has no host"))
            }
            #expect(server.accepted == 0)
        }
    }

    @Test("A port behind TLS is healthy by its status once it has proven whose it is, and is told nothing before")
    func secure() async throws {
        let requests = try await TLSServer.run { (port: Int, certificate: String) async throws in
            let address = "https://127.0.0.1:\(port)"
            #expect(try await Self.probe(address, trusting: certificate) == ProbeOutcome(isHealthy: true, detail: "status 200"))
            #expect(try await !Self.probe(address).isHealthy)
        }
        #expect(requests == 1)
        let other = try await TLSServer.run(name: "DNS:other.example") { (port: Int, certificate: String) async throws in
            #expect(try await !Self.probe("https://127.0.0.1:\(port)", trusting: certificate).isHealthy)
        }
        #expect(other == 0)
    }

    @Test(
        "A private network is asked only where that is allowed, and nothing that is local beside it",
        arguments: ["10.255.255.1", "[fdff::1]"])
    func privateNetworks(_ host: String) async throws {
        for (address, kind) in [("http://\(host):9", PortProtocol.http), ("\(host):9", .tcp)] {
            let refused = try await Self.probe(address, kind)
            #expect(!refused.isHealthy && refused.detail.contains("private or reserved"))
            // Nobody need be there: it is asked.
            let asked = try await Self.probe(address, kind, except: [.privateNetworks], timeout: .milliseconds(200))
            #expect(!asked.detail.contains("private or reserved"), "\(asked.detail)")
        }
        let local = try await Self.probe("http://169.254.169.254/", except: [.privateNetworks, .loopback])
        #expect(local.detail.contains("private or reserved"))
    }
}
