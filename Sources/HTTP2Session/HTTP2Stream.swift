/// One stream of a session. Lives until the session reports it closed, and as long as someone keeps it.
package final class HTTP2Stream {
    package internal(set) var id: Int32
    /// What the session's driver knows about the stream. To be cleared when the stream is closed, for it usually points back here.
    package var owner: AnyObject?

    /// Whether the session has not reported it closed.
    package internal(set) var isOpen = true
    /// Whether the peer has ended its side.
    package internal(set) var isRemoteEnded = false
    /// Bytes given to the session for this stream and not yet sent.
    package var bufferedBytes: Int { self.outbound.byteCount }

    /// Whether it had a header list beyond all bearing, for which the session has ended the stream, or the connection.
    package internal(set) var isHeaderListOversized = false

    /// Where the session keeps it.
    var slot = -1
    var outbound = OutboundQueue()
    /// nil while more may come.
    var end: End?
    /// Whether nghttp2 was told to wait for us with this stream's data.
    var isDeferred = false
    /// Whether the headers of our side have been submitted.
    package internal(set) var isStarted = false

    enum End {
        case endStream
        case trailers(OutgoingHeaders)
    }

    /// Nanoseconds from its beginning that the peer gives the stream, when the driver knows of it: a reset then is only to be expected.
    package var timeout = UInt64.max
    /// When it began, and whether the peer has reset it.
    let startedAt: UInt64
    var isResetByPeer = false

    init(id: Int32, at now: UInt64) {
        self.id = id
        self.startedAt = now
    }
}
