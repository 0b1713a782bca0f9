import ArgumentParser
import NovitaiProto
import RPCCore
import RPCTransport
import Settings

/// A container's health check: the image needs no shell and no other program for it.
struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the server of this machine for its health, as an orchestrator does.",
        discussion: """
            Finds the server by RPC_LISTEN and ends with status 0 when it serves, with 1 and the reason when it does not. It needs no token,
            since the health check is open to everybody, and no key of the provider.
            """)

    /// Less than the shortest time that our container files give a probe, so that the reason is still printed.
    private static let timeout: Duration = .seconds(4)

    @OptionGroup var arguments: SettingsArguments

    func run() async throws {
        let settings: ServerSettings
        do throws(SettingsError) {
            settings = try self.arguments.readToFindServer()
        } catch {
            throw ExitStatus.configuration(error)
        }
        var configuration = HTTP2ChannelConfiguration(address: RPCAddress(settings.listen.asTarget))
        if settings.tls != nil { configuration.tls = try ClientTLS.withoutVerification() }
        let channel = HTTP2Channel(configuration: configuration)
        let outcome = await Self.status(channel)
        await channel.shutDown()
        switch outcome {
        case .success(.serving): print("serving")
        case .success(let status): throw ExitStatus.failed("not serving: \(status)")
        case .failure(let error): throw ExitStatus.failed("\(settings.listen): \(error.code): \(error.message)")
        }
    }

    private static func status(_ channel: HTTP2Channel) async -> Result<GrpcHealthV1.HealthCheckResponse.ServingStatus, RPCError> {
        do throws(RPCError) {
            let client = GrpcHealthV1.HealthClient(channel)
            return .success(try await client.check(GrpcHealthV1.HealthCheckRequest(), options: CallOptions(timeout: self.timeout)).status)
        } catch {
            return .failure(error)
        }
    }
}
