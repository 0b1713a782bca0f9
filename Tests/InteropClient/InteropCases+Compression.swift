import Compression
import RPCCore
import RPCTransport
import TestProto

// Who compresses what, message by message.
extension InteropCases {
    func clientCompressedUnary() async throws {
        var request = Self.largeRequest
        request.expectCompressed = Self.flag(true)
        try await self.expect(.invalidArgument) { _ = try await self.client.unaryCall(request) }
        let compressed = try await self.client.unaryCall(request, options: CallOptions(codec: .gzip))
        try self.expect(compressed.payload, size: Self.responseSize)
        request.expectCompressed = Self.flag(false)
        try self.expect(try await self.client.unaryCall(request).payload, size: Self.responseSize)
    }

    func serverCompressedUnary() async throws {
        // As a stream of one response, which tells whether it came compressed.
        let method = MethodDescriptor(service: Service.name, method: Service.unaryCall.method, kind: .serverStreaming)
        for isCompressed in [true, false] {
            var request = Self.largeRequest
            request.responseCompressed = Self.flag(isCompressed)
            try await self.channel.serverStreaming(request, method: method, options: CallOptions()) {
                (responses: ResponseStream<GrpcTesting.SimpleResponse>) in
                var replies = responses.makeAsyncIterator()
                try self.expect(try await replies.next()?.payload, size: Self.responseSize)
                try self.expect(replies.isCompressed == isCompressed, "the response came \(isCompressed ? "un" : "")compressed")
                try self.expect(try await replies.next() == nil, "one response too many")
            }
        }
    }

    func clientCompressedStreaming() async throws {
        func sum(_ messages: [(size: Int, expected: Bool, compressed: Bool)]) async throws -> Int32 {
            try await self.client.streamingInputCall(options: CallOptions(codec: .gzip)) { requests in
                for message in messages {
                    var request = GrpcTesting.StreamingInputCallRequest()
                    request.payload = Self.payload(message.size)
                    request.expectCompressed = Self.flag(message.expected)
                    try await requests.write(request, compressed: message.compressed)
                }
            }.aggregatedPayloadSize
        }
        try await self.expect(.invalidArgument) { _ = try await sum([(27182, true, false)]) }
        let total = try await sum([(27182, true, true), (45904, false, false)])
        try self.expect(total == 73086, "\(total)")
    }

    func serverCompressedStreaming() async throws {
        let wanted = [(31415, true), (92653, false)]
        try await self.client.streamingOutputCall(Self.request(0, responses: wanted.map { ($0.0, $0.1) })) { responses in
            var replies = responses.makeAsyncIterator()
            for (size, isCompressed) in wanted {
                try self.expect(try await replies.next()?.payload, size: size)
                try self.expect(replies.isCompressed == isCompressed, "a response came \(isCompressed ? "un" : "")compressed")
            }
            try self.expect(try await replies.next() == nil, "one response too many")
        }
    }
}
