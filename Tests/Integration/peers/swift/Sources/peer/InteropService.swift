import GRPCCore

/// What grpc/grpc doc/interop-test-descriptions.md asks of a server, but for what grpc-swift keeps from a handler: it sees the coding of
/// its call, not which messages came in it; all of its responses have the first coding of the client's list that the transport knows.
struct InteropService: RegistrableRPCService {
    let loads: LoadReports

    typealias Requests = RPCAsyncSequence<Grpc_Testing_StreamingOutputCallRequest, any Error>
    typealias ResponseWriter = RPCWriter<Grpc_Testing_StreamingOutputCallResponse>

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerUnary("EmptyCall") { (_: ServerRequest<Grpc_Testing_Empty>) in ServerResponse(message: Grpc_Testing_Empty()) }
        router.registerUnary("UnaryCall") { request in try self.unaryCall(request) }
        router.register(.serverStreaming, "StreamingOutputCall") { request, _ in
            StreamingServerResponse { writer in try await self.answerEach(request.messages, writer) }
        }
        router.register(.clientStreaming, "StreamingInputCall") { request, _ in
            StreamingServerResponse(single: ServerResponse(message: try await self.sizes(request.messages)))
        }
        router.register(.bidirectionalStreaming, "FullDuplexCall") { request, _ in self.fullDuplexCall(request) }
        router.register(.bidirectionalStreaming, "HalfDuplexCall") { request, _ in
            StreamingServerResponse { writer in try await self.answerAll(request.messages, writer) }
        }
    }

    private func unaryCall(_ request: ServerRequest<Grpc_Testing_SimpleRequest>) throws -> ServerResponse<Grpc_Testing_SimpleResponse> {
        let message = request.message
        if message.hasExpectCompressed { try check(message.expectCompressed, request.metadata) }
        try check(message.responseStatus)
        let (initial, echoed) = echo(request.metadata)
        var trailing = echoed
        if message.hasOrcaPerQueryReport {
            trailing.addBinary(try message.orcaPerQueryReport.loadReport.serializedBytes(), forKey: LoadReports.trailer)
        }
        let response = Grpc_Testing_SimpleResponse.with {
            $0.payload = zeros(Int(message.responseSize))
            if message.fillServerID { $0.serverID = "grpc-swift" }
        }
        return ServerResponse(message: response, metadata: initial, trailingMetadata: trailing)
    }

    private func sizes(_ requests: RPCAsyncSequence<Grpc_Testing_StreamingInputCallRequest, any Error>) async throws
        -> Grpc_Testing_StreamingInputCallResponse
    {
        var response = Grpc_Testing_StreamingInputCallResponse()
        for try await request in requests { response.aggregatedPayloadSize += Int32(request.payload.body.count) }
        return response
    }

    private func fullDuplexCall(_ request: StreamingServerRequest<Grpc_Testing_StreamingOutputCallRequest>)
        -> StreamingServerResponse<Grpc_Testing_StreamingOutputCallResponse>
    {
        let (initial, trailing) = echo(request.metadata)
        return StreamingServerResponse(metadata: initial) { writer in
            try await self.answerEach(request.messages, writer, trailing: trailing)
        }
    }

    /// Each request as it comes.
    private func answerEach(_ requests: Requests, _ writer: ResponseWriter, trailing: Metadata = [:]) async throws -> Metadata {
        for try await request in requests { try await self.answer(request, writer) }
        return trailing
    }

    /// All requests when the last one has come.
    private func answerAll(_ requests: Requests, _ writer: ResponseWriter) async throws -> Metadata {
        var all: [Grpc_Testing_StreamingOutputCallRequest] = []
        for try await request in requests { all.append(request) }
        for request in all { try await self.answer(request, writer) }
        return [:]
    }

    private func answer(_ request: Grpc_Testing_StreamingOutputCallRequest, _ writer: ResponseWriter) async throws {
        if request.hasOrcaOobReport { self.loads.publish(request.orcaOobReport) }
        try check(request.responseStatus)
        for parameters in request.responseParameters {
            if parameters.intervalUs > 0 { try await Task.sleep(for: .microseconds(parameters.intervalUs)) }
            try await writer.write(.with { $0.payload = zeros(Int(parameters.size)) })
        }
    }
}

/// By the coding of the call: its metadata has all of its headers.
private func check(_ expected: Grpc_Testing_BoolValue, _ metadata: Metadata) throws(RPCError) {
    let isCompressed = metadata[stringValues: "grpc-encoding"].contains { $0 != "identity" }
    guard expected.value != isCompressed else { return }
    throw RPCError(code: .invalidArgument, message: "the request came \(isCompressed ? "" : "un")compressed")
}

private func check(_ status: Grpc_Testing_EchoStatus) throws(RPCError) {
    guard status.code != 0 else { return }
    throw RPCError(code: Status.Code(rawValue: Int(status.code)).flatMap(RPCError.Code.init) ?? .unknown, message: status.message)
}

private func echo(_ given: Metadata) -> (initial: Metadata, trailing: Metadata) {
    var (initial, trailing) = (Metadata(), Metadata())
    for value in given[stringValues: echoInitial] { initial.addString(value, forKey: echoInitial) }
    for value in given[binaryValues: echoTrailing] { trailing.addBinary(value, forKey: echoTrailing) }
    return (initial, trailing)
}
