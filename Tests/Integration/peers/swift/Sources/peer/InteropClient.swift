import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import SwiftProtobuf

/// What a case found other than it should be.
struct Mismatch: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The calls of `grpc.testing.TestService`, as grpc-swift's generated code makes them.
struct InteropClient: Sendable {
    let client: GRPCClient<HTTP2ClientTransport.Posix>
    let port: Int

    static let service = "grpc.testing.TestService"
    /// A call that takes longer has failed.
    static let callLimit: Duration = .seconds(20)

    func unary<Request: Message, Response: Message>(
        _ method: String, _ request: Request, metadata: Metadata = [:], compressed: Bool = false, in service: String = Self.service
    ) async throws -> ClientResponse<Response> {
        try await self.client.unary(
            request: ClientRequest(message: request, metadata: metadata), descriptor: Self.descriptor(method, service),
            serializer: ProtobufSerializer<Request>(), deserializer: ProtobufDeserializer<Response>(),
            options: Self.options(compressed: compressed)
        ) { $0 }
    }

    func unaryCall(_ request: Grpc_Testing_SimpleRequest, metadata: Metadata = [:], compressed: Bool = false) async throws
        -> ClientResponse<Grpc_Testing_SimpleResponse>
    {
        try await self.unary("UnaryCall", request, metadata: metadata, compressed: compressed)
    }

    /// Sends what `producer` writes; the sum of the sizes.
    func streamingInputCall(_ producer: @escaping @Sendable (RPCWriter<Grpc_Testing_StreamingInputCallRequest>) async throws -> Void)
        async throws -> Int32
    {
        try await self.client.clientStreaming(
            request: StreamingClientRequest(producer: producer), descriptor: Self.descriptor("StreamingInputCall"),
            serializer: ProtobufSerializer<Grpc_Testing_StreamingInputCallRequest>(),
            deserializer: ProtobufDeserializer<Grpc_Testing_StreamingInputCallResponse>(), options: Self.options()
        ) { try $0.message.aggregatedPayloadSize }
    }

    /// A server's stream, read by `read`.
    func serverStreaming<Request: Message, Response: Message, Value: Sendable>(
        _ method: String, _ request: Request, in service: String = Self.service,
        read: @escaping @Sendable (RPCAsyncSequence<Response, any Error>) async throws -> Value
    ) async throws -> Value {
        try await self.client.serverStreaming(
            request: ClientRequest(message: request), descriptor: Self.descriptor(method, service),
            serializer: ProtobufSerializer<Request>(), deserializer: ProtobufDeserializer<Response>(), options: Self.options()
        ) { try await read($0.messages) }
    }

    typealias Requests = AsyncStream<Grpc_Testing_StreamingOutputCallRequest>.Continuation

    /// A call both of whose streams are open at once.
    ///
    /// - Parameters:
    ///   - open: yields the requests that do not wait for anything. The server may have nothing to say before them, not even its headers.
    ///   - converse: begins with the server's headers; yields the other requests, and reads what comes back.
    func fullDuplexCall<Value: Sendable>(
        metadata: Metadata = [:], timeout: Duration = Self.callLimit, open: (Requests) -> Void,
        converse: @escaping @Sendable (Requests, StreamingClientResponse<Grpc_Testing_StreamingOutputCallResponse>) async throws -> Value
    ) async throws -> Value {
        let (requests, sending) = AsyncStream.makeStream(of: Grpc_Testing_StreamingOutputCallRequest.self)
        open(sending)
        return try await self.client.bidirectionalStreaming(
            request: StreamingClientRequest(metadata: metadata) { writer in
                for await request in requests { try await writer.write(request) }
            },
            descriptor: Self.descriptor("FullDuplexCall"),
            serializer: ProtobufSerializer<Grpc_Testing_StreamingOutputCallRequest>(),
            deserializer: ProtobufDeserializer<Grpc_Testing_StreamingOutputCallResponse>(), options: Self.options(timeout: timeout)
        ) { response in try await converse(sending, response) }
    }

    private static func descriptor(_ method: String, _ service: String = Self.service) -> MethodDescriptor {
        MethodDescriptor(fullyQualifiedService: service, method: method)
    }

    private static func options(compressed: Bool = false, timeout: Duration = Self.callLimit) -> CallOptions {
        var options = CallOptions.defaults
        options.timeout = timeout
        options.compression = compressed ? .gzip : CompressionAlgorithm.none
        return options
    }
}
