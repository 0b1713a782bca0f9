/// The streams of a peer that have come and gone: a value.
struct ClosedStreams {
    private let limits: FloodLimits
    /// The highest identifier that the peer has used.
    private(set) var highest: Int32 = 0
    private var recent: [Int32] = []
    /// Of `recent`, whether the peer itself had ended its side.
    private var wasEndedByPeer: [Bool] = []
    private var next = 0
    /// Of the last so many streams, which ones the peer reset at once.
    private var isRapid: [Bool] = []
    private var nextRapid = 0
    private var rapidCount = 0

    /// Frames for streams that ended a moment ago may still be on their way (RFC 9113, 5.1).
    private static let recentMax = 256

    init(_ limits: FloodLimits) { self.limits = limits }

    mutating func opened(_ id: Int32) { self.highest = max(self.highest, id) }

    /// - Parameters:
    ///   - endedByPeer: whether the peer had said that nothing more would come.
    ///   - isRapid: whether the peer reset it before we had answered, and right after its beginning (CVE-2023-44487).
    mutating func closed(_ id: Int32, endedByPeer: Bool, isRapid: Bool) {
        if self.recent.count < Self.recentMax {
            self.recent.append(id)
            self.wasEndedByPeer.append(endedByPeer)
        } else {
            self.recent[self.next] = id
            self.wasEndedByPeer[self.next] = endedByPeer
        }
        self.next = (self.next + 1) % Self.recentMax
        self.note(isRapid)
    }

    /// Whether the peer has ended the stream with `id` not long ago, so that no frame of it can still be on its way.
    func wasEndedByPeer(_ id: Int32) -> Bool {
        guard id <= self.highest, let index = self.recent.firstIndex(of: id) else { return false }
        return self.wasEndedByPeer[index]
    }

    private mutating func note(_ isRapid: Bool) {
        if self.isRapid.count < self.limits.rapidResetWindow {
            self.isRapid.append(isRapid)
        } else {
            if self.isRapid[self.nextRapid] { self.rapidCount -= 1 }
            self.isRapid[self.nextRapid] = isRapid
        }
        self.nextRapid = (self.nextRapid + 1) % self.limits.rapidResetWindow
        if isRapid { self.rapidCount += 1 }
    }

    /// Whether more than half of the last streams were reset at once.
    var areMostlyReset: Bool { self.rapidCount > self.limits.rapidResetWindow / 2 }

    /// Whether `id`, below the highest and not open, was never used: the peer has gone back (RFC 9113, 5.1.1).
    func isRegression(_ id: Int32) -> Bool { id < self.highest && self.recent.allSatisfy { $0 != id } && !self.mayBeForgotten(id) }

    /// Whether more streams have ended since than are remembered, and `id` may have been one of them.
    private func mayBeForgotten(_ id: Int32) -> Bool {
        self.recent.count == Self.recentMax && id < (self.recent.min() ?? 0)
    }
}
