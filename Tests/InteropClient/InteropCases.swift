import Compression
import RPCCore
import RPCTransport
import TestProto

/// The cases of grpc/grpc `doc/interop-test-descriptions.md` that need no cloud.
struct InteropCases: Sendable {
    var channel: HTTP2Channel
    /// What further channels are made of.
    let configuration: HTTP2ChannelConfiguration
    let concurrentCalls: Int
    let soakIterations: Int
    let soakLatency: Duration

    typealias Service = GrpcTesting.TestService
    typealias Case = @Sendable (InteropCases) async throws -> Void

    static let all: [String: Case] = [
        "empty_unary": { try await $0.emptyUnary() },
        "large_unary": { try await $0.largeUnary() },
        "client_compressed_unary": { try await $0.clientCompressedUnary() },
        "server_compressed_unary": { try await $0.serverCompressedUnary() },
        "client_streaming": { try await $0.clientStreaming() },
        "client_compressed_streaming": { try await $0.clientCompressedStreaming() },
        "server_streaming": { try await $0.serverStreaming() },
        "server_compressed_streaming": { try await $0.serverCompressedStreaming() },
        "ping_pong": { try await $0.pingPong() },
        "empty_stream": { try await $0.emptyStream() },
        "custom_metadata": { try await $0.customMetadata() },
        "status_code_and_message": { try await $0.statusCodeAndMessage() },
        "special_status_message": { try await $0.specialStatusMessage() },
        "unimplemented_method": { try await $0.unimplemented(service: Service.name) },
        "unimplemented_service": { try await $0.unimplemented(service: "grpc.testing.UnimplementedService") },
        "cancel_after_begin": { try await $0.cancelAfterBegin() },
        "cancel_after_first_response": { try await $0.cancelAfterFirstResponse() },
        "timeout_on_sleeping_server": { try await $0.timeoutOnSleepingServer() },
        "pick_first_unary": { try await $0.pickFirstUnary() },
        "orca_per_rpc": { try await $0.orcaPerCall() },
        "orca_oob": { try await $0.orcaOutOfBand() },
        "rpc_soak": { try await $0.soak(onOneChannel: true) },
        "channel_soak": { try await $0.soak(onOneChannel: false) },
        "long_lived_channel": { try await $0.longLivedChannel() },
        "concurrent_large_unary": { try await $0.concurrentLargeUnary() },
        // grpc/grpc `doc/negative-http2-interop-test-descriptions.md`: the server misbehaves.
        "goaway": { try await $0.goAway() },
        "rst_after_header": { try await $0.brokenResponse() },
        "rst_during_data": { try await $0.brokenResponse() },
        "rst_after_data": { try await $0.brokenResponse() },
        "ping": { try await $0.largeUnary() },
        "max_streams": { try await $0.maxStreams() },
    ]

    var client: GrpcTesting.TestServiceClient { GrpcTesting.TestServiceClient(self.channel) }

    // MARK: Messages

    static let requestSize = 271_828
    static let responseSize = 314_159

    static func payload(_ size: Int) -> GrpcTesting.Payload {
        var payload = GrpcTesting.Payload()
        payload.body = [UInt8](repeating: 0, count: size)
        return payload
    }

    static func flag(_ value: Bool) -> GrpcTesting.BoolValue {
        var flag = GrpcTesting.BoolValue()
        flag.value = value
        return flag
    }

    static var largeRequest: GrpcTesting.SimpleRequest {
        var request = GrpcTesting.SimpleRequest()
        request.responseSize = Int32(self.responseSize)
        request.payload = self.payload(self.requestSize)
        return request
    }

    /// A request of a streaming call: so many bytes, and responses of the given sizes.
    static func request(_ size: Int, responses: [(size: Int, compressed: Bool?)] = []) -> GrpcTesting.StreamingOutputCallRequest {
        var request = GrpcTesting.StreamingOutputCallRequest()
        if size > 0 { request.payload = self.payload(size) }
        request.responseParameters = responses.map { response in
            var parameters = GrpcTesting.ResponseParameters()
            parameters.size = Int32(response.size)
            parameters.compressed = response.compressed.map { self.flag($0) }
            return parameters
        }
        return request
    }

    // MARK: What must hold

    func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        guard condition else { throw Unexpected(what: what()) }
    }

    func expect(_ payload: GrpcTesting.Payload?, size: Int) throws {
        try self.expect(
            payload?.body == [UInt8](repeating: 0, count: size), "a body of \(payload?.body.count ?? 0) bytes instead of \(size)")
    }

    /// - Returns: the error, for more to be said about it.
    @discardableResult
    func expect(_ code: RPCError.Code, from body: () async throws -> Void) async throws -> RPCError {
        do {
            try await body()
        } catch let error as RPCError {
            try self.expect(error.code == code, "\(error) instead of \(code)")
            return error
        }
        throw Unexpected(what: "OK instead of \(code)")
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let what: String
    var description: String { self.what }
}
