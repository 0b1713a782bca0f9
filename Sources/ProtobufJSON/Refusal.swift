package import NovitaiProto
package import RPCCore

/// What the details of an error say, for whoever shows it to people.
package struct Refusal: Sendable {
    /// A field, a ceiling or a condition, and what is wrong with it.
    package struct Violation: Sendable, Hashable {
        package var subject: String
        package var description: String

        package init(subject: String, description: String) {
            self.subject = subject
            self.description = description
        }
    }

    /// A word in capitals for programs; empty when the error brings none.
    package private(set) var reason = ""
    package private(set) var effect = NovitaiV1.Effect.unspecified
    package private(set) var violations: [Violation] = []

    /// Details that cannot be read are left out: the message is there without them.
    package init(_ error: RPCError) {
        guard !error.details.isEmpty, let status = try? GoogleRpc.Status(decoding: error.details) else { return }
        for detail in status.details { self.read(detail) }
    }

    private mutating func read(_ detail: GoogleProtobuf.AnyMessage) {
        switch detail.typeUrl.split(separator: "/").last {
        case "google.rpc.ErrorInfo":
            self.reason = Self.decode(GoogleRpc.ErrorInfo.self, detail)?.reason ?? ""
        case "google.rpc.BadRequest":
            let violations = Self.decode(GoogleRpc.BadRequest.self, detail)?.fieldViolations ?? []
            self.violations += violations.map { Violation(subject: $0.field, description: $0.description) }
        case "google.rpc.QuotaFailure":
            let violations = Self.decode(GoogleRpc.QuotaFailure.self, detail)?.violations ?? []
            self.violations += violations.map { Violation(subject: $0.subject, description: $0.description) }
        case "google.rpc.PreconditionFailure":
            let violations = Self.decode(GoogleRpc.PreconditionFailure.self, detail)?.violations ?? []
            self.violations += violations.map { Violation(subject: $0.subject, description: $0.description) }
        case "novitai.v1.ErrorEffect":
            self.effect = Self.decode(NovitaiV1.ErrorEffect.self, detail)?.effect ?? .unspecified
        default: break
        }
    }

    private static func decode<Message: RPCMessage>(_ type: Message.Type, _ detail: GoogleProtobuf.AnyMessage) -> Message? {
        try? Message(decoding: detail.value)
    }
}
