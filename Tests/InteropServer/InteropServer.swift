import ArgumentParser
import RPCCore
import RPCTransport
import TestProto

/// Serves `grpc.testing.TestService` for the interoperability clients of other implementations. A program of the tests.
@main
struct InteropServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "InteropServer", abstract: "A server for gRPC's interoperability clients.")

    @Option(help: "Where to listen.") var listen = "127.0.0.1:0"

    func run() async throws {
        FreedMemory.keep(loops: nil)
        guard let address = RPCAddress(self.listen) else { throw ValidationError("--listen is HOST:PORT or unix:PATH") }
        var router = Router()
        let load = LoadReports()
        InteropService(load: load).register(in: &router)
        LoadService(load: load).register(in: &router)
        var configuration = RPCServerConfiguration(address: address)
        if let limit = DescriptorLimit.raise() { configuration.connections.fit(descriptors: limit) }
        let server = RPCServer(router: router, configuration: configuration)
        try await server.start()
        // The first line, for whoever started this program.
        print(server.boundAddress?.description ?? "")
        flushStandardOutput()
        try await server.run()
    }
}
