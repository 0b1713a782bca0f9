/// Which streams a client has used and ended, by what it sent itself and whatever became of them here: a value.
///
/// nghttp2 forgets a stream when it is closed. What the client says of it afterwards can be its mistake, or can have been on its way when we
/// closed the stream; only the client's own frames tell which.
struct PeerStreams {
    enum Verdict: Equatable {
        case fine
        /// The stream's client had ended or reset it before (RFC 9113, 5.1).
        case afterEnd
        /// The stream was never used, and a later one has been (RFC 9113, 5.1.1).
        case regression
    }

    /// Streams that are remembered: more than may be open at once, so that it is hardly ever an open one that is forgotten. Two bits for each.
    private static let memory = 1024

    private var highest: Int32 = 0
    /// Whether a header block has begun and not ended: no other frame may come, which nghttp2 sees to (RFC 9113, 6.10).
    private var isBlockOpen = false
    private var used = InlineArray<16, UInt64>(repeating: 0)
    private var ended = InlineArray<16, UInt64>(repeating: 0)

    /// Streams that nobody remembers, and what is no stream of a client, are left to nghttp2.
    mutating func received(_ head: FrameHead) -> Verdict {
        guard !self.isBlockOpen else {
            if head.type == FrameHead.continuation { self.isBlockOpen = !head.endsHeaders }
            return .fine
        }
        self.isBlockOpen = head.type == FrameHead.headers && !head.endsHeaders
        let id = head.stream
        guard id & 1 == 1 else { return .fine }
        if id > self.highest {
            guard head.type == FrameHead.headers else { return .fine }
            self.open(id)
        } else {
            guard self.isRemembered(id) else { return .fine }
            // Whoever has ended the requests may still give up the call, or widen its window.
            if head.type == FrameHead.headers || head.type == FrameHead.data {
                if !self.isSet(id, in: self.used) { return .regression }
                if self.isSet(id, in: self.ended) { return .afterEnd }
            }
        }
        if head.endsStream || head.type == FrameHead.reset { self.ended[Self.word(id)] |= Self.bit(id) }
        return .fine
    }

    private mutating func open(_ id: Int32) {
        // Whatever lies between is skipped for ever; the places of streams that are forgotten now become theirs.
        let skipped = min(Int(id - self.highest) / 2, Self.memory)
        for step in 0..<max(skipped, 1) {
            let reused = id - 2 * Int32(step)
            self.used[Self.word(reused)] &= ~Self.bit(reused)
            self.ended[Self.word(reused)] &= ~Self.bit(reused)
        }
        self.highest = id
        self.used[Self.word(id)] |= Self.bit(id)
    }

    private func isRemembered(_ id: Int32) -> Bool { Int(self.highest - id) / 2 < Self.memory }

    private func isSet(_ id: Int32, in bits: InlineArray<16, UInt64>) -> Bool { bits[Self.word(id)] & Self.bit(id) != 0 }

    private static func word(_ id: Int32) -> Int { Int(id >> 1) % Self.memory / 64 }
    private static func bit(_ id: Int32) -> UInt64 { 1 << UInt64((id >> 1) % 64) }
}
