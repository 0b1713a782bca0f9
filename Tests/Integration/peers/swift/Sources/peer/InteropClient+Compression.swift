import GRPCCore

extension InteropClient {
    func clientCompressedUnary() async throws {
        func call(expected: Bool, compressed: Bool) async throws -> Grpc_Testing_SimpleResponse {
            var request = largeRequest()
            request.expectCompressed = .with { $0.value = expected }
            return try await self.unaryCall(request, compressed: compressed).message
        }
        try await expect(.invalidArgument) { try await call(expected: true, compressed: false) }
        try expectZeros(try await call(expected: true, compressed: true).payload, responseSize)
        try expectZeros(try await call(expected: false, compressed: false).payload, responseSize)
    }

    /// Whether a response came compressed is not shown here; that it can be read is.
    func serverCompressedUnary() async throws {
        for compressed in [true, false] {
            var request = largeRequest()
            request.responseCompressed = .with { $0.value = compressed }
            try expectZeros(try await self.unaryCall(request).message.payload, responseSize)
        }
    }

    func serverCompressedStreaming() async throws {
        var request = sized(0, 31415, 92653)
        request.responseParameters[0].compressed = .with { $0.value = true }
        request.responseParameters[1].compressed = .with { $0.value = false }
        try await self.serverStreaming("StreamingOutputCall", request) { try await expect([31415, 92653], in: $0) }
    }
}
