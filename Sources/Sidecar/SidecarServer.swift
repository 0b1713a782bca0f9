package import Hummingbird
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// The sidecar on a socket. `run` returns after a graceful shutdown, when every request has been answered.
package struct SidecarServer: Service {
    private let routes: SidecarRoutes
    private let address: BindAddress
    private let unreadTime: Duration
    private let unaskedTime: Duration
    private let logger: Logger
    private let onListening: @Sendable (SocketAddressText) -> Void

    /// How long a connection may ask for nothing, or not go on with what it has begun to ask: longer than a scraper takes to come again.
    private static let unaskedTime: Duration = .seconds(75)
    /// Connections at one time, and as many descriptors: pages, scrapers and probes. The next wait until one is over.
    private static let connectionsMax = 1024

    /// - Parameters:
    ///   - unreadTime: how long a client may take nothing of what waits for it; nil: as long as is usual.
    ///   - unaskedTime: how long a client may ask for nothing; nil: as long as is usual.
    ///   - onListening: told the real address once requests are taken, with the port that was picked for 0.
    package init(
        routes: SidecarRoutes, address: BindAddress, unreadTime: Duration? = nil, unaskedTime: Duration? = nil, logger: Logger,
        onListening: @escaping @Sendable (SocketAddressText) -> Void
    ) {
        self.routes = routes
        self.address = address
        self.unreadTime = unreadTime ?? SlowReaderHandler.unreadTime
        self.unaskedTime = unaskedTime ?? Self.unaskedTime
        self.logger = logger
        self.onListening = onListening
    }

    package func run() async throws {
        let application = Application(
            router: self.routes.router(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [
                        SlowReaderHandler(unreadTime: self.unreadTime, onClose: self.routes.metrics.countSlowReader)
                    ], idleTimeout: TimeAmount(self.unaskedTime))),
            configuration: ApplicationConfiguration(
                address: self.address, serverName: "novitai-sidecar",
                availableConnectionsDelegate: .maximum(Self.connectionsMax, logger: self.logger)),
            onServerRunning: { channel in self.onListening(SocketAddressText(channel.localAddress)) }, logger: self.logger)
        try await application.run()
    }
}

/// A bound address for people and for port files.
package struct SocketAddressText: Sendable {
    /// `127.0.0.1:8080` or `unix:PATH`.
    package let text: String
    /// The port, or the socket's path.
    package let port: String

    init(_ address: SocketAddress?) {
        if let port = address?.port {
            self.text = "\(address?.ipAddress ?? ""):\(port)"
            self.port = String(port)
        } else {
            self.text = "unix:\(address?.pathname ?? "")"
            self.port = address?.pathname ?? ""
        }
    }
}
