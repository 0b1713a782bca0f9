internal import HTTPTypes
package import Hummingbird
internal import NIOCore
internal import NovitaiProto
internal import ProtobufJSON
package import RPCCore

/// The web console: its files, and a facade of the API for them alone. Whatever it asks of the server it asks as the person who is signed in;
/// who is not asks as nobody, whom only a server without identities answers.
package struct ConsoleRoutes: Sendable {
    private let channel: any RPCChannel
    private let health: @Sendable () async -> String
    private let visitors: Visitors
    private let slots = StreamSlots()

    /// - Parameters:
    ///   - isLoopback: whether only this machine reaches the console. A server without identities is then changed without signing in.
    ///   - health: what `/health` shows, on one line.
    package init(channel: any RPCChannel, isLoopback: Bool, health: @escaping @Sendable () async -> String) {
        self.channel = channel
        self.health = health
        self.visitors = Visitors(channel: channel, isLoopback: isLoopback)
    }

    package func add(to router: Hummingbird.Router<BasicRequestContext>) {
        router.get("/") { request, _ in Self.page(Page.index, request) }
        router.get("console/{file}") { request, context in Self.page(context.parameters.get("file") ?? "", request) }
        let api = router.group("console/api")
        api.get("session") { request, _ in await self.answer { () throws(Problem) in try await self.visitors.session(request) } }
        api.post("session") { request, _ in
            await self.answer { () throws(Problem) in try await self.visitors.signIn(request, body: try await Self.body(request)) }
        }
        api.delete("session") { request, _ in await self.answer { () throws(Problem) in try self.visitors.signOut(request) } }
        api.get("events") { request, _ in await self.answer { () throws(Problem) in try self.events(request) } }
        api.post("{method}") { request, context in
            await self.answer { () throws(Problem) in
                .json(try await self.call(context.parameters.get("method") ?? "", request))
            }
        }
    }

    private static func page(_ name: String, _ request: Request) -> Response {
        guard let page = Page.all[name] else { return Self.secured(Response(status: .notFound)) }
        var headers: HTTPFields = [.eTag: page.entityTag, .cacheControl: "no-cache"]
        guard request.headers[.ifNoneMatch] != page.entityTag else { return Self.secured(Response(status: .notModified, headers: headers)) }
        headers[.contentType] = page.contentType
        return Self.secured(Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: page.bytes))))
    }

    private func call(_ method: String, _ request: Request) async throws(Problem) -> String {
        guard let call = ConsoleCalls.byMethod[method] else {
            throw Problem(.unimplemented, "NO_SUCH_CALL", "the console makes no such call")
        }
        let visitor = try self.visitors.visitor(request, isGet: false)
        if call.isChange { try self.visitors.checkMayChange(visitor) }
        return try await call.answer(try await Self.body(request), self.channel, visitor.options)
    }

    private func events(_ request: Request) throws(Problem) -> Response {
        let visitor = try self.visitors.visitor(request, isGet: true)
        guard let slot = self.slots.take(for: visitor.person) else {
            throw Problem(.resourceExhausted, "TOO_MANY_STREAMS", "as many pages are open as may be at once")
        }
        let lastEvent = request.headers[Header.lastEventID] ?? request.uri.queryParameters["after"].map(String.init) ?? ""
        let feed = EventFeed(
            channel: self.channel, options: visitor.watchOptions, health: self.health, isAllowed: { self.visitors.isStill(visitor) })
        let headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]
        let body = ResponseBody { writer in
            defer { withExtendedLifetime(slot) {} }
            try await writer.write(ByteBuffer(string: "retry: \(ConsoleLimits.streamRetryMilliseconds)\n\n"))
            try await feed.run(from: EventPosition(lastEvent)) { text in try await writer.write(ByteBuffer(string: text)) }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    private static func body(_ request: Request) async throws(Problem) -> [UInt8] {
        do {
            return Array(buffer: try await request.body.collect(upTo: ConsoleLimits.bodyBytesMax))
        } catch is NIOTooManyBytesError {
            throw Problem(.resourceExhausted, "BODY_TOO_LARGE", "the body has more than \(ConsoleLimits.bodyBytesMax) bytes")
        } catch {
            throw Problem(.cancelled, "BODY_INCOMPLETE", "the body did not arrive")
        }
    }

    private func answer(_ body: () async throws(Problem) -> Response) async -> Response {
        do throws(Problem) {
            return Self.secured(try await body())
        } catch {
            return Self.secured(.json(error.json, status: error.httpStatus))
        }
    }

    private static func secured(_ response: Response) -> Response {
        var response = response
        SecurityHeaders.add(to: &response.headers)
        return response
    }
}

extension Response {
    static func json(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
