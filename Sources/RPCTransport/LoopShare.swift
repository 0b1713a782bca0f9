/// The part of a loop's time that a kind of work may have, each piece of which may be long and cannot be interrupted: half of it. A value.
struct LoopShare {
    /// Nanoseconds of work that nobody notices.
    private static let shortWork: UInt64 = 500_000

    private var restUntil: UInt64 = 0

    /// A piece has been worked off between two instants, in nanoseconds: for as long everybody else has the loop now.
    mutating func worked(from start: UInt64, until end: UInt64) {
        if end - start > Self.shortWork { self.restUntil = end + (end - start) }
    }

    /// When the next piece may begin; nil for now.
    func rest(at now: UInt64) -> UInt64? { now < self.restUntil ? self.restUntil : nil }
}
