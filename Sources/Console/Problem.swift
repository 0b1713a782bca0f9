internal import HTTPTypes
internal import NovitaiProto
internal import ProtobufJSON
internal import RPCCore

/// Why a request of the page was not answered, as it is sent to the page.
struct Problem: Error, Sendable {
    /// gRPC's name of the status.
    let code: String
    let message: String
    /// A word in capitals for programs.
    let reason: String
    let effect: NovitaiV1.Effect
    let violations: [Refusal.Violation]

    private let status: RPCError.Code

    init(_ code: RPCError.Code, _ reason: String, _ message: String, field: String? = nil) {
        self.code = code.description
        self.status = code
        self.message = message
        self.reason = reason
        self.effect = .none
        self.violations = field.map { [Refusal.Violation(subject: $0, description: message)] } ?? []
    }

    init(_ error: RPCError) {
        let refusal = Refusal(error)
        self.code = error.code.description
        self.status = error.code
        self.message = error.message
        self.reason = refusal.reason
        self.effect = refusal.effect
        self.violations = refusal.violations
    }

    /// The nearest status of HTTP, as google/rpc/code.proto pairs them.
    var httpStatus: HTTPResponse.Status {
        switch self.status {
        case .ok: .ok
        case .invalidArgument, .failedPrecondition, .outOfRange: .badRequest
        case .unauthenticated: .unauthorized
        case .permissionDenied: .forbidden
        case .notFound: .notFound
        case .aborted, .alreadyExists: .conflict
        case .resourceExhausted: .tooManyRequests
        case .cancelled: .init(code: 499, reasonPhrase: "Client Closed Request")
        case .unimplemented: .notImplemented
        case .unavailable: .serviceUnavailable
        case .deadlineExceeded: .gatewayTimeout
        case .unknown, .internal, .dataLoss: .internalServerError
        }
    }

    var json: String {
        MessageJSON(
            Answer(code: self.code, message: self.message, reason: self.reason, effect: self.effect, violations: self.violations), .compact
        ).text
    }

    private struct Answer {
        let code: String
        let message: String
        let reason: String
        let effect: NovitaiV1.Effect
        let violations: [Refusal.Violation]
    }
}
