import Foundation
import Synchronization
import Testing

@testable import CurlClient

/// A client that may talk to the servers of these tests.
func withClient<Result>(
    _ change: (inout HTTPClientConfiguration) -> Void = { _ in }, _ body: (HTTPClient) async throws -> Result
) async throws -> Result {
    var configuration = HTTPClientConfiguration()
    configuration.schemes = .httpsOrLoopbackHTTP
    change(&configuration)
    let client = try HTTPClient(configuration)
    defer { client.shutdown() }
    return try await body(client)
}

extension HTTPRequest {
    static func get(_ url: String, within limit: Duration = .seconds(10), headers: [HTTPHeader] = []) -> HTTPRequest {
        HTTPRequest(method: .get, url: url, headers: headers, timeout: limit, delivery: .repeatable, responseBytesMax: 64 * 1024)
    }

    static func post(_ url: String, _ delivery: Delivery, body: String = "{}", within limit: Duration = .seconds(10)) -> HTTPRequest {
        HTTPRequest(
            method: .post, url: url, headers: [HTTPHeader("Content-Type", "application/json")], body: Array(body.utf8),
            timeout: limit, delivery: delivery, responseBytesMax: 64 * 1024)
    }
}

extension HTTPClient {
    struct UnexpectedResponse: Error {
        let status: Int
    }

    /// The error that the request ends in; a response fails the test.
    func failure(_ request: HTTPRequest) async throws -> HTTPClientError {
        let status: Int
        do throws(HTTPClientError) {
            status = try await execute(request).status
        } catch {
            return error
        }
        throw UnexpectedResponse(status: status)
    }
}

@Suite("Requests and responses")
struct ExchangeTests {
    @Test("a GET carries its headers and nothing that was not asked for")
    func get() async throws {
        try await ScriptedServer.run({ connection in
            connection.readRequest()
            connection.respond(headers: ["X-Reply: a  ", "x-empty:"], body: "hello")
        }) { server in
            let response = try await withClient {
                try await $0.execute(.get(server.url + "/path?a=b%20c", headers: [HTTPHeader("X-Ask", "v"), HTTPHeader("X-Empty", "")]))
            }
            #expect(response.status == 200)
            #expect(response.body == Array("hello".utf8))
            #expect(response.header("x-REPLY") == "a")
            #expect(response.header("X-Empty") == "")
            let lines = server.requests[0].components(separatedBy: "\r\n")
            #expect(lines[0] == "GET /path?a=b%20c HTTP/1.1")
            #expect(
                Set(lines.dropFirst()) == [
                    "Host: 127.0.0.1:\(server.port)", "User-Agent: novitai", "Accept: */*", "X-Ask: v", "X-Empty:", "",
                ])
        }
    }

    @Test("a POST carries its body whole, zero bytes and all", arguments: ["", "{}", "a\0b", String(repeating: "x", count: 1_100_000)])
    func post(body: String) async throws {
        try await ScriptedServer.run({ connection in
            connection.readRequest()
            connection.respond("204 No Content")
        }) { server in
            let response = try await withClient { try await $0.execute(.post(server.url, .once, body: body)) }
            #expect(response.status == 204)
            let request = server.requests[0]
            #expect(request.hasPrefix("POST / HTTP/1.1\r\n"))
            #expect(request.hasSuffix("\r\n\r\n" + body))
            #expect(!request.contains("Expect:"))
        }
    }

    @Test("any status is a response", arguments: [201, 302, 400, 404, 429, 500, 503])
    func status(_ status: Int) async throws {
        try await ScriptedServer.run({ connection in
            connection.readRequest()
            connection.respond("\(status) Word", body: "text")
        }) { server in
            let response = try await withClient { try await $0.execute(.get(server.url)) }
            #expect(response.status == status)
            #expect(response.body == Array("text".utf8))
        }
    }

    @Test("informational responses leave no trace in the final one")
    func informational() async throws {
        try await ScriptedServer.run({ connection in
            connection.readRequest()
            connection.write("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n")
            connection.respond(headers: ["X-Late: 1"])
        }) { server in
            let response = try await withClient { try await $0.execute(.get(server.url)) }
            #expect(response.status == 200)
            #expect(response.header("X-Early") == nil)
            #expect(response.header("X-Late") == "1")
        }
    }

    @Test("a redirect is returned and not followed")
    func redirect() async throws {
        try await ScriptedServer.run({ $0.waitForClose() }) { target in
            try await ScriptedServer.run({ connection in
                connection.readRequest()
                connection.respond("302 Found", headers: ["Location: \(target.url)/secret"])
            }) { server in
                let response = try await withClient { try await $0.execute(.get(server.url)) }
                #expect(response.status == 302)
                #expect(response.header("location") == "\(target.url)/secret")
            }
            #expect(target.connectionCount == 0)
        }
    }

    @Test("cookies are not kept")
    func cookies() async throws {
        try await ScriptedServer.run({ connection in
            while connection.readRequest() != nil { connection.respond(headers: ["Set-Cookie: session=1; Path=/"]) }
        }) { server in
            try await withClient { client in
                for _ in 0..<2 { _ = try await client.execute(.get(server.url)) }
            }
            #expect(server.requests.count == 2)
            #expect(!server.requests.contains { $0.contains("session=1") })
        }
    }

    @Test("a proxy named by the environment is ignored")
    func proxy() async throws {
        unsafe setenv("http_proxy", "http://127.0.0.1:1", 1)
        unsafe setenv("ALL_PROXY", "http://127.0.0.1:1", 1)
        defer {
            unsafe unsetenv("http_proxy")
            unsafe unsetenv("ALL_PROXY")
        }
        try await ScriptedServer.run({ connection in
            connection.readRequest()
            connection.respond()
        }) { server in
            let response = try await withClient { try await $0.execute(.get(server.url)) }
            #expect(response.status == 200)
        }
    }

    @Test("200 requests at once are all answered, each with its own response, over at most 32 connections")
    func concurrent() async throws {
        try await ScriptedServer.run({ connection in
            while let request = connection.readRequest() {
                connection.respond(body: String(request.split(separator: " ")[1]))
            }
        }) { server in
            let answers = try await withClient { client in
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            try await client.execute(.get("\(server.url)/\(number)")).body == Array("/\(number)".utf8)
                        }
                    }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
            }
            #expect(answers == 200)
            #expect(server.connectionCount <= 32)
        }
    }
}

