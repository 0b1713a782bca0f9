import GRPCCore
import GRPCProtobuf
import SwiftProtobuf

/// Methods as grpc-swift's generated code registers them. Their kind is told too: what is written to a stream goes out at once, and what is
/// written for a single response waits for the trailers.
extension RPCRouter {
    mutating func register<Request: Message, Response: Message>(
        _ kind: MethodDescriptor.RPCType, _ method: String, in service: String = InteropClient.service,
        _ handler: @escaping @Sendable (StreamingServerRequest<Request>, ServerContext) async throws -> StreamingServerResponse<Response>
    ) {
        self.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: service, method: method, type: kind),
            deserializer: ProtobufDeserializer<Request>(), serializer: ProtobufSerializer<Response>(), handler: handler)
    }

    mutating func registerUnary<Request: Message, Response: Message>(
        _ method: String, _ handler: @escaping @Sendable (ServerRequest<Request>) async throws -> ServerResponse<Response>
    ) {
        self.register(.unary, method) { request, _ in
            StreamingServerResponse(single: try await handler(ServerRequest(stream: request)))
        }
    }
}
