import RPCCore
import TestProto

// Calls of every kind, as they should be.
extension InteropCases {
    func emptyUnary() async throws { _ = try await self.client.emptyCall(GrpcTesting.Empty()) }

    func largeUnary() async throws {
        try self.expect(try await self.client.unaryCall(Self.largeRequest).payload, size: Self.responseSize)
    }

    func concurrentLargeUnary() async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<self.concurrentCalls { group.addTask { try await self.largeUnary() } }
            try await group.waitForAll()
        }
    }

    func clientStreaming() async throws {
        let response = try await self.client.streamingInputCall { requests in
            for size in [27182, 8, 1828, 45904] {
                var request = GrpcTesting.StreamingInputCallRequest()
                request.payload = Self.payload(size)
                try await requests.write(request)
            }
        }
        try self.expect(response.aggregatedPayloadSize == 74922, "\(response.aggregatedPayloadSize)")
    }

    func serverStreaming() async throws {
        let sizes = [31415, 9, 2653, 58979]
        try await self.client.streamingOutputCall(Self.request(0, responses: sizes.map { ($0, nil) })) { responses in
            var received: [Int] = []
            for try await response in responses { received.append(response.payload?.body.count ?? 0) }
            try self.expect(received == sizes, "\(received)")
        }
    }

    func pingPong() async throws {
        try await self.client.fullDuplexCall { requests, responses in
            var replies = responses.makeAsyncIterator()
            for (size, replySize) in [(27182, 31415), (8, 9), (1828, 2653), (45904, 58979)] {
                try await requests.write(Self.request(size, responses: [(replySize, nil)]))
                try self.expect(try await replies.next()?.payload, size: replySize)
            }
            try await requests.finish()
            try self.expect(try await replies.next() == nil, "one response too many")
        }
    }

    func emptyStream() async throws {
        try await self.client.fullDuplexCall { requests, responses in
            try await requests.finish()
            for try await _ in responses { throw Unexpected(what: "a response") }
        }
    }

    func pickFirstUnary() async throws {
        var request = GrpcTesting.SimpleRequest()
        request.fillServerId = true
        var servers: Set<String> = []
        for _ in 0..<100 { servers.insert(try await self.client.unaryCall(request).serverId) }
        try self.expect(servers.count == 1 && servers.first != "", "\(servers)")
    }
}
