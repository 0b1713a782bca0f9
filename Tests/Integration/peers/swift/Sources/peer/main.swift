// A peer of the interoperability tests, made with grpc-swift 2: `peer client PORT CASE,CASE…` prints a verdict for each case.

import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc

guard CommandLine.arguments.count == 4, CommandLine.arguments[1] == "client", let port = Int(CommandLine.arguments[2]) else {
    print("usage: peer client PORT CASE,CASE...")
    exit(2)
}
var failed = false
for name in CommandLine.arguments[3].split(separator: ",").map(String.init) {
    do {
        guard let body = cases[name] else { throw Mismatch("unknown case") }
        try await withConnection(port: port) { client in try await body(client) }
        print("OK: \(name)")
    } catch {
        failed = true
        print("FAILED: \(name): \(String(describing: error).replacing("\n", with: " "))")
    }
}
exit(failed ? 1 : 0)

/// A client with a connection of its own.
func withConnection(port: Int, _ body: @Sendable (InteropClient) async throws -> Void) async throws {
    let transport = try HTTP2ClientTransport.Posix(
        target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext,
        config: .defaults { config in config.compression.enabledAlgorithms = [.gzip] })
    try await withGRPCClient(transport: transport) { client in try await body(InteropClient(client: client, port: port)) }
}
