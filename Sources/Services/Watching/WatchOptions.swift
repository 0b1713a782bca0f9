internal import Fleet
internal import NovitaiProto
internal import ProtobufWire

/// What requests to watch have in common, whatever they watch.
struct WatchOptions {
    /// Seconds between bookmarks that may be asked for, and what is taken without being asked.
    static let bookmarkSeconds: ClosedRange<Int64> = 1...60
    static let bookmarkDefault: Duration = .seconds(5)
    /// Bookmarks of thousands of watches are due in a few moments of a second, not each at its own.
    private static let bookmarkTick: Duration = .milliseconds(250)
    /// Objects that one watch may name: each may cost a read from the store.
    static let idsMax = 1000
    /// Events of one read from the durable log.
    static let logReadSize = 500

    let everyChange: Bool
    let bookmarkInterval: Duration
    /// Nil: begin with a snapshot.
    let resumeAfter: Revision?
    private let history: HistoryID

    /// - Throws: `invalidArgument`, `unknownHistory` for a token of another history, and `storeUnavailable`.
    init(
        everyChange: Bool, bookmarkInterval: GoogleProtobuf.Duration?, resumeToken: NovitaiV1.ResumeToken?, ids: [String], backend: Backend
    ) throws(FleetError) {
        guard let deployment = backend.view.deployment else { throw FleetError(.storeUnavailable, "the store is not open yet") }
        guard ids.count <= Self.idsMax else {
            throw .invalid([FieldViolation("ids", "must be at most \(Self.idsMax); without any, all are watched")])
        }
        self.everyChange = everyChange
        self.bookmarkInterval = try Self.interval(bookmarkInterval)
        self.resumeAfter = try Self.resumption(resumeToken, in: deployment.history)
        self.history = deployment.history
    }

    func token(at position: Revision) -> NovitaiV1.ResumeToken { NovitaiV1.ResumeToken(self.history, position) }

    /// When the next bookmark is due: the silence is never longer than was asked for.
    func bookmarkDue(after sent: Timestamp) -> Timestamp { (sent + self.bookmarkInterval).floored(to: Self.bookmarkTick) }

    private static func interval(_ asked: GoogleProtobuf.Duration?) throws(FleetError) -> Duration {
        guard let asked else { return self.bookmarkDefault }
        guard (Duration.seconds(self.bookmarkSeconds.lowerBound)...(.seconds(self.bookmarkSeconds.upperBound))).contains(asked.duration)
        else {
            throw .invalid([FieldViolation("bookmark_interval", "must be 1 to 60 seconds")])
        }
        return asked.duration
    }

    /// An empty token, as it stands in the responses of a snapshot, asks for a snapshot too.
    private static func resumption(_ token: NovitaiV1.ResumeToken?, in history: HistoryID) throws(FleetError) -> Revision? {
        guard let token, token != NovitaiV1.ResumeToken() else { return nil }
        guard token.historyId == history.rawValue else {
            throw FleetError(.unknownHistory, "the token belongs to another history; begin again without a token")
        }
        guard token.revision >= 0 else { throw .invalid([FieldViolation("resume_token.revision", "must not be negative")]) }
        return Revision(token.revision)
    }
}
