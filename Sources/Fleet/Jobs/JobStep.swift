/// One create call: what was asked, under which token, and until when its bytes may have left this machine.
package struct CreateAttempt: Hashable, Sendable, Codable {
    package var number: Int
    package var placement: Placement
    package var sentAt: Timestamp
    /// The transfer was over by then, whatever became of the process.
    package var callDeadline: Timestamp

    package init(number: Int, placement: Placement, sentAt: Timestamp, callDeadline: Timestamp) {
        self.number = number
        self.placement = placement
        self.sentAt = sentAt
        self.callDeadline = callDeadline
    }
}

/// What a job does next. The step that follows a provider call is written *before* the call, so that a crash at any point
/// finds the pessimistic one in the row.
package enum JobStep: Hashable, Sendable, Codable {
    /// Choose a candidate and write down the attempt; no create call is unsettled.
    case place
    /// A create call may be under way or its answer lost: look for the machine. `absences` counts full listings without it, begun
    /// after the settle window; two of them are proof.
    case settle(CreateAttempt, absences: Int)
    /// The machine exists; wait until it runs.
    case boot
    /// Ask the provider for the change that the job is about.
    case send
    /// It was asked (or may have been): wait until the provider shows it.
    case confirm
    /// Nothing follows.
    case end
    /// Of a job that this release cannot read, by the word that users see; see `UnreadJob`.
    case unrecognized(String)

    /// The word that users see.
    package var name: String {
        switch self {
        case .place: "PLACE"
        case .settle: "SETTLE"
        case .boot: "BOOT"
        case .send: "SEND"
        case .confirm: "CONFIRM"
        case .end: "END"
        case .unrecognized(let word): word
        }
    }
}
