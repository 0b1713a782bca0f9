/// Messages on their way out of one stream. Kept as they were given, and copied once, when they are sent, or lent when they are large; small ones
/// behind others are put together at once, so that a stream of them is no list of allocations.
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
    /// Messages among it, the one that is being sent included, that can be sent from where they are.
    private(set) var largeCount = 0

    /// Bytes of a message that is copied to others: more are cheaper to keep.
    private static let smallSize = 2048
    /// Bytes of small messages in one piece: what one frame may carry.
    private static let pieceSize = 16_384

    mutating func append(_ message: [UInt8]) {
        if self.joinsLast(message.count) {
            let last = self.makeRoomInLast(message.count)
            self.waiting[last] += message
        } else {
            self.start(message, isOpen: message.count <= Self.smallSize)
        }
    }

    /// Appends a message of `size` bytes, all of which `write` writes.
    mutating func append(_ size: Int, _ write: (inout OutputSpan<UInt8>) -> Void) {
        if self.joinsLast(size) {
            let last = self.makeRoomInLast(size)
            let end = self.waiting[last].count + size
            self.waiting[last].append(addingCapacity: size, initializingWith: write)
            precondition(self.waiting[last].count == end, "a message has as many bytes as it said")
        } else {
            let piece = [UInt8](capacity: size, initializingWith: write)
            precondition(piece.count == size, "a message has as many bytes as it said")
            self.start(piece, isOpen: size <= Self.smallSize)
        }
    }

    private func joinsLast(_ count: Int) -> Bool {
        self.isLastOpen && count <= Self.smallSize && self.waiting[self.waiting.count - 1].count + count <= Self.pieceSize
    }

    private mutating func makeRoomInLast(_ size: Int) -> Int {
        let last = self.waiting.count - 1
        let needed = self.waiting[last].count + size
        if needed > self.waiting[last].capacity { self.waiting[last].reserveCapacity(self.roomOfLast(needed)) }
        self.byteCount += size
        return last
    }

    /// A piece that grew by doubling would be copied once more on the whole. Behind as much as it may hold it has all its room at once.
    private func roomOfLast(_ needed: Int) -> Int { self.byteCount >= Self.pieceSize ? Self.pieceSize : min(4 * needed, Self.pieceSize) }

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
        if piece.count > Self.pieceSize { self.largeCount += 1 }
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

    /// Lends the next bytes, at most `count`, when they belong to a large message.
    mutating func lend(atMost count: Int) -> (bytes: [UInt8], range: Range<Int>)? {
        let count = min(count, self.current.count - self.offset)
        // Small messages are in the cache, from which it takes less time to copy them than to send them piece by piece.
        guard self.current.count > Self.pieceSize, count >= LentPart.sizeMin else { return nil }
        let part = (self.current, self.offset..<(self.offset + count))
        self.offset += count
        self.byteCount -= count
        if self.offset == self.current.count { self.advance() }
        return part
    }

    private mutating func advance() {
        self.offset = 0
        if self.current.count > Self.pieceSize { self.largeCount -= 1 }
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
