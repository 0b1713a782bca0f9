internal import HTTP2Session
internal import NIOCore

/// A request that is HTTP and not gRPC, whose refusal waits for its end, as HTTP clients expect it: many see no answer that comes while they still
/// send. Its body is thrown away. Bound to its connection's loop.
final class UnreadRequest {
    /// Nobody has to send a body that will not be read: one that takes longer is refused before its end, and asked to stop.
    static let patience = TimeAmount.seconds(1)
    /// Likewise, one that is longer: what a client may send before it hears of a larger window.
    static let bytesMax = 65_535

    let refusal: OutgoingHeaders
    private var timer: Scheduled<Void>?
    private var byteCount = 0

    /// - Parameter refuse: refuses the request now. Not called any more after ``end()``.
    init(_ refusal: OutgoingHeaders, on loop: any EventLoop, refuse: @escaping (OutgoingHeaders) -> Void) {
        self.refusal = refusal
        // A timer that is due in the same moment as what ends the request is run although it was cancelled.
        self.timer = loop.assumeIsolated().scheduleTask(in: Self.patience) { if self.timer != nil { refuse(refusal) } }
    }

    /// - Returns: the refusal when it is time for it.
    func receive(_ count: Int, endStream: Bool) -> OutgoingHeaders? {
        self.byteCount += count
        return endStream || self.byteCount > Self.bytesMax ? self.refusal : nil
    }

    func end() {
        self.timer?.cancel()
        self.timer = nil
    }
}
