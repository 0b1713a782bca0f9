/// What a session learned from the bytes that it was fed or from what it sent. In the order of happening.
package enum HTTP2Event {
    /// A complete header block: a request, a response (1xx too), or trailers. The block is readable until the events are dropped.
    case headers(HTTP2Stream, HeaderBlock, endStream: Bool)
    /// Bytes of a DATA frame, without padding: where they lie in what `receive` was given last. Credit for them is given back with `consume`.
    case data(HTTP2Stream, Range<Int>, endStream: Bool)
    /// The stream is over: in the regular way (`noError`) or by a reset from either side. Nothing follows for it.
    case closed(HTTP2Stream, HTTP2ErrorCode)
    /// The peer's SETTINGS are in force.
    case settings
    /// The peer answered one of our PINGs.
    case pingAcknowledged(UInt64)
    /// The peer ends the connection; streams of ours above `lastStream` were not processed.
    /// `text` says why, in printable ASCII; usually empty.
    case goAway(lastStream: Int32, HTTP2ErrorCode, text: String)
}
