import Foundation
import RPCCore
import Synchronization
import Testing

@testable import RPCTransport

@Suite("Encrypted connections", .timeLimit(.minutes(2)))
struct TLSTests {
    private static let whoAmI = TestService.method("WhoAmI", .unary)

    /// Says what the connection proves about the caller.
    private static func addWhoAmI(_ router: inout Router) {
        router.register(unary: self.whoAmI) { (_: BytesMessage, context) in
            guard case .certificate(let certificate) = context.identity else { return BytesMessage("nobody") }
            return BytesMessage((certificate.uris + certificate.dnsNames).joined(separator: " ") + " \(certificate.fingerprint.count)")
        }
    }

    /// A server with the named certificate, and how to reach it.
    private static func serve(
        _ server: String = "server", askingFor authority: String? = nil, configure: (inout RPCServerConfiguration) -> Void = { _ in },
        _ body: @Sendable @escaping (Rig, ServerTLS, Certificates) async throws -> Void
    ) async throws {
        let certificates = try await Certificates.shared.value
        let tls = try ServerTLS(certificates.files(server, trusting: authority))
        try await Rig.run(
            {
                $0.tls = tls
                configure(&$0)
            }, router: self.addWhoAmI
        ) { rig in try await body(rig, tls, certificates) }
    }

    private static func channel(_ address: RPCAddress, _ files: TLSFiles?) throws -> HTTP2Channel {
        var configuration = HTTP2ChannelConfiguration(address: address)
        configuration.tls = try files.map { try ClientTLS($0) }
        return HTTP2Channel(configuration: configuration)
    }

    /// What one call over a connection of its own answers.
    private static func call(
        _ address: RPCAddress, _ files: TLSFiles?, _ method: MethodDescriptor = TestService.echo
    ) async throws -> Result<String, RPCError> {
        let channel = try self.channel(address, files)
        let reply: Result<String, RPCError>
        do throws(RPCError) {
            let message: BytesMessage = try await channel.unary(
                BytesMessage("hello"), method: method, options: CallOptions(timeout: .seconds(20)))
            reply = .success(message.text)
        } catch {
            reply = .failure(error)
        }
        await channel.shutDown()
        return reply
    }

    private static func authority(_ certificates: Certificates, _ name: String = "ca") -> TLSFiles {
        TLSFiles(authorities: certificates.path("\(name).pem"))
    }

    @Test("carry calls when the client trusts the certificate and it names the server, by address or by name")
    func trusted() async throws {
        try await Self.serve { rig, _, certificates in
            guard case .host(_, let port) = rig.address else { return }
            for host in ["127.0.0.1", "localhost"] {
                let reply = try await Self.call(.host(host, port: port), Self.authority(certificates))
                #expect(reply == .success("hello"))
            }
        }
    }

