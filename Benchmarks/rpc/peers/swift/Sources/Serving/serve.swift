// How the Swift peers listen.

public import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOPosix

/// Of one connection, as novitaid allows.
private let maximumConcurrentStreams = 1000
/// A server of the benchmarks has one core: a second thread only adds changes between them.
private let eventLoops = 1

/// Serves until the process ends; with `certificate`, the PEM files of a certificate and its key, it serves TLS.
public func serve(_ service: any RegistrableRPCService, port: Int, certificate: [String]) async throws {
    var security = HTTP2ServerTransport.Posix.TransportSecurity.plaintext
    if certificate.count == 2 {
        security = .tls(
            certificateChain: [.file(path: certificate[0], format: .pem)], privateKey: .file(path: certificate[1], format: .pem))
    }
    let transport = HTTP2ServerTransport.Posix(
        address: .ipv4(host: "127.0.0.1", port: port),
        transportSecurity: security,
        config: .defaults { config in
            config.http2.maxConcurrentStreams = maximumConcurrentStreams
            config.compression.enabledAlgorithms = [.gzip]
        },
        eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: eventLoops))
    try await GRPCServer(transport: transport, services: [service]).serve()
}
