/// Messages on their way out of one stream. Kept as they were given, and copied once, when they are sent; small ones behind others are copied
/// together at once, so that a stream of them is no list of allocations.
struct OutboundQueue {
    private var current: [UInt8] = []
    /// How much of `current` has been sent.
    private var offset = 0
    private(set) var waiting: [[UInt8]] = []
    /// How many of `waiting` have had their turn, and are empty now.
    private var firstWaiting = 0
    /// Whether the last of `waiting` is made of small messages, and takes more of them.
    private var isLastOpen = false
    /// All that has not been sent.
    private(set) var byteCount = 0

    /// Bytes of a message that is copied to others: more are cheaper to keep.
    private static let smallSize = 2048
    /// Bytes of small messages in one piece: what one frame may carry.
    private static let pieceSize = 16_384

    mutating func append(_ message: [UInt8]) {
        if self.joinsLast(message.count) {
            // `UInt8` has no padding, whose bytes would have no value.
            self.joinLast(unsafe message.span.bytes)
        } else {
            self.start(message, isOpen: message.count <= Self.smallSize)
        }
    }

    mutating func append(copying message: RawSpan) {
        if self.joinsLast(message.byteCount) {
            self.joinLast(message)
        } else {
            // The buffer is only read, within the call that lends it.
            self.start(unsafe message.withUnsafeBytes { unsafe Array($0) }, isOpen: message.byteCount <= Self.smallSize)
        }
    }

    private func joinsLast(_ count: Int) -> Bool {
        self.isLastOpen && count <= Self.smallSize && self.waiting[self.waiting.count - 1].count + count <= Self.pieceSize
    }

    private mutating func joinLast(_ message: RawSpan) {
        // As above.
        unsafe message.withUnsafeBytes { unsafe self.waiting[self.waiting.count - 1].append(contentsOf: $0) }
        self.byteCount += message.byteCount
    }

    /// Begins a piece.
    private mutating func start(_ piece: [UInt8], isOpen: Bool) {
        if self.byteCount == 0 {
            self.current = piece
            self.offset = 0
        } else {
            self.waiting.append(piece)
            self.isLastOpen = isOpen
        }
        self.byteCount += piece.count
    }

    mutating func removeAll() { self = OutboundQueue() }

    /// Moves the next bytes to the front of `target`: as many as it holds, or all there are.
    mutating func copy(into target: UnsafeMutableRawBufferPointer) {
        let wanted = min(target.count, self.byteCount)
        var filled = 0
        while filled < wanted {
            let count = min(wanted - filled, self.current.count - self.offset)
            // Both ranges lie within their buffers: `count` is the least of what either has left.
            unsafe self.current.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[filled..<(filled + count)])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[self.offset..<(self.offset + count)]))
            }
            filled += count
            self.offset += count
            if self.offset == self.current.count { self.advance() }
        }
        self.byteCount -= wanted
    }

    private mutating func advance() {
        self.offset = 0
        guard self.firstWaiting < self.waiting.count else {
            self.current = []
            self.waiting.removeAll(keepingCapacity: true)
            self.firstWaiting = 0
            return
        }
        self.current = self.waiting[self.firstWaiting]
        self.waiting[self.firstWaiting] = []
        self.firstWaiting += 1
        if self.firstWaiting == self.waiting.count { self.isLastOpen = false }
        if self.firstWaiting > Self.usedMax, 2 * self.firstWaiting > self.waiting.count { self.dropUsed() }
    }

    /// Used places that are kept at least: few enough to cost nothing, enough for short queues never to be moved.
    private static let usedMax = 64

    /// In a queue that is never empty nothing else would. Each message is moved once at most on average.
    private mutating func dropUsed() {
        self.waiting.removeFirst(self.firstWaiting)
        self.firstWaiting = 0
    }
}