@Suite("Requests that are refused before anything is sent")
struct RefusalTests {
    @Test(
        "unacceptable URLs",
        arguments: [
            "", "127.0.0.1", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "ldap://127.0.0.1/", "http://example.com/",
            "http://10.0.0.1/", "http://127.example.com/", "http://1270.0.0.1/", "http://a@127.0.0.1/", "http://a:b@127.0.0.1/",
            "https://a@b/", "http://127.0.0.1@example.com/", "http://example.com#@127.0.0.1/", "http://127.0.0.1\\@example.com/",
            "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://127.0.0.1/\0", "http://127.0.0.1:99999/", "http://[::2]/",
            "https://é.example/",
        ])
    func url(_ url: String) async throws {
        let error = try await withClient { try await $0.failure(.get(url)) }
        #expect(error.code == .invalidRequest)
        #expect(!error.mayHaveBeenSent)
    }

    @Test("http is refused altogether unless the configuration allows it, loopback or not")
    func httpsOnly() async throws {
        try await ScriptedServer.run({ $0.waitForClose() }) { server in
            let error = try await withClient({ $0.schemes = .httpsOnly }) { try await $0.failure(.get(server.url)) }
            #expect(error.code == .invalidRequest)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("loopback has many spellings", arguments: ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "LOCALHOST"])
    func loopback(_ host: String) async throws {
        try await ScriptedServer.run({ connection in
            connection.readRequest()
            connection.respond()
        }) { server in
            let response = try await withClient { try await $0.execute(.get("http://\(host):\(server.port)/")) }
            #expect(response.status == 200)
        }
    }

    @Test(
        "headers that could become other headers",
        arguments: [("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\0b"), ("X", "é"), ("X\r\nY", "a"), ("X: Y", "a"), ("X Y", "a"), ("", "a")])
    func header(name: String, value: String) async throws {
        try await ScriptedServer.run({ $0.waitForClose() }) { server in
            let error = try await withClient { try await $0.failure(.get(server.url, headers: [HTTPHeader(name, value)])) }
            #expect(error.code == .invalidRequest)
            #expect(!error.mayHaveBeenSent)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("a request and its headers do not print their content")
    func redaction() {
        let request = HTTPRequest.get("https://host/?secret-query", headers: [HTTPHeader("Authorization", "secret-key")])
        var dumped = ""
        dump(request, to: &dumped)
        for text in ["\(request)", String(reflecting: request), "\(request.headers)", dumped] {
            #expect(!text.contains("secret"))
        }
    }
}

@Suite("Servers that misbehave")
struct MisbehaviourTests {
    private func failure(
        within limit: Duration = .seconds(10), _ change: (inout HTTPClientConfiguration) -> Void = { _ in },
        _ script: @escaping ScriptedServer.Script
    ) async throws -> HTTPClientError {
        try await ScriptedServer.run(script) { server in
            try await withClient(change) { try await $0.failure(.post(server.url, .once, within: limit)) }
        }
    }

    @Test("silence ends at the deadline, and the request may have been processed")
    func silent() async throws {
        let error = try await failure(within: .milliseconds(150)) { connection in
            connection.readRequest()
            connection.waitForClose()
        }
        #expect(error.code == .timedOut)
        #expect(error.mayHaveBeenSent)
    }

    @Test("a response that dribbles ends at the deadline")
    func dribble() async throws {
        let error = try await failure(within: .milliseconds(150)) { connection in
            connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
            connection.waitForClose()
        }
        #expect(error.code == .timedOut)
        #expect(error.mayHaveBeenSent)
    }

    @Test(
        "closing instead of answering",
        arguments: ["", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"])
    func closes(after text: String) async throws {
        let error = try await failure { connection in
            connection.readRequest()
            connection.write(text)
        }
        #expect(error.code == .connectionLost)
        #expect(error.mayHaveBeenSent)
    }

    @Test("an endless chunked body is cut at the limit")
    func endlessBody() async throws {
        let error = try await failure { connection in
            connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n"
            while connection.write(chunk) {}
        }
        #expect(error.code == .responseTooLarge, "\(error)")
        #expect(error.mayHaveBeenSent)
    }

    @Test("endless headers are cut at 32 KiB", arguments: ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 103 Early Hints\r\n"])
    func endlessHeaders(statusLine: String) async throws {
        let error = try await failure { connection in
            connection.readRequest()
            connection.write(statusLine)
            let header = "X-Filler: " + String(repeating: "x", count: 1000) + "\r\n"
            for _ in 0..<400 where !connection.write(header) { return }
            connection.waitForClose()
        }
        #expect(error.code == .responseTooLarge, "\(error)")
    }

    @Test("a compressed body is passed on as it came, so that it cannot grow past the limit")
    func gzip() async throws {
        let bomb: [UInt8] = [0x1F, 0x8B, 0x08, 0x00, 0x00]
        try await ScriptedServer.run({ connection in
            connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bomb.count)\r\n\r\n")
            connection.write(bomb)
        }) { server in
            let response = try await withClient { try await $0.execute(.get(server.url)) }
            #expect(response.body == bomb)
            #expect(!server.requests[0].lowercased().contains("accept-encoding"))
        }
    }

    @Test("what is not HTTP is no response", arguments: ["SSH-2.0-OpenSSH\r\n\r\n", "\u{0}\u{0}\u{0}"])
    func nonsense(_ text: String) async throws {
        let error = try await failure { connection in
            connection.readRequest()
            connection.write(text)
        }
        #expect(error.code == .malformedResponse, "\(error)")
        #expect(error.mayHaveBeenSent)
    }

    @Test("nobody listens: surely nothing was sent")
    func nobodyListens() async throws {
        // A port that no program is given by the system: one that a server has left may be another test's by now.
        let error = try await withClient { try await $0.failure(.post("http://127.0.0.1:1/", .once)) }
        #expect(error.code == .couldNotConnect)
        #expect(!error.mayHaveBeenSent)
    }

    @Test("a name that does not exist: surely nothing was sent")
    func unknownName() async throws {
        let error = try await withClient { try await $0.failure(.post("https://novitai.invalid/", .once)) }
        #expect(error.code == .couldNotConnect)
        #expect(!error.mayHaveBeenSent)
    }

    @Test("a TLS handshake that is not answered ends at the connect timeout: surely nothing was sent")
    func silentHandshake() async throws {
        try await ScriptedServer.run({ $0.waitForClose() }) { server in
            let error = try await withClient({ $0.connectTimeout = .milliseconds(150) }) {
                try await $0.failure(.post("https://127.0.0.1:\(server.port)", .once))
            }
            #expect(error.code == .timedOut)
            #expect(!error.mayHaveBeenSent)
        }
    }
}

@Suite("Reused connections")
struct ReuseTests {
    /// Answers the first request of the first connection; reads the second one and closes. Later connections answer always.
    private static let diesOnReuse: ScriptedServer.Script = { connection in
        connection.readRequest()
        connection.respond()
        if connection.number == 0 {
            connection.readRequest()
        } else {
            while connection.readRequest() != nil { connection.respond() }
        }
    }

    @Test("a connection is used again")
    func reuse() async throws {
        try await ScriptedServer.run({ connection in
            while connection.readRequest() != nil { connection.respond() }
        }) { server in
            try await withClient { client in
                let first = try await client.execute(.get(server.url))
                let second = try await client.execute(.post(server.url, .once))
                #expect(first.usedNewConnection)
                #expect(!second.usedNewConnection)
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("a repeatable request is sent again when a reused connection dies")
    func repeatable() async throws {
        try await ScriptedServer.run(Self.diesOnReuse) { server in
            try await withClient { client in
                _ = try await client.execute(.get(server.url))
                let response = try await client.execute(.get(server.url + "/again"))
                #expect(response.status == 200)
            }
            #expect(server.requests.count { $0.hasPrefix("GET /again ") } == 2)
        }
    }

    @Test("a request to be sent once is sent once even when a reused connection dies")
    func once() async throws {
        try await ScriptedServer.run(Self.diesOnReuse) { server in
            try await withClient { client in
                _ = try await client.execute(.get(server.url))
                let error = try await client.failure(.post(server.url + "/create", .once))
                #expect(error.code == .connectionLost)
                #expect(error.mayHaveBeenSent)
            }
            #expect(server.requests.count { $0.hasPrefix("POST /create ") } == 1)
        }
    }

    @Test("a request may ask for a connection of its own")
    func fresh() async throws {
        try await ScriptedServer.run(Self.diesOnReuse) { server in
            try await withClient { client in
                _ = try await client.execute(.get(server.url))
                let response = try await client.execute(.post(server.url + "/create", .onceOnFreshConnection))
                #expect(response.usedNewConnection)
            }
            #expect(server.requests.count { $0.hasPrefix("POST /create ") } == 1)
            #expect(server.connectionCount == 2)
        }
    }
}

@Suite("Waiting, cancelling, shutting down")
struct LifecycleTests {
    /// Reads a request, tells of it, and is silent until the client goes.
    private final class SilentServer: Sendable {
        let received = AsyncStream<Void>.makeStream()
        let closed = AsyncStream<Void>.makeStream()

        func run<Result>(_ body: (ScriptedServer) async throws -> Result) async throws -> Result {
            try await ScriptedServer.run(
                { [received, closed] connection in
                    guard connection.readRequest() != nil else { return }
                    received.continuation.yield()
                    connection.waitForClose()
                    closed.continuation.yield()
                }, body)
        }

        func requestReceived() async { for await _ in received.stream { return } }
        func connectionClosed() async { for await _ in closed.stream { return } }
    }

    @Test("cancelling the task ends the request at once and closes its connection")
    func cancel() async throws {
        let silent = SilentServer()
        try await silent.run { server in
            try await withClient { client in
                let error = try await withThrowingTaskGroup(of: HTTPClientError.self) { group in
                    group.addTask { try await client.failure(.post(server.url, .once, within: .seconds(60))) }
                    await silent.requestReceived()
                    group.cancelAll()
                    return try #require(await group.next())
                }
                #expect(error.code == .cancelled)
                #expect(error.mayHaveBeenSent)
                await silent.connectionClosed()
            }
        }
    }

    @Test("a task that is cancelled already sends nothing")
    func cancelledBefore() async throws {
        try await ScriptedServer.run({ $0.waitForClose() }) { server in
            try await withClient { client in
                let error = try await withThrowingTaskGroup(of: HTTPClientError.self) { group in
                    group.cancelAll()
                    group.addTask { try await client.failure(.post(server.url, .once)) }
                    return try #require(await group.next())
                }
                #expect(error.code == .cancelled)
                #expect(!error.mayHaveBeenSent)
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("cancelled at any moment, a request is always answered exactly once", arguments: 0..<50)
    func cancelRace(round: Int) async throws {
        try await ScriptedServer.run({ connection in
            while connection.readRequest() != nil { connection.respond() }
        }) { server in
            try await withClient { client in
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            do throws(HTTPClientError) {
                                _ = try await client.execute(.get(server.url))
                            } catch {
                                #expect(error.code == .cancelled)
                            }
                        }
                    }
                    for _ in 0..<round { await Task.yield() }
                    group.cancelAll()
                }
            }
        }
    }

    @Test("a request that waits for a place ends at its deadline, unsent, or takes a place that becomes free")
    func waiting() async throws {
        let received = AsyncStream<Void>.makeStream()
        let mayAnswer = DispatchSemaphore(value: 0)
        try await ScriptedServer.run({ connection in
            while connection.readRequest() != nil {
                received.continuation.yield()
                mayAnswer.wait()
                connection.respond()
            }
        }) { server in
            try await withClient({ $0.activeRequestsMax = 1 }) { client in
                async let first = client.execute(.get(server.url + "/first", within: .seconds(60)))
                for await _ in received.stream { break }
                async let third = client.execute(.get(server.url + "/third", within: .seconds(60)))
                let error = try await client.failure(.post(server.url + "/second", .once, within: .milliseconds(50)))
                #expect(error.code == .timedOut)
                #expect(!error.mayHaveBeenSent)
                for _ in 0..<2 { mayAnswer.signal() }
                let statuses = try await [first.status, third.status]
                #expect(statuses == [200, 200])
            }
            #expect(server.requests.map { $0.split(separator: " ")[1] } == ["/first", "/third"])
        }
    }

    @Test("beyond the bound, requests are refused at once")
    func queueFull() async throws {
        let silent = SilentServer()
        try await silent.run { server in
            try await withClient({ $0.requestsMax = 1 }) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await client.failure(.post(server.url, .once, within: .seconds(60))) }
                    await silent.requestReceived()
                    let error = try await client.failure(.post(server.url, .once))
                    #expect(error.code == .queueFull)
                    #expect(!error.mayHaveBeenSent)
                    group.cancelAll()
                    try await group.waitForAll()
                    // The place is free again.
                    let next = try await client.failure(.post(server.url, .once, within: .milliseconds(50)))
                    #expect(next.code == .timedOut)
                }
            }
        }
    }

    @Test("shutting down ends what is under way and refuses what comes")
    func shutdown() async throws {
        let silent = SilentServer()
        try await silent.run { server in
            try await withClient { client in
                try await withThrowingTaskGroup(of: HTTPClientError.self) { group in
                    group.addTask { try await client.failure(.post(server.url, .once, within: .seconds(60))) }
                    await silent.requestReceived()
                    client.shutdown()
                    let error = try #require(await group.next())
                    #expect(error.code == .closed)
                    #expect(error.mayHaveBeenSent)
                }
                let error = try await client.failure(.post(server.url, .once))
                #expect(error.code == .closed)
                #expect(!error.mayHaveBeenSent)
            }
        }
    }

    @Test("a client that is dropped ends its thread")
    func dropped() throws {
        var client: HTTPClient? = try HTTPClient()
        weak let loop = client?.loop
        #expect(loop != nil)
        client = nil
        #expect(loop == nil)  // the thread held the last reference
    }
}
