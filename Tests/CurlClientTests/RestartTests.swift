import Synchronization
import Testing

@testable import CurlClient

/// Breaks off so many times once it has a transfer.
private final class BreakingMulti: MultiHandle, @unchecked Sendable {
    private let failuresLeft: Atomic<Int>
    private let hasTransfer = Atomic(false)

    init(_ configuration: HTTPClientConfiguration, failures: Int) throws(HTTPClientError) {
        self.failuresLeft = Atomic(failures)
        try super.init(configuration: configuration)
    }

    override func add(_ transfer: Transfer) throws(Failure) {
        try super.add(transfer)
        self.hasTransfer.store(true, ordering: .relaxed)
    }

    override func poll(timeout: Duration) throws(Failure) {
        if self.hasTransfer.load(ordering: .relaxed), self.failuresLeft.load(ordering: .relaxed) > 0 {
            self.failuresLeft.subtract(1, ordering: .relaxed)
            throw Failure(message: "broken by the test")
        }
        try super.poll(timeout: timeout)
    }
}

@Suite("When libcurl breaks off")
struct RestartTests {
    /// What a client with one place answers to so many requests at once, and then to one more.
    ///
    /// - Parameter failures: of each handle in the order of their making; nil: it cannot be made. Those after are sound.
    private func failures(of count: Int, _ failures: [Int?]) async throws -> (first: [HTTPClientError?], later: HTTPClientError?) {
        var configuration = HTTPClientConfiguration()
        (configuration.schemes, configuration.activeRequestsMax) = (.httpsOrLoopbackHTTP, 1)
        let made = Mutex(0)
        let client = try HTTPClient(configuration) { configuration throws(HTTPClientError) in
            let number = made.withLock { made in
                made += 1
                return made - 1
            }
            guard let failures = number < failures.count ? failures[number] : 0 else {
                throw HTTPClientError(.internalFailure, mayHaveBeenSent: false, "none")
            }
            return try BreakingMulti(configuration, failures: failures)
        }
        defer { client.shutdown() }
        return try await ScriptedServer.run({ connection in
            while connection.readRequest() != nil { connection.respond(body: "hello") }
        }) { server in
            let first = await withTaskGroup(of: HTTPClientError?.self) { group in
                for _ in 0..<count { group.addTask { await Self.failure(of: client, server) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            return (first, await Self.failure(of: client, server))
        }
    }

    private static func failure(of client: HTTPClient, _ server: ScriptedServer) async -> HTTPClientError? {
        do throws(HTTPClientError) {
            _ = try await client.execute(.get(server.url))
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "what is under way fails and says why; what waits, and what comes later, goes through a new handle, or through the old one",
        arguments: [[1], [1, nil]])
    func restart(handles: [Int?]) async throws {
        let (first, later) = try await self.failures(of: 3, handles)
        let failed = first.compactMap(\.self)
        #expect(failed.map(\.code) == [.internalFailure] && failed.first?.message == "libcurl broke off: broken by the test")
        #expect(later == nil)
    }

    @Test("one that breaks off each time answers every request, and can be shut down")
    func always() async throws {
        let (first, later) = try await self.failures(of: 2, Array(repeating: .max, count: 100))
        #expect(first.allSatisfy { $0?.code == .internalFailure } && later?.code == .internalFailure)
    }
}
