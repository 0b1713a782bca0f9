/// What a peer's frames cost us against what they bring: a value. Nothing here depends on time.
struct FrameEconomy {
    private let limits: FloodLimits
    private var streams = 0
    private var payloadBytes = 0
    private var sentDataFrames = 0
    private var sentBytes = 0
    private var windowUpdates = 0
    private var crumbs = 0

    /// The shortest DATA that can be a message: its prefix.
    private static let messageSizeMin = 5
    /// DATA of ours below this size that the peer's window has cut short is a crumb too: the peer has us send it byte by byte.
    private static let dribbleSize = 1024
    /// A window need not be a multiple of our frames: for each of these bytes one may be cut short for nothing.
    private static let bytesPerDribble = 16 << 10

    init(_ limits: FloodLimits) { self.limits = limits }

    mutating func streamOpened() { self.streams += 1 }

    /// - Parameter isCutShort: whether more of the stream waits.
    mutating func dataSent(_ length: Int, isCutShort: Bool) {
        self.sentDataFrames += 1
        self.sentBytes += length
        if isCutShort, length < Self.dribbleSize { self.crumbs += 1 }
    }

    mutating func dataReceived(_ length: Int) {
        self.payloadBytes += length
        if length < Self.messageSizeMin { self.crumbs += 1 }
    }

    /// A frame that says nothing to us: PRIORITY.
    mutating func uselessReceived() { self.crumbs += 1 }

    mutating func windowUpdated() { self.windowUpdates += 1 }

    /// Why the peer has gone too far; nil when it has not.
    var verdict: String? {
        let crumbsMax =
            self.limits.crumbs + self.limits.crumbsPerStream * self.streams + self.payloadBytes / self.limits.bytesPerCrumb
            + self.sentBytes / Self.bytesPerDribble
        if self.crumbs > crumbsMax { return "frame_crumbs" }
        let updatesMax = self.limits.windowUpdates + self.limits.windowUpdatesPerStream * (self.streams + 10 * self.sentDataFrames)
        return self.windowUpdates > updatesMax ? "window_updates" : nil
    }
}
