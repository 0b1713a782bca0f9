import FoundationEssentials
import GRPCCore

let requestSize = 271828
let responseSize: Int32 = 314159

func zeros(_ size: Int) -> Grpc_Testing_Payload {
    .with { $0.body = Data(count: size) }
}

func largeRequest() -> Grpc_Testing_SimpleRequest {
    .with {
        $0.responseSize = responseSize
        $0.payload = zeros(requestSize)
    }
}

func sized(_ size: Int, _ responses: Int32...) -> Grpc_Testing_StreamingOutputCallRequest {
    .with {
        $0.payload = zeros(size)
        $0.responseParameters = responses.map { size in .with { $0.size = size } }
    }
}

func expectZeros(_ payload: Grpc_Testing_Payload, _ size: Int32) throws {
    guard payload.body == Data(count: Int(size)) else { throw Mismatch("a body of \(payload.body.count) bytes instead of \(size) zeros") }
}

func expectEqual<Value: Equatable>(_ found: Value, _ expected: Value) throws {
    guard found == expected else { throw Mismatch("\(found) instead of \(expected)") }
}

/// `call` must fail with this status.
func expect<Value>(_ code: RPCError.Code, _ message: String? = nil, _ call: () async throws -> Value) async throws {
    do {
        let value = try await call()
        throw Mismatch("\(value) instead of \(code)")
    } catch let error as RPCError {
        try expectEqual(error.code, code)
        if let message { try expectEqual(error.message, message) }
    }
}

/// `call` must end because its task was cancelled. grpc-swift has no status of its own for that: it passes Swift's error on, mostly as the cause
/// of an UNKNOWN.
func expectCancelled<Value>(_ call: () async throws -> Value) async throws {
    do {
        let value = try await call()
        throw Mismatch("\(value) instead of a cancellation")
    } catch {
        guard isCancellation(error) else { throw error }
    }
}

private func isCancellation(_ error: any Error) -> Bool {
    guard let error = error as? RPCError else { return error is CancellationError }
    return error.code == .cancelled || error.cause.map(isCancellation) == true
}

typealias Responses = RPCAsyncSequence<Grpc_Testing_StreamingOutputCallResponse, any Error>

/// What has to come, then the end.
func expect(_ sizes: [Int32], in responses: Responses) async throws {
    var found: [Int32] = []
    for try await response in responses {
        found.append(Int32(response.payload.body.count))
        try expectZeros(response.payload, found[found.count - 1])
    }
    try expectEqual(found, sizes)
}
