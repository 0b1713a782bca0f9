/// The head of a frame (RFC 9113, 4.1).
struct FrameHead {
    let length: Int
    let type: UInt8
    let flags: UInt8
    /// Without the reserved bit.
    let stream: Int32

    static let size = 9

    var endsStream: Bool { (self.type == Self.data || self.type == Self.headers) && self.flags & 1 != 0 }

    var endsHeaders: Bool { self.flags & 4 != 0 }

    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let reset: UInt8 = 3
    static let windowUpdate: UInt8 = 8
    /// The last of the types that RFC 9113 defines.
    static let continuation: UInt8 = 9
}

/// Finds the heads of a client's frames in its bytes: a value. nghttp2 tells us nothing of frames of unknown types, nor of those for streams that
/// it has forgotten, so we look before it does.
struct FrameScanner {
    /// Bytes until the next head: at first the connection's preface, which nghttp2 checks (RFC 9113, 3.4).
    private var skipped = 24
    /// What has come of the next head.
    private var head = InlineArray<9, UInt8>(repeating: 0)
    private var headCount = 0

    /// The next frame whose head ends at or after `offset`, which is moved behind it; nil at the end of `bytes`.
    ///
    /// - Returns: the head, and where it begins in `bytes`: at 0 when it began earlier.
    mutating func next(in bytes: Span<UInt8>, at offset: inout Int) -> (FrameHead, start: Int)? {
        let skippedNow = min(self.skipped, bytes.count - offset)
        self.skipped -= skippedNow
        offset += skippedNow
        let start = offset
        while self.headCount < FrameHead.size {
            guard offset < bytes.count else { return nil }
            self.head[self.headCount] = bytes[offset]
            self.headCount += 1
            offset += 1
        }
        self.headCount = 0
        let head = self.parsed
        self.skipped = head.length
        return (head, start)
    }

    private var parsed: FrameHead {
        let head = self.head
        let stream = UInt32(head[5] & 0x7F) << 24 | UInt32(head[6]) << 16 | UInt32(head[7]) << 8 | UInt32(head[8])
        return FrameHead(
            length: Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2]), type: head[3], flags: head[4], stream: Int32(stream))
    }
}
