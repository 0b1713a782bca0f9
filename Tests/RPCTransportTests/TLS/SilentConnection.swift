import NIOCore
import NIOPosix
import RPCTransport

/// Connects and says nothing.
struct SilentConnection: Sendable {
    private let channel: any Channel

    init(_ address: RPCAddress) async throws {
        guard case .host(let host, let port) = address else { throw ChannelError.operationUnsupported }
        self.channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup).connect(host: host, port: port).get()
    }

    func close() { self.channel.close(promise: nil) }

    /// Returns when the server has closed it.
    func closed() async { try? await self.channel.closeFuture.get() }
}

extension Sequence where Element: Sendable {
    /// All at once; in the sequence's order.
    func concurrentMap<Result: Sendable>(_ body: @Sendable @escaping (Element) async throws -> Result) async throws -> [Result] {
        try await withThrowingTaskGroup { group in
            for (index, element) in self.enumerated() { group.addTask { (index, try await body(element)) } }
            var results: [(Int, Result)] = []
            for try await result in group { results.append(result) }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
