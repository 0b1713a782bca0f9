import GRPCCore

let echoInitial = "x-grpc-test-echo-initial"
let echoTrailing = "x-grpc-test-echo-trailing-bin"

extension InteropClient {
    func customMetadata() async throws {
        let given: Metadata = [echoInitial: "test_initial_metadata_value", echoTrailing: [0xab, 0xab, 0xab]]
        @Sendable func check(_ initial: Metadata, _ trailing: Metadata) throws {
            try expectEqual(Array(initial[stringValues: echoInitial]), ["test_initial_metadata_value"])
            try expectEqual(Array(trailing[binaryValues: echoTrailing]), [[0xab, 0xab, 0xab]])
        }
        let response = try await self.unaryCall(largeRequest(), metadata: given)
        _ = try response.message
        try check(response.metadata, response.trailingMetadata)
        try await self.fullDuplexCall(metadata: given) { sending in
            sending.yield(sized(10, 10))
            sending.finish()
        } converse: { _, response in
            var trailing: Metadata = [:]
            for try await part in response.bodyParts {
                if case .trailingMetadata(let metadata) = part { trailing = metadata }
            }
            try check(response.metadata, trailing)
        }
    }

    func statusCodeAndMessage() async throws {
        let message = "test status message"
        let wanted = Grpc_Testing_EchoStatus.with {
            $0.code = 2
            $0.message = message
        }
        try await expect(.unknown, message) { try await self.unaryCall(.with { $0.responseStatus = wanted }).message }
        try await expect(.unknown, message) {
            try await self.fullDuplexCall { sending in
                sending.yield(.with { $0.responseStatus = wanted })
                sending.finish()
            } converse: { _, response in
                try await expect([], in: response.messages)
            }
        }
    }

    func specialStatusMessage() async throws {
        let message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
        try await expect(.unknown, message) {
            try await self.unaryCall(
                .with {
                    $0.responseStatus = .with {
                        $0.code = 2
                        $0.message = message
                    }
                }
            ).message
        }
    }

    func unimplemented(service: String) async throws {
        try await expect(.unimplemented) {
            let response: ClientResponse<Grpc_Testing_Empty> = try await self.unary(
                "UnimplementedCall", Grpc_Testing_Empty(), in: service)
            return try response.message
        }
    }

    func cancelAfterBegin() async throws {
        let (begun, beginning) = AsyncStream.makeStream(of: Void.self)
        let call = Task {
            try await self.streamingInputCall { _ in
                beginning.finish()
                // A producer that throws fails the call by itself, and it is the cancellation that is to end it.
                try? await Task.sleep(for: Self.callLimit)
            }
        }
        for await _ in begun {}
        call.cancel()
        try await expectCancelled { try await call.value }
    }

    func cancelAfterFirstResponse() async throws {
        let (answered, answering) = AsyncStream.makeStream(of: Void.self)
        let call = Task {
            try await self.fullDuplexCall {
                $0.yield(sized(27182, 31415))
            } converse: { _, response in
                for try await response in response.messages {
                    try expectZeros(response.payload, 31415)
                    answering.finish()
                }
            }
        }
        for await _ in answered {}
        call.cancel()
        try await expectCancelled { try await call.value }
    }

    func timeoutOnSleepingServer() async throws {
        try await expect(.deadlineExceeded) {
            try await self.fullDuplexCall(timeout: .milliseconds(1)) {
                $0.yield(sized(27182))
            } converse: { _, response in
                try await expect([], in: response.messages)
            }
        }
    }
}
