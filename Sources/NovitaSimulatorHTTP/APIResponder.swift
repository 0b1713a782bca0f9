internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NovitaSimulator
internal import ServiceLifecycle

/// Answers the API's paths: reads a request into a call, lets the simulator decide, and does to the connection what it says.
struct APIResponder: Sendable {
    /// No request of the API comes near this (bytes).
    private static let bodySizeMax = 1 << 20

    /// The caller's own id of the request, kept in the log.
    private static let requestIDHeader = "x-request-id"
    private static let traceParentHeader = "traceparent"

    let host: SimulatorHost
    let style: WireStyle
    /// The only good key; nil takes any.
    let key: String?

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        let operation = await self.operation(of: request)
        let requestID = request.headers.first { $0.name.canonicalName == Self.requestIDHeader }?.value ?? ""
        let traceParent = request.headers.first { $0.name.canonicalName == Self.traceParentHeader }?.value ?? ""
        let exchange = self.host.withSimulator { simulator, now in
            simulator.call(operation, at: now, requestID: requestID, traceParent: traceParent)
        }
        context.logger.debug(
            "call",
            metadata: [
                "method": "\(operation.method)", "path": "\(operation.fullPath)", "subject": "\(operation.subject)",
                "request_id": "\(requestID)",
            ])
        guard await Self.wait(exchange.delay) else { return await self.cut(context) }
        switch exchange.outcome {
        case .answered(.success(.resource(let reply))) where operation.endpoint == .createNetwork:
            return .json(self.style.bodyOfNewNetwork(reply))
        case .answered(.success(let reply)): return .json(self.style.body(of: reply))
        case .answered(.failure(let error)): return Self.response(to: error)
        case .gatewayPage(let status): return Self.gatewayPage(status)
        case .connectionClosed: return await self.cut(context)
        }
    }

    private func operation(of request: Request) async -> Operation {
        let path = request.uri.path
        guard let body = try? await request.body.collect(upTo: Self.bodySizeMax) else {
            let error = APIError(status: 413, reason: "REQUEST", message: "request body too large")
            return .unreadable(method: request.method.rawValue, path: path, error: error)
        }
        let query = Dictionary(request.uri.queryParameters.map { (String($0.key), String($0.value)) }) { first, _ in first }
        return APIRequest(
            method: request.method.rawValue, path: path, query: query, authorization: request.headers[.authorization],
            body: Array(body.readableBytesView)
        ).operation(key: self.key)
    }

    /// Waits in real time: what a delay tries is the caller's patience. False when the server goes down meanwhile.
    private static func wait(_ delay: Duration) async -> Bool {
        guard delay > .zero else { return true }
        return await cancelWhenGracefulShutdown {
            (try? await Task.sleep(for: delay)) != nil
        }
    }

    /// Closes the connection without a word. The answer that is returned finds it closed and is never written.
    private func cut(_ context: SimulatorContext) async -> Response {
        try? await context.channel.close().get()
        return Response(status: .internalServerError)
    }

    private static func response(to error: APIError) -> Response {
        var response = Response.json(WireStyle.body(of: error), status: HTTPResponse.Status(code: error.status))
        if let retryAfter = error.retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        return response
    }

    private static func gatewayPage(_ status: Int) -> Response {
        let title = "\(status) \(HTTPResponse.Status(code: status).reasonPhrase)"
        let page = "<html>\n<head><title>\(title)</title></head>\n<body><center><h1>\(title)</h1></center><hr></body>\n</html>\n"
        return Response(
            status: HTTPResponse.Status(code: status), headers: [.contentType: "text/html"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page)))
    }
}
