/// Counts what a peer does beyond reason. A value: time is an argument, in nanoseconds from any fixed moment.
struct FloodGuard {
    let limits: FloodLimits
    /// The first limit that was broken.
    private(set) var verdict: (error: HTTP2SessionError, code: HTTP2ErrorCode)?
    private var scanner = FrameScanner()
    private var streams = PeerStreams()
    private var economy: FrameEconomy

    private var rapidResets: TokenBucket
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
        self.rapidResets = TokenBucket(capacity: limits.rapidResets, perSecond: limits.rapidResetsPerSecond)
        self.economy = FrameEconomy(limits)
    }

    /// Looks at a client's frames before nghttp2 does.
    ///
    /// - Returns: how many of the bytes are fit to be fed: all, or those before the first frame that ends the connection.
    mutating func inspect(_ bytes: Span<UInt8>) -> Int {
        var offset = 0
        while let (head, start) = self.scanner.next(in: bytes, at: &offset) {
            self.frameReceived(head)
            if self.verdict != nil { return start }
        }
        return bytes.count
    }

    private mutating func frameReceived(_ head: FrameHead) {
        switch self.streams.received(head) {
        case .fine: break
        case .afterEnd: self.end("frame_after_end", .streamClosed)
        case .regression: self.end("stream_id_regression", .protocolError)
        }
        switch head.type {
        case FrameHead.data:
            // nghttp2 does not look at what comes for a stream that has been answered to the end.
            if head.isOverpadded { self.end("too_much_padding", .protocolError) }
            // The last of a stream may be empty.
            if !head.endsStream { self.economy.dataReceived(head.payloadCount) }
        case FrameHead.windowUpdate: self.economy.windowUpdated()
        case FrameHead.priority:
            self.economy.uselessReceived()
            // nghttp2 ignores PRIORITY altogether, as we asked it to (RFC 9113, 6.3; RFC 7540, 5.3.1).
            if head.stream == 0 { self.end("priority_on_connection", .protocolError) }
            if head.dependency == head.stream { self.end("priority_on_itself", .protocolError) }
        // PINGs of ours are few.
        case FrameHead.ping: if head.isAcknowledgement { self.economy.uselessReceived() }
        // A peer that leaves says so twice (RFC 9113, 6.8); more say nothing.
        case FrameHead.goAway, (FrameHead.continuation + 1)...: self.economy.uselessReceived()
        // Each of the others has a limit of its own.
        default: break
        }
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

    /// - Parameter isBeyondBearing: no client that has read what we announced comes there by accident.
    mutating func headerListOversized(isBeyondBearing: Bool) {
        self.oversizedHeaderLists += 1
        if isBeyondBearing || self.oversizedHeaderLists >= self.limits.oversizedHeaderLists { self.end("oversized_headers") }
    }

    /// gRFC A8: a PING too soon after the last is a strike, and the third strike is out.
    mutating func pingReceived(at now: UInt64) {
        guard let last = self.lastValidPing else { return self.lastValidPing = now }
        if !self.pings.take(at: now) { return self.end("too_many_pings") }
        guard now - last < self.limits.pingInterval else { return self.lastValidPing = now }
        self.pingStrikes += 1
        if self.pingStrikes > self.limits.pingStrikes { self.end("too_many_pings") }
    }

    /// HEADERS went out.
    mutating func headersSent() { self.excusePings() }

    mutating func dataSent(_ length: Int, isCutShort: Bool) {
        self.economy.dataSent(length, isCutShort: isCutShort)
        self.excusePings()
    }

    /// Clients probe the round trip with a PING after the bytes of a response: grpc-go without a pause, so that a fast download has thousands
    /// a second. The first one after a frame of ours is free, as it costs us no more than that frame.
    private mutating func excusePings() {
        self.lastValidPing = nil
        self.pingStrikes = 0
    }

    mutating func streamOpened() { self.economy.streamOpened() }

    /// Only resets that have had us work for nothing count (CVE-2023-44487): before an answer, soon after the beginning, and not because the
    /// time that the client gave the call is running out. Calls that were answered make up for as many.
    mutating func streamClosed(_ stream: HTTP2Stream, at now: UInt64) {
        guard !stream.isStarted else { return self.rapidResets.giveBack() }
        guard stream.isResetByPeer, now < stream.startedAt + min(self.limits.rapidResetAge, stream.timeout / 2) else { return }
        if !self.rapidResets.take(at: now) { self.end("rapid_resets") }
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

    mutating func giveBack() { self.level = min(self.capacity, self.level + Self.token) }
}