    @Test(
        "are not made with a server that cannot prove who it is, and the error says so",
        arguments: [
            ("server", "stranger", "the certificate is not trusted"),
            ("elsewhere", "ca", "the certificate is not that of the server that was asked for"),
        ])
    func untrusted(_ server: String, _ authority: String, _ why: String) async throws {
        try await Self.serve(server) { rig, _, certificates in
            let reply = try await Self.call(rig.address, Self.authority(certificates, authority))
            guard case .failure(let error) = reply else { return #expect(Bool(false), "the call was answered") }
            #expect(error.code == .unavailable)
            #expect(error.message == "cannot connect to \(rig.address): \(why)")
        }
    }

    @Test("are not confused with plain ones, in either direction, and nobody waits")
    func confused() async throws {
        let certificates = try await Certificates.shared.value
        try await Self.serve { rig, _, _ in
            let reply = try await Self.call(rig.address, nil)
            #expect((try? reply.get()) == nil)
        }
        try await Rig.run { rig in
            guard case .failure(let error) = try await Self.call(rig.address, Self.authority(certificates)) else {
                return #expect(Bool(false), "the call was answered")
            }
            #expect(error.code == .unavailable)
        }
    }

    @Test("prove who the client is by a certificate of an authority that the server trusts")
    func clientCertificate() async throws {
        try await Self.serve(askingFor: "ca") { rig, _, certificates in
            let known = try await Self.call(rig.address, certificates.files("ann", trusting: "ca"), Self.whoAmI)
            #expect(known == .success("spiffe://test/ann ann.example 32"))
            let nobody = try await Self.call(rig.address, Self.authority(certificates), Self.whoAmI)
            #expect(nobody == .success("nobody"))
            let stranger = try await Self.call(rig.address, certificates.files("eve", trusting: "ca"), Self.whoAmI)
            guard case .failure(let error) = stranger else { return #expect(Bool(false), "a stranger's certificate was taken") }
            #expect(error.code == .unavailable)
            // A certificate for servers does not make a client.
            let server = try await Self.call(rig.address, certificates.files("server", trusting: "ca"), Self.whoAmI)
            #expect((try? server.get()) == nil)
        }
    }

    @Test("go on while the certificate is exchanged, and no call is lost")
    func reload() async throws {
        try await Self.serve { rig, tls, certificates in
            let channel = try Self.channel(rig.address, Self.authority(certificates))
            let expiry = tls.expiresAt
            try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<50 {
                            let _: BytesMessage = try await channel.unary(
                                BytesMessage("x"), method: TestService.echo, options: CallOptions(timeout: .seconds(20)))
                        }
                    }
                }
                for round in 0..<5 {
                    try tls.replace(certificates.files(round % 2 == 0 ? "successor" : "server"))
                    #expect(try await Self.call(rig.address, Self.authority(certificates)) == .success("hello"))
                }
                try await group.waitForAll()
            }
            #expect(rig.server.statistics.connections == 6 && tls.expiresAt >= expiry)
            await channel.shutDown()
        }
    }

    @Test("begin quickly although many others have begun and say nothing")
    func halfOpen() async throws {
        try await Self.serve(configure: { $0.handshakesMax = 50 }) { rig, _, certificates in
            let silent = try await (0..<200).concurrentMap { _ in try await SilentConnection(rig.address) }
            let begun = ContinuousClock.now
            #expect(try await Self.call(rig.address, Self.authority(certificates)) == .success("hello"))
            #expect(ContinuousClock.now - begun < .seconds(5))
            #expect(rig.server.statistics.handshakesNow <= 50)
            for connection in silent { connection.close() }
        }
    }

    @Test("are given up when the client does not get on")
    func timeout() async throws {
        try await Self.serve(configure: { $0.handshakeTimeout = .milliseconds(50) }) { rig, _, _ in
            let silent = try await SilentConnection(rig.address)
            await silent.closed()
            #expect(rig.server.statistics.failedHandshakes == 1)
        }
    }

    @Test(
        "are refused to files that are wrong, which are named",
        arguments: [
            (TLSFiles.Part.certificate, "absent", "server", 0o600), (.key, "server", "absent", 0o600), (.key, "server", "ca", 0o600),
            (.certificate, "junk", "server", 0o600), (.key, "server", "junk", 0o600), (.key, "server", "open", 0o604),
            (.key, "server", "open", 0o660),
        ])
    func files(_ part: TLSFiles.Part, _ certificate: String, _ key: String, _ mode: Int) async throws {
        let certificates = try await Certificates.shared.value
        let folder = certificates.folder.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["server.pem", "server.key", "ca.key"] {
            try FileManager.default.copyItem(atPath: certificates.path(name), toPath: folder.appending(path: name).path)
        }
        for name in ["junk.pem", "junk.key"] { try Data("junk".utf8).write(to: folder.appending(path: name)) }
        try FileManager.default.copyItem(atPath: certificates.path("server.key"), toPath: folder.appending(path: "open.key").path)
        for name in ["junk.key", "open.key"] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.appending(path: name).path)
        }
        let copies = Certificates(folder: folder)
        let error = #expect(throws: TLSFileError.self) {
            _ = try ServerTLS(TLSFiles(certificate: copies.path("\(certificate).pem"), key: copies.path("\(key).key")))
        }
        #expect(error?.part == part)
    }
}
