import RPCCore
import TestProto

/// What the interoperability tests expect of a server (grpc/grpc `doc/interop-test-descriptions.md`, "Server").
struct InteropService: GrpcTesting.TestServiceProtocol {
    let load: LoadReports

    /// The same for every call to this process: it shows that one connection leads to one server.
    private static let serverID = "interop-\(UInt64.random(in: 0 ... .max))"

    func emptyCall(_ request: GrpcTesting.Empty, context: ServerContext) async throws -> GrpcTesting.Empty { GrpcTesting.Empty() }

    func unaryCall(_ request: GrpcTesting.SimpleRequest, context: ServerContext) async throws -> GrpcTesting.SimpleResponse {
        try Self.echoMetadata(context)
        try Self.check(request.expectCompressed, isCompressed: context.isRequestCompressed)
        try Self.checkStatus(request.responseStatus)
        if let report = request.orcaPerQueryReport {
            var trailers = Metadata()
            try trailers.append(binary: report.loadReport.encoded(reserving: 0), for: "endpoint-load-metrics-bin")
            context.addTrailingMetadata(trailers)
        }
        if let report = request.orcaOobReport { self.load.publish(report) }
        if request.responseCompressed?.value == true { context.compressResponses() }
        var response = GrpcTesting.SimpleResponse()
        var zeros = Zeros()
        response.payload = try zeros.payload(request.responseType, request.responseSize)
        if request.fillServerId { response.serverId = Self.serverID }
        return response
    }

    func streamingOutputCall(
        _ request: GrpcTesting.StreamingOutputCallRequest, responses: ResponseWriter<GrpcTesting.StreamingOutputCallResponse>,
        context: ServerContext
    ) async throws {
        context.compressResponses()
        var zeros = Zeros()
        try await Self.answer(request, responses, &zeros)
    }

    func streamingInputCall(_ requests: RequestStream<GrpcTesting.StreamingInputCallRequest>, context: ServerContext) async throws
        -> GrpcTesting.StreamingInputCallResponse
    {
        var response = GrpcTesting.StreamingInputCallResponse()
        var iterator = requests.makeAsyncIterator()
        while let request = try await iterator.next() {
            try Self.check(request.expectCompressed, isCompressed: iterator.isCompressed)
            response.aggregatedPayloadSize += Int32(request.payload?.body.count ?? 0)
        }
        return response
    }

    func fullDuplexCall(
        _ requests: RequestStream<GrpcTesting.StreamingOutputCallRequest>,
        responses: ResponseWriter<GrpcTesting.StreamingOutputCallResponse>, context: ServerContext
    ) async throws {
        try Self.echoMetadata(context)
        context.compressResponses()
        // Without the hop that a loop over the requests makes for each.
        var iterator = requests.makeAsyncIterator()
        var zeros = Zeros()
        while let request = try await iterator.next() {
            if let report = request.orcaOobReport { self.load.publish(report) }
            try await Self.answer(request, responses, &zeros)
        }
    }

    func halfDuplexCall(
        _ requests: RequestStream<GrpcTesting.StreamingOutputCallRequest>,
        responses: ResponseWriter<GrpcTesting.StreamingOutputCallResponse>, context: ServerContext
    ) async throws {
        var all: [GrpcTesting.StreamingOutputCallRequest] = []
        for try await request in requests { all.append(request) }
        var zeros = Zeros()
        for request in all { try await Self.answer(request, responses, &zeros) }
    }

    // MARK: Parts

    private nonisolated(nonsending) static func answer(
        _ request: GrpcTesting.StreamingOutputCallRequest, _ responses: ResponseWriter<GrpcTesting.StreamingOutputCallResponse>,
        _ zeros: inout Zeros
    ) async throws {
        try self.checkStatus(request.responseStatus)
        for parameters in request.responseParameters {
            if parameters.intervalUs > 0 { try await self.pause(.microseconds(parameters.intervalUs)) }
            var response = GrpcTesting.StreamingOutputCallResponse()
            response.payload = try zeros.payload(request.responseType, parameters.size)
            try await responses.write(response, compressed: parameters.compressed?.value == true)
        }
    }

    /// Apart, because what it needs of its task's memory would be fetched for every request.
    @inline(never)
    private nonisolated(nonsending) static func pause(_ interval: Duration) async throws { try await Task.sleep(for: interval) }

    private static func check(_ expected: GrpcTesting.BoolValue?, isCompressed: Bool) throws {
        guard let expected, expected.value != isCompressed else { return }
        throw RPCError(code: .invalidArgument, message: "the request came \(isCompressed ? "" : "un")compressed")
    }

    private static func checkStatus(_ status: GrpcTesting.EchoStatus?) throws {
        guard let status, status.code != 0 else { return }
        throw RPCError(code: UInt8(exactly: status.code).flatMap { RPCError.Code(rawValue: $0) } ?? .unknown, message: status.message)
    }

    private static func echoMetadata(_ context: ServerContext) throws {
        if let text = context.requestMetadata["x-grpc-test-echo-initial"] {
            var metadata = Metadata()
            try metadata.append(text, for: "x-grpc-test-echo-initial")
            context.setInitialMetadata(metadata)
        }
        if let bytes = context.requestMetadata[binary: "x-grpc-test-echo-trailing-bin"] {
            var metadata = Metadata()
            try metadata.append(binary: bytes, for: "x-grpc-test-echo-trailing-bin")
            context.addTrailingMetadata(metadata)
        }
    }
}

/// What a call's responses carry: made anew when another size is asked for.
private struct Zeros {
    /// Bytes of a response: more than any case asks for.
    private static let sizeMax: Int32 = 64 << 20

    private var payload = GrpcTesting.Payload()

    mutating func payload(_ type: GrpcTesting.PayloadType, _ size: Int32) throws -> GrpcTesting.Payload {
        guard type == .compressable else { throw RPCError(code: .invalidArgument, message: "unknown response_type") }
        guard (0...Self.sizeMax).contains(size) else { throw RPCError(code: .invalidArgument, message: "impossible size") }
        if self.payload.body.count != Int(size) { self.payload.body = [UInt8](repeating: 0, count: Int(size)) }
        return self.payload
    }
}
