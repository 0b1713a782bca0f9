/// How many buffers of a connection are read in a turn of its loop: two when it sends much in large frames, whose streams' readers are woken once
/// for both, which takes a tenth less time for each message. One when it sends small calls: hundreds of them may be in a buffer, and all others
/// wait for their answers.
struct ReadAhead {
    /// Bytes that have come in this turn, and what has happened.
    private var bytes = 0
    private var events = 0
    private var isAhead = false

    /// Bytes of a turn that says something about those that follow: less is read in one go anyway.
    private static let fullSize = 48 << 10
    /// Bytes for each event from which on they are large frames.
    private static let largeSize = 4 << 10

    mutating func received(_ count: Int) { self.bytes += count }
    mutating func handled(_ count: Int) { self.events += count }

    /// - Returns: how many buffers are to be read in the next turn; nil when that has not changed.
    mutating func turnEnded() -> UInt? {
        defer { (self.bytes, self.events) = (0, 0) }
        guard self.bytes >= Self.fullSize else { return nil }
        let isAhead = self.events > 0 && self.bytes >= Self.largeSize * self.events
        guard isAhead != self.isAhead else { return nil }
        self.isAhead = isAhead
        return isAhead ? 2 : 1
    }
}
