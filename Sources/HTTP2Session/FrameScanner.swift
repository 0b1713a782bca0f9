/// The head of a frame (RFC 9113, 4.1).
struct FrameHead {
    let length: Int
    let type: UInt8
    let flags: UInt8
    /// Without the reserved bit.
    let stream: Int32
    /// On which stream a PRIORITY frame says that its own depends.
    var dependency: Int32?
    /// Bytes of a DATA frame's padding, with the byte that says so.
    var padding = 0

    static let size = 9
    /// With what `DATA` says of its padding.
    static let sizeWithPadding = 10
    /// With the dependency, which nghttp2 does not look at, as we asked it to.
    static let sizeWithDependency = 13

    /// Whether the padding, with the byte that counts it, is more than the whole payload (RFC 9113, 6.1).
    var isOverpadded: Bool { self.padding > self.length }

    /// Bytes that bring something.
    var payloadCount: Int { max(0, self.length - self.padding) }

    var endsStream: Bool { (self.type == Self.data || self.type == Self.headers) && self.flags & 1 != 0 }

    var endsHeaders: Bool { self.flags & 4 != 0 }

    /// Of SETTINGS and PING.
    var isAcknowledgement: Bool { self.flags & 1 != 0 }

    var isPadded: Bool { self.type == Self.data && self.flags & 8 != 0 && self.length > 0 }

    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let reset: UInt8 = 3
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    /// The last of the types that RFC 9113 defines.
    static let continuation: UInt8 = 9
}

extension FrameHead {
    /// - Precondition: a head begins at `offset` and is complete.
    init(_ bytes: Span<UInt8>, at offset: Int) {
        self.length = Int(bytes[offset]) << 16 | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
        self.type = bytes[offset + 3]
        self.flags = bytes[offset + 4]
        self.stream =
            Int32(bytes[offset + 5] & 0x7F) << 24 | Int32(bytes[offset + 6]) << 16 | Int32(bytes[offset + 7]) << 8
            | Int32(bytes[offset + 8])
    }
}

/// Finds the heads of a client's frames in its bytes: a value. nghttp2 tells us nothing of frames of unknown types, nor of those for streams that
/// it has forgotten, so we look before it does.
struct FrameScanner {
    /// Bytes until the next head: at first the connection's preface, which nghttp2 checks (RFC 9113, 3.4).
    private var skipped = 24
    /// What has come of the next head.
    private var head = InlineArray<13, UInt8>(repeating: 0)
    private var headCount = 0

    /// The next frame whose head ends at or after `offset`, which is moved behind it; nil at the end of `bytes`.
    ///
    /// - Returns: the head, and where it begins in `bytes`: at 0 when it began earlier.
    mutating func next(in bytes: Span<UInt8>, at offset: inout Int) -> (FrameHead, start: Int)? {
        let skippedNow = min(self.skipped, bytes.count - offset)
        self.skipped -= skippedNow
        offset += skippedNow
        let start = offset
        // Nearly all heads come in one piece.
        if self.headCount == 0, self.skipped == 0, bytes.count - offset >= FrameHead.sizeWithDependency {
            let head = FrameHead(bytes, at: offset)
            if head.type != FrameHead.priority, !head.isPadded {
                offset += FrameHead.size
                self.skipped = head.length
                return (head, start)
            }
        }
        guard self.take(FrameHead.size, from: bytes, at: &offset) else { return nil }
        var head = FrameHead(self.head.span, at: 0)
        if head.type == FrameHead.priority, head.length >= 4 {
            guard self.take(FrameHead.sizeWithDependency, from: bytes, at: &offset) else { return nil }
            // Without the bit that says "exclusive".
            head.dependency = (1..<4).reduce(Int32(self.head[FrameHead.size] & 0x7F)) { $0 << 8 | Int32(self.head[FrameHead.size + $1]) }
        }
        if head.isPadded {
            guard self.take(FrameHead.sizeWithPadding, from: bytes, at: &offset) else { return nil }
            head.padding = 1 + Int(self.head[FrameHead.size])
        }
        self.skipped = head.length - (self.headCount - FrameHead.size)
        self.headCount = 0
        return (head, start)
    }

    /// - Returns: whether `count` bytes of the head have come.
    private mutating func take(_ count: Int, from bytes: Span<UInt8>, at offset: inout Int) -> Bool {
        while self.headCount < count {
            guard offset < bytes.count else { return false }
            self.head[self.headCount] = bytes[offset]
            self.headCount += 1
            offset += 1
        }
        return true
    }
}
