import ArgumentParser
import HTTP2Session
import RPCCore
import RPCTransport
import TestProto

/// Serves `grpc.testing.TestService` for the interoperability clients of other implementations. A program of the tests.
@main
struct InteropServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "InteropServer", abstract: "A server for gRPC's interoperability clients.")

    @Option(help: "Where to listen.") var listen = "127.0.0.1:0"
    @Option(help: ArgumentHelp("The certificate of its TLS, in PEM.", valueName: "file")) var certificate: String?
    @Option(help: ArgumentHelp("The key of the certificate.", valueName: "file")) var key: String?

    func run() async throws {
        FreedMemory.keep(loops: nil)
        guard let address = RPCAddress(self.listen) else { throw ValidationError("--listen is HOST:PORT or unix:PATH") }
        var router = Router()
        let load = LoadReports()
        InteropService(load: load).register(in: &router)
        LoadService(load: load).register(in: &router)
        var configuration = RPCServerConfiguration(address: address)
        // What most servers allow, and what the cases with many large requests at once reckon with: the rest waits at the client.
        configuration.session.maxConcurrentStreams = 100
        if let limit = DescriptorLimit.raise() { configuration.connections.fit(descriptors: limit) }
        if self.certificate != nil || self.key != nil {
            configuration.tls = try ServerTLS(TLSFiles(certificate: self.certificate, key: self.key))
        }
        let server = RPCServer(router: router, configuration: configuration)
        try await server.start()
        // The first line, for whoever started this program.
        print(server.boundAddress?.description ?? "")
        flushStandardOutput()
        try await server.run()
    }
}
