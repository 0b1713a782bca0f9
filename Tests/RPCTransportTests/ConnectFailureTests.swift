import Glibc
import NIOCore
import RPCCore
import Testing

@testable import RPCTransport

@Suite("Connections that cannot be made")
struct ConnectFailureTests {
    /// An address that refuses: somebody had it and has left.
    private static func refusingAddress() async throws -> RPCAddress {
        let server = RPCServer(router: Router(), configuration: RPCServerConfiguration(address: .host("127.0.0.1", port: 0)))
        try await server.start()
        let address = try #require(server.boundAddress)
        server.beginGracefulShutdown()
        try await server.run()
        return address
    }

    private static func absentSocket() -> RPCAddress { .unix(path: "/tmp/novitai-test-\(UInt64.random(in: 0 ... .max)).sock") }

    private static func failedCall(to address: RPCAddress, then end: (HTTP2Channel) async -> Void) async -> RPCError? {
        let channel = HTTP2Channel(address: address)
        let error = await failure {
            let _: BytesMessage = try await channel.unary(
                BytesMessage(), method: TestService.echo, options: CallOptions(timeout: .seconds(20)))
        }
        await end(channel)
        return error
    }

    @Test("the error says why in few words, and the channel can be shut down", .timeLimit(.minutes(1)))
    func why() async throws {
        let cases: [(RPCAddress, String)] = [
            (try await Self.refusingAddress(), "connection refused"), (Self.absentSocket(), "no such socket file"),
            (.host("name.invalid", port: 1), "the name cannot be resolved"),
        ]
        for (address, why) in cases {
            let error = await Self.failedCall(to: address) { await $0.shutDown() }
            #expect(error?.code == .unavailable)
            #expect(error?.message == "cannot connect to \(address): \(why)")
        }
    }

    @Test("a channel can be shut down while it connects", .timeLimit(.minutes(1)))
    func shutDownWhileConnecting() async throws {
        let addresses = [try await Self.refusingAddress(), Self.absentSocket(), .host("name.invalid", port: 1)]
        for address in addresses {
            let channel = HTTP2Channel(address: address)
            async let call = code {
                let _: BytesMessage = try await channel.unary(
                    BytesMessage(), method: TestService.echo, options: CallOptions(waitsForReady: true))
            }
            await channel.shutDown()
            #expect(await call == .unavailable)
        }
    }

    @Test(
        "errors of the system are put in words",
        arguments: [
            (ChannelError.connectTimeout(.seconds(1)), "timed out"), (IOError(errnoCode: ETIMEDOUT, reason: "connect"), "timed out"),
            (IOError(errnoCode: ECONNREFUSED, reason: "connect"), "connection refused"),
        ] as [(any Error, String)])
    func words(_ error: any Error, _ text: String) { #expect(ConnectFailure.text(error) == text) }

    @Test("an error without words of ours speaks for itself")
    func otherError() {
        let error = IOError(errnoCode: ENETUNREACH, reason: "connect")
        #expect(ConnectFailure.text(error) == "\(error)")
    }
}
