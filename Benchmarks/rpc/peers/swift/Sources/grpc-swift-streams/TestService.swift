import FoundationEssentials
import GRPCCore
import GRPCProtobuf
import SwiftProtobuf

struct TestService: RegistrableRPCService {
    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        self.register("UnaryCall", with: &router, self.unaryCall)
        self.register("StreamingOutputCall", with: &router, self.streamingOutputCall)
        self.register("StreamingInputCall", with: &router, self.streamingInputCall)
        self.register("FullDuplexCall", with: &router, self.fullDuplexCall)
    }

    private func register<Request: Message, Response: Message, Transport: ServerTransport>(
        _ method: String, with router: inout RPCRouter<Transport>,
        _ handler: @escaping @Sendable (StreamingServerRequest<Request>) async throws -> StreamingServerResponse<Response>
    ) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: "grpc.testing.TestService", method: method),
            deserializer: ProtobufDeserializer<Request>(), serializer: ProtobufSerializer<Response>()
        ) { request, _ in try await handler(request) }
    }

    private func unaryCall(
        _ request: StreamingServerRequest<Grpc_Testing_SimpleRequest>
    ) async throws -> StreamingServerResponse<Grpc_Testing_SimpleResponse> {
        let request = try await ServerRequest(stream: request).message
        let response = Grpc_Testing_SimpleResponse.with { $0.payload = payload(request.responseSize) }
        return StreamingServerResponse(single: ServerResponse(message: response))
    }

    private func streamingOutputCall(
        _ request: StreamingServerRequest<Grpc_Testing_StreamingOutputCallRequest>
    ) async throws -> StreamingServerResponse<Grpc_Testing_StreamingOutputCallResponse> {
        let request = try await ServerRequest(stream: request).message
        return StreamingServerResponse { writer in
            var zeros = Zeros()
            try await answer(request, writer, &zeros)
            return [:]
        }
    }

    private func streamingInputCall(
        _ request: StreamingServerRequest<Grpc_Testing_StreamingInputCallRequest>
    ) async throws -> StreamingServerResponse<Grpc_Testing_StreamingInputCallResponse> {
        let size = try await request.messages.reduce(0) { $0 + $1.payload.body.count }
        let response = Grpc_Testing_StreamingInputCallResponse.with { $0.aggregatedPayloadSize = Int32(size) }
        return StreamingServerResponse(single: ServerResponse(message: response))
    }

    private func fullDuplexCall(
        _ request: StreamingServerRequest<Grpc_Testing_StreamingOutputCallRequest>
    ) async throws -> StreamingServerResponse<Grpc_Testing_StreamingOutputCallResponse> {
        StreamingServerResponse { writer in
            var zeros = Zeros()
            for try await request in request.messages {
                try await answer(request, writer, &zeros)
            }
            return [:]
        }
    }
}

private func payload(_ size: Int32) -> Grpc_Testing_Payload {
    .with { $0.body = Data(count: Int(size)) }
}

/// What a call's responses carry: made anew when another size is asked for, as all contestants do.
private struct Zeros {
    private var last = Grpc_Testing_Payload()

    mutating func payload(_ size: Int32) -> Grpc_Testing_Payload {
        if self.last.body.count != Int(size) { self.last.body = Data(count: Int(size)) }
        return self.last
    }
}

/// Writes the responses that a request asks for, each when the one before it has been taken.
private func answer(
    _ request: Grpc_Testing_StreamingOutputCallRequest, _ writer: RPCWriter<Grpc_Testing_StreamingOutputCallResponse>,
    _ zeros: inout Zeros
) async throws {
    for parameters in request.responseParameters {
        let payload = zeros.payload(parameters.size)
        try await writer.write(.with { $0.payload = payload })
    }
}
