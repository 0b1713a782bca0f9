import ArgumentParser
import Glibc
import RPCCore
import RPCTransport

/// Calls a server of another implementation, one case after the other. A program of the tests; its options are those of gRPC's own clients.
@main
struct InteropClient: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "InteropClient", abstract: "gRPC's interoperability cases, as a client.")

    @Option(name: .customLong("server_host")) var host = "127.0.0.1"
    @Option(name: .customLong("server_port")) var port: Int
    @Option(name: .customLong("use_tls"), help: "true or false.") var usesTLS = false
    @Option(name: .customLong("ca_file"), help: "Who may sign the server's certificate, in PEM; the system's authorities without it.")
    var authorities: String?
    @Option(name: .customLong("server_host_override"), help: "The name that the server's certificate must have.") var serverName: String?
    @Option(name: .customLong("test_case"), help: "Names of cases, with commas between them.") var cases: String
    @Option(name: .customLong("concurrent_calls")) var concurrentCalls = 1000
    @Option(name: .customLong("soak_iterations")) var soakIterations = 20
    @Option(name: .customLong("soak_per_iteration_max_acceptable_latency_ms")) var soakLatency = 5000

    private func configuration() throws -> HTTP2ChannelConfiguration {
        var configuration = HTTP2ChannelConfiguration(address: .host(self.host, port: self.port))
        if self.usesTLS { configuration.tls = try ClientTLS(TLSFiles(authorities: self.authorities)) }
        configuration.authority = self.serverName
        configuration.keepalive.interval = .seconds(30)
        return configuration
    }

    func run() async throws {
        let configuration = try self.configuration()
        var hasFailed = false
        for name in self.cases.split(separator: ",") {
            guard let body = InteropCases.all[String(name)] else { throw ValidationError("unknown case \(name)") }
            let channel = HTTP2Channel(configuration: configuration)
            let cases = InteropCases(
                channel: channel, configuration: configuration, concurrentCalls: self.concurrentCalls,
                soakIterations: self.soakIterations, soakLatency: .milliseconds(self.soakLatency))
            do {
                try await body(cases)
                print("OK: \(name)")
            } catch {
                hasFailed = true
                print("FAILED: \(name): \(error)")
            }
            // Standard output is buffered when it is a pipe.
            fflush(nil)
            await channel.shutDown()
        }
        if hasFailed { throw ExitCode.failure }
    }
}
