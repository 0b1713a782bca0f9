internal import NovitaiProto
internal import ProtobufJSON
internal import RPCCore

/// What a refused call says to people: the message, every field that is wrong, and whether anything may have happened.
func describe(_ error: RPCError) -> String {
    var lines = ["error: \(error.message) (\(error.code))"]
    let refusal = Refusal(error)
    for violation in refusal.violations { lines.append("  \(violation.subject): \(violation.description)") }
    if refusal.effect == .unknown {
        lines.append("  it is not known yet whether the change was made; repeat the command with the same --request-id")
    }
    return lines.joined(separator: "\n")
}
