import RPCCore
import RPCTransport
import TestProto

// Statuses, metadata, and calls that do not come to their end.
extension InteropCases {
    func customMetadata() async throws {
        let seen = Seen()
        var options = CallOptions(onResponseMetadata: { seen.note($0, $1) })
        try options.metadata.append("test_initial_metadata_value", for: "x-grpc-test-echo-initial")
        try options.metadata.append(binary: [0xAB, 0xAB, 0xAB], for: "x-grpc-test-echo-trailing-bin")
        func check() throws {
            let (initial, trailing) = seen.take()
            try self.expect(initial["x-grpc-test-echo-initial"] == "test_initial_metadata_value", "\(initial)")
            try self.expect(trailing[binary: "x-grpc-test-echo-trailing-bin"] == [0xAB, 0xAB, 0xAB], "\(trailing)")
        }
        _ = try await self.client.unaryCall(Self.largeRequest, options: options)
        try check()
        try await self.client.fullDuplexCall(options: options) { requests, responses in
            try await requests.write(Self.request(Self.requestSize, responses: [(Self.responseSize, nil)]))
            try await requests.finish()
            for try await _ in responses {}
        }
        try check()
    }

    func statusCodeAndMessage() async throws {
        try await self.expectStatus(2, "test status message")
        var request = GrpcTesting.StreamingOutputCallRequest()
        request.responseStatus = Self.status(2, "test status message")
        let error = try await self.expect(.unknown) {
            try await self.client.fullDuplexCall { requests, responses in
                try await requests.write(request)
                try await requests.finish()
                for try await _ in responses {}
            }
        }
        try self.expect(error.message == "test status message", error.message)
    }

    func specialStatusMessage() async throws {
        try await self.expectStatus(2, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")
    }

    private func expectStatus(_ code: UInt8, _ message: String) async throws {
        var request = GrpcTesting.SimpleRequest()
        request.responseStatus = Self.status(code, message)
        let error = try await self.expect(RPCError.Code(rawValue: code) ?? .unknown) { _ = try await self.client.unaryCall(request) }
        try self.expect(error.message == message, error.message)
    }

    private static func status(_ code: UInt8, _ message: String) -> GrpcTesting.EchoStatus {
        var status = GrpcTesting.EchoStatus()
        status.code = Int32(code)
        status.message = message
        return status
    }

    func unimplemented(service: String) async throws {
        let method = MethodDescriptor(service: service, method: "UnimplementedCall", kind: .unary)
        try await self.expect(.unimplemented) {
            let _: GrpcTesting.Empty = try await self.channel.unary(GrpcTesting.Empty(), method: method, options: CallOptions())
        }
    }

    func cancelAfterBegin() async throws {
        let call = Task {
            _ = try await self.client.streamingInputCall { _ in
                // The call exists from here on; it is cancelled before it has a message.
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                try Task.checkCancellation()
            }
        }
        do { try await call.value } catch is CancellationError {} catch let error as RPCError where error.code == .cancelled {}
    }

    func cancelAfterFirstResponse() async throws {
        let call = Task {
            try await self.client.fullDuplexCall { requests, responses in
                var replies = responses.makeAsyncIterator()
                try await requests.write(Self.request(27182, responses: [(31415, nil)]))
                try self.expect(try await replies.next()?.payload, size: 31415)
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                _ = try await replies.next()
            }
        }
        try await self.expect(.cancelled) { try await call.value }
    }

    func timeoutOnSleepingServer() async throws {
        try await self.expect(.deadlineExceeded) {
            try await self.client.fullDuplexCall(options: CallOptions(timeout: .milliseconds(1))) { requests, responses in
                try await requests.write(Self.request(27182))
                for try await _ in responses {}
            }
        }
    }
}
