import TestSupport
import Testing

@testable import CurlClient

@Suite("TLS and HTTP/2")
struct TLSTests {
    /// A client that trusts the server's certificate, or the system's authorities.
    ///
    /// - Returns: how many requests the server has seen.
    private func withServer(
        name: String = "IP:127.0.0.1", trusted: Bool = true, _ mode: TLSServer.Mode, _ body: (HTTPClient, String) async throws -> Void
    ) async throws -> Int {
        try await TLSServer.run(name: name, mode) { port, certificate in
            try await withClient({ if trusted { $0.certificateAuthorityFile = certificate } }) {
                try await body($0, "https://127.0.0.1:\(port)/")
            }
        }
    }

    @Test(
        "a peer that cannot prove who it is gets nothing",
        arguments: [("IP:127.0.0.1", false), ("DNS:other.example", true)])
    func untrusted(name: String, trusted: Bool) async throws {
        let requests = try await withServer(name: name, trusted: trusted, .http1) { client, url in
            let error = try await client.failure(.post(url, .once))
            #expect(error.code == .tlsFailed)
            #expect(!error.mayHaveBeenSent)
        }
        #expect(requests == 0)
    }

    @Test("HTTP/1.1 is spoken where the server knows nothing newer")
    func http1() async throws {
        let requests = try await withServer(.http1) { client, url in
            let response = try await client.execute(.get(url))
            #expect(response.status == 200)
            #expect(!response.usedHTTP2)
        }
        #expect(requests == 1)
    }

    @Test("requests at the same time share one HTTP/2 connection")
    func http2() async throws {
        let requests = try await withServer(.http2) { client, url in
            let newConnections = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let response = try await client.execute(.get(url))
                        #expect(response.status == 200)
                        #expect(response.usedHTTP2)
                        return response.usedNewConnection
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(newConnections == 1)
        }
        #expect(requests == 20)
    }

    @Test(
        "a refused HTTP/2 stream is not tried again when the request may be sent only once",
        arguments: [HTTPRequest.Delivery.once, .onceOnFreshConnection])
    func refusedStream(delivery: HTTPRequest.Delivery) async throws {
        let requests = try await withServer(.http2Refuse) { client, url in
            let error = try await client.failure(.post(url, delivery))
            #expect(error.mayHaveBeenSent)
        }
        #expect(requests == 1)
    }

    @Test("a refused HTTP/2 stream is tried again, a bounded number of times, when the request is repeatable")
    func refusedStreamRepeatable() async throws {
        let requests = try await withServer(.http2Refuse) { client, url in
            _ = try await client.failure(.get(url))
        }
        #expect((2...10).contains(requests))
    }
}
