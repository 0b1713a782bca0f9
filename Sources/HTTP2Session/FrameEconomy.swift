/// What a peer's frames cost us against what they bring: a value. Nothing here depends on time.
struct FrameEconomy {
    private let limits: FloodLimits
    private var streams = 0
    private var payloadBytes = 0
    private var sentDataFrames = 0
    private var windowUpdates = 0
    private var crumbs = 0

    /// The shortest DATA that can be a message: its prefix.
    private static let messageSizeMin = 5

    init(_ limits: FloodLimits) { self.limits = limits }

    mutating func streamOpened() { self.streams += 1 }

    mutating func dataSent() { self.sentDataFrames += 1 }

    mutating func dataReceived(_ length: Int) {
        self.payloadBytes += length
        if length < Self.messageSizeMin { self.crumbs += 1 }
    }

    /// A frame that says nothing to us: PRIORITY.
    mutating func uselessReceived() { self.crumbs += 1 }

    mutating func windowUpdated() { self.windowUpdates += 1 }

    /// Why the peer has gone too far; nil when it has not.
    var verdict: String? {
        if self.crumbs > self.limits.crumbs + self.payloadBytes / self.limits.bytesPerCrumb + self.limits.crumbsPerStream * self.streams {
            return "frame_crumbs"
        }
        let updatesMax = self.limits.windowUpdates + self.limits.windowUpdatesPerStream * (self.streams + 10 * self.sentDataFrames)
        return self.windowUpdates > updatesMax ? "window_updates" : nil
    }
}
