internal import NovitaiProto
internal import ProtobufJSON
internal import RPCCore

/// What a refused call says to people: the message, every field that is wrong, and whether anything may have happened.
///
/// - Parameter requestID: of the change that was asked for, if one was. An answer without details does not say whether it was made.
func describe(_ error: RPCError, requestID: String?) -> String {
    var lines = ["error: \(error.message) (\(error.code))"]
    let refusal = Refusal(error)
    for violation in refusal.violations { lines.append("  \(violation.subject): \(violation.description)") }
    if let requestID, refusal.effect == .unknown || error.details.isEmpty {
        lines.append("  it is not known whether the change was made; repeat the command with --request-id \(requestID)")
    }
    return lines.joined(separator: "\n")
}
