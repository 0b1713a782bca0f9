/// Counts what a peer does beyond reason. A value: time is an argument, in nanoseconds from any fixed moment.
struct FloodGuard {
    let limits: FloodLimits
    /// The first limit that was broken.
    private(set) var verdict: (error: HTTP2SessionError, code: HTTP2ErrorCode)?
    var economy: FrameEconomy
    private var closedStreams: ClosedStreams

    private var provokedResets: TokenBucket
    private var settings: TokenBucket
    private var pings: TokenBucket
    private var emptyDataFrames = 0
    private var oversizedHeaderLists = 0
    private var lastValidPing: UInt64?
    private var pingStrikes = 0

    init(limits: FloodLimits) {
        self.limits = limits
        self.provokedResets = TokenBucket(capacity: limits.provokedResets, perSecond: limits.provokedResetsPerSecond)
        self.settings = TokenBucket(capacity: limits.settingsFrames, perSecond: limits.settingsFramesPerSecond)
        self.pings = TokenBucket(capacity: limits.pings, perSecond: limits.pingsPerSecond)
        self.economy = FrameEconomy(limits)
        self.closedStreams = ClosedStreams(limits)
    }

    mutating func resetProvoked(at now: UInt64) {
        if !self.provokedResets.take(at: now) { self.end("provoked_resets") }
    }

    mutating func settingsReceived(at now: UInt64) {
        if !self.settings.take(at: now) { self.end("settings_flood") }
    }

    mutating func dataReceived(isEmpty: Bool) {
        self.emptyDataFrames = isEmpty ? self.emptyDataFrames + 1 : 0
        if self.emptyDataFrames > self.limits.emptyDataFrames { self.end("empty_data_frames") }
    }

    mutating func headerListOversized() {
        self.oversizedHeaderLists += 1
        if self.oversizedHeaderLists >= self.limits.oversizedHeaderLists { self.end("oversized_headers") }
    }

    /// gRFC A8: a PING too soon after the last is a strike, and the third strike is out.
    mutating func pingReceived(at now: UInt64) {
        if !self.pings.take(at: now) { return self.end("too_many_pings") }
        if let last = self.lastValidPing, now - last < self.limits.pingInterval {
            self.pingStrikes += 1
            if self.pingStrikes > self.limits.pingStrikes { self.end("too_many_pings") }
        } else {
            self.lastValidPing = now
        }
    }

    /// HEADERS or DATA went out. Clients probe the round trip with a PING right after the first bytes of a response, which is no strike.
    mutating func callFrameSent() {
        self.lastValidPing = nil
        self.pingStrikes = 0
    }

    /// nghttp2 ignores PRIORITY altogether, as we asked it to (RFC 9113, 6.3).
    mutating func priorityReceived(on id: Int32) {
        self.economy.uselessReceived()
        if id == 0 { self.end("priority_on_connection", .protocolError) }
    }

    mutating func streamOpened(_ id: Int32) {
        self.economy.streamOpened()
        self.closedStreams.opened(id)
    }

    /// HEADERS for a stream that is not open.
    mutating func strayFrameReceived(on id: Int32) {
        if self.closedStreams.wasEndedByPeer(id) { return self.end("frame_after_end", .streamClosed) }
        if self.closedStreams.isRegression(id) { self.end("stream_id_regression", .protocolError) }
    }

    mutating func streamClosed(_ stream: HTTP2Stream, at now: UInt64) {
        let isRapid = stream.isResetByPeer && !stream.isStarted && now < stream.startedAt + self.limits.rapidResetAge
        self.closedStreams.closed(stream.id, endedByPeer: stream.isRemoteEnded || stream.isResetByPeer, isRapid: isRapid)
        if isRapid, self.closedStreams.areMostlyReset { self.end("rapid_resets") }
    }

    /// After each feeding.
    mutating func fed(queuedFrames: Int) {
        if queuedFrames > self.limits.queuedFrames { self.end("queued_frames") }
        if let reason = self.economy.verdict { self.end(reason) }
    }

    private mutating func end(_ reason: String, _ code: HTTP2ErrorCode = .enhanceYourCalm) {
        if self.verdict == nil { self.verdict = (HTTP2SessionError(reason: reason), code) }
    }
}

/// So many at once, so many more each second.
struct TokenBucket {
    private let capacity: UInt64
    private let perSecond: UInt64
    /// In billionths of a token, so that a nanosecond adds `perSecond` of them.
    private var level: UInt64
    private var filledAt: UInt64?

    private static let token: UInt64 = 1_000_000_000

    init(capacity: Int, perSecond: Int) {
        self.capacity = UInt64(capacity) * Self.token
        self.perSecond = UInt64(perSecond)
        self.level = self.capacity
    }

    mutating func take(at now: UInt64) -> Bool {
        let (gain, overflow) = (now - min(now, self.filledAt ?? now)).multipliedReportingOverflow(by: self.perSecond)
        self.level = overflow ? self.capacity : min(self.capacity, self.level + min(gain, self.capacity))
        self.filledAt = now
        guard self.level >= Self.token else { return false }
        self.level -= Self.token
        return true
    }
}
