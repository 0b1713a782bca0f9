import NIOCore
import NIOPosix
import NovitaSimulatorHTTP

/// An answer, byte for byte as it came, taken apart.
struct RawResponse {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: String

    /// Nil when the connection ended without a byte.
    init?(_ text: String) throws {
        guard !text.isEmpty else { return nil }
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = parts[0].split(separator: "\r\n")
        guard parts.count == 2, let code = lines.first?.split(separator: " ").dropFirst().first, let status = Int(code) else {
            throw Malformed(text: text)
        }
        self.status = status
        self.headers = Dictionary(
            lines.dropFirst().map { line in
                let colon = line.firstIndex(of: ":") ?? line.endIndex
                return (line[..<colon].lowercased(), String(line[colon...].dropFirst().drop { $0 == " " }))
            }, uniquingKeysWith: { first, _ in first })
        self.body = String(parts[1])
    }

    struct Malformed: Error {
        var text: String
    }

    var json: JSONValue? { JSONValue(parsing: self.body.utf8) }
}

/// A client that sends one request on a connection of its own and reads until the end: nothing is repeated behind the test's back.
struct RawClient: Sendable {
    /// No answer in the tests is larger (bytes).
    private static let responseSizeMax = 1 << 24

    var address: SimulatorAddress
    var authorization: String? = "Bearer test-key"

    func send(_ method: String, _ path: String, body: String = "", headers: [String] = []) async throws -> RawResponse? {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: localhost", "Connection: close", "Content-Length: \(body.utf8.count)"] + headers
        if let authorization { lines.append("Authorization: \(authorization)") }
        return try RawResponse(await self.exchange(lines.joined(separator: "\r\n") + "\r\n\r\n" + body))
    }

    private func exchange(_ text: String) async throws -> String {
        let channel = try await self.connect()
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            var answer = ByteBuffer()
            for try await part in inbound {
                answer.writeImmutableBuffer(part)
                guard answer.readableBytes <= Self.responseSizeMax else { throw RawResponse.Malformed(text: "too long") }
            }
            return String(buffer: answer)
        }
    }

    private func connect() async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: false)
        switch self.address {
        case .tcp(let host, let port):
            return try await bootstrap.connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
            }
        case .unix(let path):
            return try await bootstrap.connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
            }
        }
    }
}
