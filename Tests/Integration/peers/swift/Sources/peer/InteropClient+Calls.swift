import GRPCCore

private let soakCalls = 20
private let parallelCalls = 100

extension InteropClient {
    func emptyUnary() async throws {
        let response: ClientResponse<Grpc_Testing_Empty> = try await self.unary("EmptyCall", Grpc_Testing_Empty())
        _ = try response.message
    }

    func largeUnary() async throws {
        try expectZeros(try await self.unaryCall(largeRequest()).message.payload, responseSize)
    }

    func clientStreaming() async throws {
        let size = try await self.streamingInputCall { writer in
            for size in [27182, 8, 1828, 45904] { try await writer.write(.with { $0.payload = zeros(size) }) }
        }
        try expectEqual(size, 74922)
    }

    func serverStreaming() async throws {
        let sizes: [Int32] = [31415, 9, 2653, 58979]
        try await self.serverStreaming("StreamingOutputCall", sized(0, 31415, 9, 2653, 58979)) { try await expect(sizes, in: $0) }
    }

    func pingPong() async throws {
        let pings: [(Int, Int32)] = [(27182, 31415), (8, 9), (1828, 2653), (45904, 58979)]
        @Sendable func send(_ index: Int, _ sending: InteropClient.Requests) {
            if index < pings.count { sending.yield(sized(pings[index].0, pings[index].1)) } else { sending.finish() }
        }
        try await self.fullDuplexCall {
            send(0, $0)
        } converse: { sending, response in
            var responses = response.messages.makeAsyncIterator()
            for (index, (_, wanted)) in pings.enumerated() {
                guard let response = try await responses.next() else { throw Mismatch("the end instead of \(wanted) bytes") }
                try expectZeros(response.payload, wanted)
                send(index + 1, sending)
            }
            guard try await responses.next() == nil else { throw Mismatch("a response too many") }
        }
    }

    func emptyStream() async throws {
        try await self.fullDuplexCall {
            $0.finish()
        } converse: { _, response in
            try await expect([], in: response.messages)
        }
    }

    func pickFirstUnary() async throws {
        var servers: Set<String> = []
        for _ in 0..<100 { servers.insert(try await self.unaryCall(.with { $0.fillServerID = true }).message.serverID) }
        guard servers.count == 1, !servers.contains("") else { throw Mismatch("servers: \(servers)") }
    }

    func callSoak() async throws {
        for _ in 0..<soakCalls { try await self.largeUnary() }
    }

    func connectionSoak() async throws {
        for _ in 0..<soakCalls { try await withConnection(port: self.port) { try await $0.largeUnary() } }
    }

    func concurrentLargeUnary() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<parallelCalls { group.addTask { try await self.largeUnary() } }
            try await group.waitForAll()
        }
    }
}
