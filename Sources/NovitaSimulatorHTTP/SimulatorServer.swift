internal import Hummingbird
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// The simulator on a socket. `run` returns after a graceful shutdown, when every call has been answered.
package struct SimulatorServer: Service {
    /// What lies below is the controls'; everything else is the API's, also what the API does not have.
    private static let controlPrefix = "/_sim/"

    private let host: SimulatorHost
    private let address: SimulatorAddress
    private let style: WireStyle
    private let key: String?
    private let logger: Logger
    private let onListening: @Sendable (SimulatorAddress) -> Void

    /// - Parameters:
    ///   - key: the only good API key; nil takes any.
    ///   - onListening: told the real address once calls are taken, with the port that was picked for 0.
    package init(
        host: SimulatorHost, address: SimulatorAddress, style: WireStyle = WireStyle(), key: String? = nil, logger: Logger,
        onListening: @escaping @Sendable (SimulatorAddress) -> Void
    ) {
        self.host = host
        self.address = address
        self.style = style
        self.key = key
        self.logger = logger
        self.onListening = onListening
    }

    package func run() async throws {
        let api = APIResponder(host: self.host, style: self.style, key: self.key)
        let controls = ControlResponder(host: self.host).makeRouter().buildResponder()
        let responder = CallbackResponder { (request: Request, context: SimulatorContext) in
            if request.uri.path.hasPrefix(Self.controlPrefix) {
                try await controls.respond(to: request, context: context)
            } else {
                try await api.respond(to: request, context: context)
            }
        }
        let application = Application(
            responder: responder, configuration: ApplicationConfiguration(address: self.bindAddress),
            onServerRunning: { channel in self.onListening(self.boundAddress(of: channel)) }, logger: self.logger)
        try await application.run()
    }

    private var bindAddress: BindAddress {
        switch self.address {
        case .tcp(let host, let port): .hostname(host, port: port)
        case .unix(let path): .unixDomainSocket(path: path)
        }
    }

    private func boundAddress(of channel: any Channel) -> SimulatorAddress {
        guard case .tcp(let host, _) = self.address, let port = channel.localAddress?.port else { return self.address }
        return .tcp(host: host, port: port)
    }
}
