/// The outcome of a call that did not succeed: what a handler throws and what a client call throws.
///
/// It becomes the trailers of the call: `grpc-status`, `grpc-message`, `grpc-status-details-bin` and `metadata`
/// (grpc/grpc `doc/PROTOCOL-HTTP2.md`, "Responses").
@usableFromInline
package struct RPCError: Error, Sendable, Hashable {
    /// The status codes of grpc/grpc `doc/statuscodes.md`.
    package enum Code: UInt8, Sendable, Hashable, CaseIterable {
        case ok = 0
        case cancelled = 1
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case alreadyExists = 6
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case aborted = 10
        case outOfRange = 11
        case unimplemented = 12
        case `internal` = 13
        case unavailable = 14
        case dataLoss = 15
        case unauthenticated = 16
    }

    package var code: Code
    /// For people; nobody matches on it. Any Unicode text: it is percent-encoded on the wire.
    package var message: String
    /// An encoded `google.rpc.Status` for `grpc-status-details-bin`; empty when there are no details.
    package var details: [UInt8]
    /// Further trailers.
    package var metadata: Metadata

    package init(code: Code, message: String, details: [UInt8] = [], metadata: Metadata = Metadata()) {
        self.code = code
        self.message = message
        self.details = details
        self.metadata = metadata
    }

    /// What the peer is told about an error that is no ``RPCError``: a fixed text, because a stray error may hold anything.
    /// A cancelled task is CANCELLED, everything else UNKNOWN, as grpc/grpc `doc/statuscodes.md` says.
    package init(describing error: any Error) {
        switch error {
        case let error as RPCError: self = error
        case is CancellationError: self.init(code: .cancelled, message: "the call was cancelled")
        default: self.init(code: .unknown, message: "the handler failed with an error that is no status")
        }
    }
}

extension RPCError: CustomStringConvertible {
    @usableFromInline package var description: String { "\(self.code): \(self.message)" }
}

extension RPCError.Code: CustomStringConvertible {
    /// The name as gRPC writes it, for example `INVALID_ARGUMENT`.
    package var description: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internal: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        }
    }
}

extension RPCError {
    /// Of a wait or of work that a cancelled task has no use for.
    package static let taskCancelled = RPCError(code: .cancelled, message: "the task was cancelled")
}
