internal import NIOCore
internal import NIOPosix

/// Asks a sidecar of this machine for one page, as its container's health check: the image needs no HTTP client for it.
package struct SidecarProbe: Sendable {
    package enum Address: Sendable, Hashable {
        case host(String, port: Int)
        case unix(path: String)
    }

    package enum Failure: Error, Sendable, Hashable {
        case timedOut
        /// Something answered that is no HTTP server.
        case notHTTP
    }

    /// `HTTP/1.1 200`
    private static let statusLineBytes = 12

    private let address: Address
    private let timeout: Duration

    package init(address: Address, timeout: Duration) {
        self.address = address
        self.timeout = timeout
    }

    /// The status code of a GET of `path`.
    package func status(of path: String) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await self.get(path) }
            group.addTask {
                try await Task.sleep(for: self.timeout)
                throw Failure.timedOut
            }
            guard let status = try await group.next() else { throw Failure.timedOut }
            return status
        }
    }

    private func get(_ path: String) async throws -> Int {
        try await self.connect().executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
            var reply = ByteBuffer()
            for try await part in inbound {
                reply.writeImmutableBuffer(part)
                if reply.readableBytes >= Self.statusLineBytes { break }
            }
            return try Self.statusCode(String(buffer: reply))
        }
    }

    private func connect() async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        let initialize = { @Sendable (channel: any Channel) in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        switch self.address {
        case .host(let host, let port): return try await bootstrap.connect(host: host, port: port, channelInitializer: initialize)
        case .unix(let path): return try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: initialize)
        }
    }

    static func statusCode(_ reply: String) throws -> Int {
        let words = reply.prefix(self.statusLineBytes).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, words[0].hasPrefix("HTTP/1."), let code = Int(words[1]), (100...599).contains(code) else {
            throw Failure.notHTTP
        }
        return code
    }
}
