// A peer of the interoperability tests, made with grpc-swift 2: `peer client PORT CASE,CASE…` prints a verdict for each case, and
// `peer server [CERTIFICATE KEY]` prints its port and serves, over TLS if it has a certificate, until it is killed.

import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.first == "client", arguments.count == 3, let port = Int(arguments[1]) {
    exit(await hasPassed(arguments[2].split(separator: ",").map(String.init), port: port) ? 0 : 1)
}
if arguments.first == "server", arguments.count == 1 || arguments.count == 3 {
    try await serve(certificate: Array(arguments.dropFirst()))
    exit(0)
}
print("usage: peer client PORT CASE,CASE... | peer server [CERTIFICATE KEY]")
exit(2)

func hasPassed(_ names: [String], port: Int) async -> Bool {
    var hasPassed = true
    for name in names {
        do {
            guard let body = cases[name] else { throw Mismatch("unknown case") }
            try await withConnection(port: port) { client in try await body(client) }
            print("OK: \(name)")
        } catch {
            hasPassed = false
            print("FAILED: \(name): \(String(describing: error).replacing("\n", with: " "))")
        }
    }
    return hasPassed
}

/// A client with a connection of its own.
func withConnection(port: Int, _ body: @Sendable (InteropClient) async throws -> Void) async throws {
    let transport = try HTTP2ClientTransport.Posix(
        target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext,
        config: .defaults { config in config.compression.enabledAlgorithms = [.gzip] })
    try await withGRPCClient(transport: transport) { client in try await body(InteropClient(client: client, port: port)) }
}
