internal import NovitaiProto
internal import RPCCore

/// What a refused call says to people: the message, every field that is wrong, and whether anything may have happened.
func describe(_ error: RPCError) -> String {
    var lines = ["error: \(error.message) (\(error.code))"]
    for detail in details(of: error) {
        switch detail.typeUrl.split(separator: "/").last {
        case "google.rpc.BadRequest":
            for violation in decode(GoogleRpc.BadRequest.self, detail)?.fieldViolations ?? [] {
                lines.append("  \(violation.field): \(violation.description)")
            }
        case "google.rpc.QuotaFailure":
            for violation in decode(GoogleRpc.QuotaFailure.self, detail)?.violations ?? [] {
                lines.append("  \(violation.subject): \(violation.description)")
            }
        case "google.rpc.PreconditionFailure":
            for violation in decode(GoogleRpc.PreconditionFailure.self, detail)?.violations ?? [] {
                lines.append("  \(violation.subject): \(violation.description)")
            }
        case "novitai.v1.ErrorEffect":
            if let effect = decode(NovitaiV1.ErrorEffect.self, detail), effect.effect == .unknown {
                lines.append("  it is not known yet whether the change was made; repeat the command with the same --request-id")
            }
        default: continue
        }
    }
    return lines.joined(separator: "\n")
}

private func details(of error: RPCError) -> [GoogleProtobuf.AnyMessage] {
    guard !error.details.isEmpty, let status = try? GoogleRpc.Status(decoding: error.details) else { return [] }
    return status.details
}

/// A detail that cannot be read is left out: the message has been shown.
private func decode<Message: RPCMessage>(_ type: Message.Type, _ detail: GoogleProtobuf.AnyMessage) -> Message? {
    try? Message(decoding: detail.value)
}
