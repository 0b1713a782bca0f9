/// Which end of the connection a session is.
package enum HTTP2Role: Sendable {
    case server
    case client
}

/// What a session announces and what it bears from its peer.
package struct HTTP2SessionConfiguration: Sendable {
    /// Streams that the peer may have open at once. 1000: a service's clients share few connections.
    package var maxConcurrentStreams: UInt32 = 1000
    /// Bytes of one stream that may be on their way to us unasked (RFC 9113, 6.9.2). It bounds the memory of a stream whose reader is slow.
    package var streamWindow: Int32 = 65_535
    /// Bytes of all streams on their way to us. Credit comes back on arrival, so this bounds no memory, only the speed of distant peers.
    package var connectionWindow: Int32 = 4 << 20

    /// Bytes of a header list that we announce and keep, counted as name + value + 32 for each field (RFC 9113, 6.5.2).
    package var headerListLimit = 16_384
    /// Bytes of a header list at which the stream is reset unanswered: four times the announced limit is no accident.
    package var headerListHardLimit = 65_536
    /// Fields of a header list at which the stream is reset unanswered.
    package var headerFieldLimit = 256
    /// Bytes of all header lists kept from one feeding; the blocks beyond count as too large. A few bytes of HPACK can stand for kilobytes.
    package var headerArenaLimit = 1 << 20

    /// CONTINUATION frames of one header block (CVE-2024-28182): four of them carry what the hard limit lets through.
    package var continuationLimit = 4
    /// Resets by the peer that nghttp2 lets through at once, and how many more each second, whatever they reset: a second fence behind
    /// `FloodLimits.rapidResets`. Clients of gRPC reset whenever they cancel and whenever a call ends early, as often as they call.
    package var resetBurst: UInt64 = 10_000
    package var resetRate: UInt64 = 10_000

    package var floodLimits = FloodLimits()

    package init() {}
}

/// What a peer may do that costs us more than it costs the peer. Beyond these the connection is ended with ENHANCE_YOUR_CALM.
package struct FloodLimits: Sendable {
    /// Frames queued for a peer that does not read: each is memory of ours.
    package var queuedFrames = 5000
    /// Resets of ours, with codes other than NO_ERROR and CANCEL, that the peer may provoke (CVE-2025-8671): at once, and each second.
    package var provokedResets = 100
    package var provokedResetsPerSecond = 10
    /// DATA frames in a row without a byte and without END_STREAM (CVE-2019-9518).
    package var emptyDataFrames = 10
    /// Header lists beyond the hard limit.
    package var oversizedHeaderLists = 3
    /// SETTINGS frames at once, and each second (CVE-2019-9515).
    package var settingsFrames = 10
    package var settingsFramesPerSecond = 10
    /// PINGs at once, and each second, but for one after each frame of a call that we sent (CVE-2019-9512).
    package var pings = 20
    package var pingsPerSecond = 20
    /// Nanoseconds that a peer lets pass between PINGs while we send nothing, and how many early ones it has free
    /// (gRFC A8; the reference servers want five minutes, we publish ten seconds).
    package var pingInterval: UInt64 = 10_000_000_000
    package var pingStrikes = 2
    /// Resets by the peer before an answer and within so many nanoseconds of the stream's beginning (CVE-2023-44487): as many as there are
    /// streams, so that a client may give up all that it has begun, and so many more each second and for each call that was answered.
    /// They count while draining too, when nghttp2's own limit is off.
    package var rapidResets = 1000
    package var rapidResetsPerSecond = 50
    package var rapidResetAge: UInt64 = 1_000_000_000
    /// Frames that bring nothing: DATA too short for a message, PRIORITY, types that nobody knows, and DATA of ours that tiny windows cut short. So many for nothing, one more for each
    /// `bytesPerCrumb` bytes of DATA, and so many more for each stream (CVE-2019-9511, -9513).
    package var crumbs = 1000
    package var bytesPerCrumb = 8
    package var crumbsPerStream = 50
    /// WINDOW_UPDATEs for nothing, and so many more for each stream and for each tenth of a DATA frame that we sent.
    package var windowUpdates = 100
    package var windowUpdatesPerStream = 4

    package init() {}
}
