import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc

/// Prints the port, for whoever started this program, and serves until the process ends.
///
/// - Parameter certificate: the PEM files of a certificate and of its key; without TLS if there are none.
func serve(certificate: [String]) async throws {
    let transport = HTTP2ServerTransport.Posix(
        address: .ipv4(host: "127.0.0.1", port: 0), transportSecurity: security(certificate),
        config: .defaults { config in config.compression.enabledAlgorithms = [.gzip] })
    let loads = LoadReports()
    let server = GRPCServer(transport: transport, services: [InteropService(loads: loads), LoadService(loads: loads)])
    async let serving: Void = server.serve()
    guard let port = try await transport.listeningAddress.ipv4?.port else { throw Mismatch("no port") }
    print(port)
    // Standard output is buffered when it is a pipe.
    fflush(nil)
    try await serving
}

private func security(_ certificate: [String]) -> HTTP2ServerTransport.Posix.TransportSecurity {
    guard certificate.count == 2 else { return .plaintext }
    return .tls(certificateChain: [.file(path: certificate[0], format: .pem)], privateKey: .file(path: certificate[1], format: .pem))
}
